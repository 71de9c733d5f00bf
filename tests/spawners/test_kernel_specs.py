"""The kernels that are offered: which, under what name, and what they cost of what is left."""

import json
import subprocess

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from spawners.kernel_specs import PROVISIONER, kernel_specs
from spawners.scheduler import Usage
from spawners.site import Site, load_site, site_names
from tests.nodejs import NODEJS

LEFT = Usage(limits={"gres/gpu": 6000}, used={"gres/gpu": 60})


def test_one_for_each_profile_with_gpus_that_is_for_kernels(site: Site) -> None:
    (name, spec), *others = kernel_specs(site, "onboarding", LEFT).items()
    assert (name, others) == ("onramp-gpu-1", [])
    assert spec["metadata"]["kernel_provisioner"] == {"provisioner_name": PROVISIONER, "config": {"profile": "gpu-1"}}


@pytest.mark.parametrize(
    ("usage", "name"),
    [
        (LEFT, "Python on One GPU: 60 of 5\u202f940 GPU min"),
        (None, "Python on One GPU: 60 GPU min"),
    ],
)
def test_its_name_says_what_it_costs(site: Site, usage: Usage | None, name: str) -> None:
    assert kernel_specs(site, None, usage)["onramp-gpu-1"]["display_name"] == name


def test_a_site_with_a_charge_is_told_in_its_own_unit() -> None:
    specs = kernel_specs(load_site("lumi"), "project_465000001", Usage(limits={"gres/gpu": 6000}))
    names = [str(spec["display_name"]) for spec in specs.values()]
    assert names
    assert all("GPU-hour" in name for name in names)


@pytest.mark.parametrize("name", site_names())
def test_every_site_can_be_asked(name: str) -> None:
    """Also without an account, where one has to be named: then there are none."""
    for spec in kernel_specs(load_site(name), None, None).values():
        assert len(str(spec["display_name"])) < 120


@pytest.mark.parametrize("name", site_names())
def test_none_comes_before_the_servers_own_in_the_list_to_choose_from(name: str) -> None:
    """JupyterLab's dialog sorts by name as a browser does, and has the first one chosen: that must cost nothing."""
    own = KernelSpecManager().get_kernel_spec("python3").display_name
    names = [own, *(str(spec["display_name"]) for spec in kernel_specs(load_site(name), None, None).values())]
    program = f"console.log({json.dumps(names)}.sort((a, b) => a.localeCompare(b))[0])"
    done = subprocess.run([NODEJS, "--eval", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout.strip() == own
