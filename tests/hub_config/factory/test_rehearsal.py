"""A site rehearsed on this machine keeps what it teaches, and has this machine's folders and software."""

import pytest

from hub_config.factory.rehearsal import RehearsalError, rehearsed
from hub_config.factory.site_slurm import cluster
from spawners.request import resolve
from spawners.resources import Request
from spawners.site import load_site, site_names
from spawners.site_check import check_site

SLURM = [name for name in site_names() if load_site(name).scheduler == "slurm"]


def test_this_machine_is_itself() -> None:
    assert rehearsed(load_site("local")) == load_site("local")


def test_rules_partitions_and_profiles_stay_and_folders_and_software_are_the_factory_s() -> None:
    site = load_site("leonardo")
    found = rehearsed(site)

    assert (found.partitions, found.profiles, found.account) == (site.partitions, site.profiles, site.account)
    assert found.title == "Leonardo (CINECA, IT4LIA AI Factory), rehearsed on this machine"
    assert (found.paths.home, found.paths.runtime) == ("/home/{user}", "/srv/onramp/spool/{user}")
    assert found.interface is None
    assert [one.name for one in found.environments] == [one.name for one in site.environments]
    assert {one.path for one in found.environments} == {"/srv/onramp/venv"}


@pytest.mark.parametrize("name", SLURM)
def test_every_site_of_slurm_can_be_rehearsed_and_its_profiles_start(name: str) -> None:
    site = rehearsed(load_site(name))

    assert check_site(site).mistakes == ()
    assert cluster(site, name).partitions
    for profile in site.profiles:
        partition = site.partition(profile.partition)
        account = (partition.account or site.account.template).replace("{project}", "onboarding")
        qos = "onboarding" if "{account}" in (profile.qos or "") else None
        request = Request(purpose=profile.purposes[0], profile=profile.name, account=account, qos=qos)
        assert resolve(request, site).environment is not None


def test_a_site_without_slurm_cannot_be_rehearsed() -> None:
    with pytest.raises(RehearsalError, match=r"Hunter .* runs pbs, and a factory runs Slurm"):
        rehearsed(load_site("hunter"))
