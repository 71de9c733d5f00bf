"""The kernels that JupyterLab offers, asked for as its page does of a real Jupyter Server."""

import json
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from notebooks.lab_kernels import write
from spawners.kernel_specs import PROVISIONER
from spawners.scheduler import Usage
from spawners.site import SiteError
from tests.hub_config.running_hub import wait
from tests.kernel import Kernel
from tests.notebooks.jupyter_here import KEY, jupyter


def names(page: httpx.Client) -> list[str]:
    """The kernels that are offered."""
    return sorted(page.get("/api/kernelspecs").raise_for_status().json()["kernelspecs"])


def test_a_server_of_a_site_offers_kernels_with_gpus(tmp_path: Path) -> None:
    with jupyter(tmp_path, ONRAMP_SITE="local") as page:
        wait(lambda: names(page) == ["onramp-gpu-1", "python3"], lambda: str(names(page)))


def test_one_that_cannot_be_had_is_answered_with_the_reason(tmp_path: Path) -> None:
    """It was installed when the site had such a profile."""
    ours = {"kernel_provisioner": {"provisioner_name": PROVISIONER, "config": {"profile": "gpu-9"}}}
    spec = {"argv": [], "display_name": "Nine GPUs", "language": "python", "metadata": ours}
    place = tmp_path / ".local/share/jupyter/kernels/nine"
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps(spec))
    with jupyter(tmp_path, ONRAMP_SITE="local") as page:
        answer = page.post("/api/kernels", json={"name": "nine"}, timeout=60)
        assert answer.status_code == 503
        assert "Choose from: " in answer.json()["message"]
        assert page.get("/api/kernels").json() == []


def test_one_is_idle_until_a_cell_is_run_and_says_there_what_slurm_does_not_do(tmp_path: Path) -> None:
    """This machine has no Slurm, or none that takes jobs from whoever runs tests; nobody notices who only reads."""
    with jupyter(tmp_path, ONRAMP_SITE="local", PATH="/nowhere") as page:
        wait(lambda: "onramp-gpu-1" in names(page), lambda: str(names(page)))
        with closing(Kernel(str(page.base_url), KEY, "onramp-gpu-1")) as kernel:
            kernel.connect()
            wait(lambda: states(page) == ["idle"], lambda: str(states(page)))
            for _ in range(2):
                assert "Slurm did not take the kernel's job: " in kernel.run("1")
                wait(lambda: states(page) == ["idle"], lambda: str(states(page)))
            kernel.restart()
            wait(lambda: states(page) == ["idle"], lambda: str(states(page)))


def states(page: httpx.Client) -> list[str]:
    """What Jupyter Server has for its kernels."""
    return [one["execution_state"] for one in page.get("/api/kernels").raise_for_status().json()]


def test_without_a_site_there_is_only_the_servers_own(tmp_path: Path) -> None:
    with jupyter(tmp_path) as page:
        assert names(page) == ["python3"]


def test_what_is_left_is_said_anew(tmp_path: Path) -> None:
    for used in (0, 5950):
        write(tmp_path, {"ONRAMP_SITE": "local"}, Usage(limits={"gres/gpu": 6000}, used={"gres/gpu": used}))
        told = json.loads((tmp_path / "onramp-gpu-1/kernel.json").read_text())["display_name"]
        assert f"of {6000 - used:,} GPU".replace(",", "\u202f") in told
    assert [path.name for path in (tmp_path / "onramp-gpu-1").iterdir()] == ["kernel.json"]


def test_a_mistake_in_the_sites_file_is_no_kernel_of_ours(tmp_path: Path) -> None:
    with pytest.raises(SiteError):
        write(tmp_path, {"ONRAMP_SITE": "nowhere"}, None)
