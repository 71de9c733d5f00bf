"""The factory's own /etc."""

import pytest

from hub_config.factory import etc
from hub_config.factory.plan import PEOPLE, make_plan
from hub_config.factory.site_slurm import cluster
from spawners.site import load_site
from tests.sites.traps import TRAPS

HOST = [
    "root:x:0:0:root:/root:/bin/bash",
    "mysql:x:117:120::/nonexistent:/bin/false",
    "anna:x:1000:1000::/home/anna:/bin/sh",
    "nobody:x:65534:65534::/:/bin/false",
]


@pytest.fixture
def plan():
    return make_plan(8000, 101, cluster(load_site("local"), "local"))


@pytest.fixture
def traps():
    return make_plan(8000, 101, cluster(load_site(TRAPS), str(TRAPS)))


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


def test_the_factory_of_this_machine_is_as_it_always_was(plan):
    ports = [plan.slurm_port(name) for name in ("cpu1", "cpu2", "gpu1", "gpu2")]
    found = [line for line in etc.slurm_conf(plan).splitlines() if line.startswith(("NodeName", "PartitionName"))]

    assert found == [
        f"NodeName=cpu1 NodeAddr=127.0.0.1 Port={ports[0]} CPUs=5 RealMemory=8000 State=UNKNOWN",
        f"NodeName=cpu2 NodeAddr=127.0.0.1 Port={ports[1]} CPUs=5 RealMemory=8000 State=UNKNOWN",
        f"NodeName=gpu1 NodeAddr=127.0.0.1 Port={ports[2]} CPUs=8 RealMemory=16000 Gres=gpu:4 State=UNKNOWN",
        f"NodeName=gpu2 NodeAddr=127.0.0.1 Port={ports[3]} CPUs=8 RealMemory=16000 Gres=gpu:4 State=UNKNOWN",
        "PartitionName=cpu Nodes=cpu1,cpu2 Default=YES DefaultTime=60 MaxTime=480 MaxNodes=2 State=UP",
        "PartitionName=gpu Nodes=gpu1,gpu2 DefaultTime=60 MaxTime=240 MaxNodes=2 State=UP",
    ]


def test_a_feature_is_a_node_s_own(traps):
    conf = etc.slurm_conf(traps).splitlines()

    assert [line.split()[5:-1] for line in conf if line.startswith("NodeName=kinds")] == [
        ["Feature=a100"],
        ["Feature=v100"],
    ]


def test_gpus_have_the_type_that_the_site_asks_for_them_by():
    site = load_site("local")
    typed = site.model_copy(update={"gpus": (site.gpus[0].model_copy(update={"type": "h100"}),)})
    plan = make_plan(8000, 101, cluster(typed, "local"))

    assert "NodeName=gpu1 Name=gpu Type=h100 File=/dev/onramp/gpu1/0" in etc.gres_conf(plan).splitlines()
    assert "Gres=gpu:h100:4 " in etc.slurm_conf(plan)


def test_what_slurm_cannot_limit_is_a_table_in_lua(plan, traps):
    first, _, rest = etc.job_submit_lua(traps).partition("\n")

    assert first.startswith('local site = {["account_required"] = true, ["memory_comes_with_cpus"] = true, ')
    assert '["kinds"] = {["constraint_required"] = true, ["forbids_notebooks"] = false}' in first
    assert (
        '["project"] = {["constraint_required"] = false, ["forbids_notebooks"] = false, ["default_qos"] = "nothing"}'
        in first
    )
    assert "function slurm_job_submit" in rest
    assert '["account_required"] = false' in etc.job_submit_lua(plan)
