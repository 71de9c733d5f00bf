"""The factory's own /etc."""

import pytest

from hub_config.factory import etc
from hub_config.factory.plan import PEOPLE, make_plan

HOST = [
    "root:x:0:0:root:/root:/bin/bash",
    "mysql:x:117:120::/nonexistent:/bin/false",
    "anna:x:1000:1000::/home/anna:/bin/sh",
    "nobody:x:65534:65534::/:/bin/false",
]


@pytest.fixture
def plan():
    return make_plan(8000, 101)


def names(text):
    return [line.split(":")[0] for line in text.splitlines()]


def test_passwd_keeps_system_accounts_and_leaves_people_of_the_host_out(plan):
    found = names(etc.passwd(plan, HOST))

    assert found[:2] == ["root", "nobody"]
    assert "anna" not in found
    assert found.count("mysql") == 1, "the factory's own mysql replaces the host's"


def test_only_people_have_a_home_and_a_shell(plan):
    for line in etc.passwd(plan, HOST).splitlines()[2:]:
        name, _, uid, gid, _, home, shell = line.split(":")

        assert int(uid) == int(gid) == plan.uids[name]
        assert (home, shell) == (
            (f"/home/{name}", "/bin/bash") if name in PEOPLE else ("/nonexistent", "/usr/sbin/nologin")
        )


def test_everybody_who_may_be_acted_for_is_a_learner(plan):
    line = next(line for line in etc.group(plan, []).splitlines() if line.startswith("learners:"))

    assert line.split(":")[3].split(",") == list(PEOPLE)


def test_every_node_name_resolves_on_loopback(plan):
    found = {name: address for address, *names in map(str.split, etc.hosts(plan).splitlines()) for name in names}

    assert {found[node.name] for node in plan.nodes} == {"127.0.0.1"}


def test_neither_environment_nor_script_goes_to_accounting(plan):
    conf = dict(line.split("=", 1) for line in etc.slurm_conf(plan).splitlines())

    assert conf["AccountingStoreFlags"] == "job_comment"
    assert "limits" in conf["AccountingStorageEnforce"]


def test_every_gpu_of_a_node_is_a_device_file(plan):
    assert etc.gres_conf(plan).splitlines()[:2] == [
        f"NodeName=gpu1 Name=gpu File={device}" for device in plan.nodes[2].gpus[:2]
    ]
    assert "Gres=gpu:4" in etc.slurm_conf(plan)


def test_partitions_split_nodes_by_what_they_have(plan):
    partitions = [line.split()[:2] for line in etc.slurm_conf(plan).splitlines() if line.startswith("Partition")]

    assert partitions == [["PartitionName=cpu", "Nodes=cpu1,cpu2"], ["PartitionName=gpu", "Nodes=gpu1,gpu2"]]
