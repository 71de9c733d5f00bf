"""A site becomes partitions, nodes, QoS, accounts and rules of a Slurm."""

import pytest

from hub_config.factory.site_slurm import cluster
from spawners.site import load_site, site_names
from tests.sites.traps import TRAPS

TRAP = cluster(load_site(TRAPS), str(TRAPS))


def gpus(count: int) -> dict[str, tuple[str, ...]]:
    """The GPUs of the nodes of this machine's own factory, where it has so many real ones."""
    found = cluster(load_site("local"), "local", [f"/dev/nvidia{number}" for number in range(count)])
    return {node.name: node.gpus for node in found.nodes if node.gpus}


def options(name: str) -> tuple[str, ...]:
    """What slurm.conf says of a partition of the trap."""
    return next(partition.options for partition in TRAP.partitions if partition.name == name)


def limits(name: str) -> tuple[str, ...]:
    """What sacctmgr sets for a QoS of the trap."""
    return next(qos.limits for qos in TRAP.qos if qos.name == name)


def test_two_cpu_and_two_gpu_nodes_of_four_gpus() -> None:
    found = cluster(load_site("local"), "local")

    assert [node.name for node in found.nodes] == ["cpu1", "cpu2", "gpu1", "gpu2"]
    assert {name: len(devices) for name, devices in gpus(0).items()} == {"gpu1": 4, "gpu2": 4}
    assert [(qos.name, qos.limits) for qos in found.qos] == [("onramp-urgent", ("Preempt=normal",))]
    assert [(one.name, one.gpu_minutes, one.people) for one in found.accounts] == [
        ("onboarding", 6000, ("teacher1", "student1", "student2", "student3")),
        ("sme", 3000, ("sme1",)),
        ("grading", 3000, ("onramp-grade",)),
    ]


@pytest.mark.parametrize(
    ("count", "real_on_gpu1", "real_on_gpu2"), [(1, 1, 0), (4, 4, 0), (6, 4, 2), (16, 4, 4)], ids=str
)
def test_real_gpus_come_first_and_emulated_ones_stand_in_for_those_missing(
    count: int, real_on_gpu1: int, real_on_gpu2: int
) -> None:
    found = gpus(count)

    for name, real, first in (("gpu1", real_on_gpu1, 0), ("gpu2", real_on_gpu2, 4)):
        assert found[name][:real] == tuple(f"/dev/nvidia{first + number}" for number in range(real))
        assert found[name][real:] == tuple(f"/dev/onramp/{name}/{number}" for number in range(real, 4))


@pytest.mark.parametrize("name", [name for name in site_names() if load_site(name).scheduler == "slurm"])
def test_no_two_nodes_of_a_site_have_one_name_and_there_are_ports_for_all(name: str) -> None:
    names = [node.name for node in cluster(load_site(name), name).nodes]

    assert len(set(names)) == len(names) < 78
    assert all(one.isascii() and one.replace("-", "").isalnum() for one in names)


def test_limits_of_a_partition_are_slurms_own() -> None:
    assert options("compute")[:4] == ("Default=YES", "DefaultTime=60", "MaxTime=60", "MaxNodes=1")
    assert "OverSubscribe=EXCLUSIVE" in options("whole")
    assert "DefMemPerCPU=1000" in options("compute")
    assert "QOS=onramp-with-gpu" in options("gpus")


def test_partitions_admit_people_accounts_of_their_form_and_the_qos_they_list() -> None:
    assert "AllowGroups=learners" in options("compute")
    assert "AllowAccounts=onboarding,sme,grading" in options("compute")
    assert "AllowAccounts=onboarding@gpu,sme@gpu,grading@gpu" in options("suffix")
    assert "AllowQos=normal,onramp-urgent" in options("compute")
    assert "AllowQos=short,long,onramp-urgent" in options("named")
    assert not any("Allow" in option for one in cluster(load_site("local"), "").partitions for option in one.options)


def test_a_qos_has_its_limits_and_one_is_made_for_each_account() -> None:
    assert limits("debug") == (
        "Flags=DenyOnLimit",
        "MinTRESPerJob=gres/gpu=-1",
        "MaxTRESPerJob=node=1,cpu=-1,gres/gpu=1",
        "MaxWall=30",
        "MaxJobsPerUser=1",
    )
    assert limits("onboarding@gpu") == limits("sme")
    assert "sme" in next(one.qos for one in TRAP.accounts if one.name == "sme")
    assert "sme" not in next(one.qos for one in TRAP.accounts if one.name == "onboarding")


def test_a_qos_that_partitions_limit_differently_has_the_widest_limits() -> None:
    found = {qos.name: qos.limits for qos in cluster(load_site("leonardo"), "leonardo").qos}

    assert "MaxWall=1440" in found["normal"]
    assert "MaxTRESPerJob=node=64,cpu=-1,gres/gpu=-1" in found["normal"]


def test_an_operators_qos_preempts_every_other_one_and_no_account_has_it() -> None:
    named = [qos.name for qos in TRAP.qos if not qos.name.startswith("onramp-")]

    assert limits("onramp-urgent") == (f"Preempt={','.join(dict.fromkeys(('normal', *named)))}",)
    assert not any("onramp-urgent" in account.qos for account in TRAP.accounts)


def test_nodes_have_what_jobs_find_there() -> None:
    nodes = {node.name: node for node in TRAP.nodes}

    assert (nodes["kinds1"].features, nodes["kinds2"].features) == (("a100",), ("v100",))
    assert (nodes["compute1"].internet, nodes["transfer1"].internet) == (False, True)
    assert (nodes["compute1"].hidden, nodes["compute1"].tmp) == (("/login-only",), 8)


def test_folders_without_which_no_factory_runs_stay_visible() -> None:
    site = load_site(TRAPS)
    paths = site.paths.model_copy(update={"login_only": ("/home/only", "/p", "/tmp", "/usr/local/only")})

    assert cluster(site.model_copy(update={"paths": paths}), "").nodes[0].hidden == ("/p",)


def test_a_job_gets_the_qos_that_it_does_not_name() -> None:
    assert TRAP.asked_of_jobs["partitions"]["project"]["default_qos"] == "nothing"  # type: ignore[index]
