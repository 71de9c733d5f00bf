"""What a factory consists of."""

import pwd

import pytest
from pydantic import ValidationError

from hub_config.factory.plan import PEOPLE, SERVICE_ACCOUNTS, make_plan


def gpus(plan):
    return {node.name: node.gpus for node in plan.nodes if node.gpus}


def test_two_cpu_and_two_gpu_nodes_of_four_gpus():
    plan = make_plan(8000, 101)

    assert [node.name for node in plan.nodes] == ["cpu1", "cpu2", "gpu1", "gpu2"]
    assert {name: len(devices) for name, devices in gpus(plan).items()} == {"gpu1": 4, "gpu2": 4}
    assert list(plan.emulated_gpus) == ["gpu0", "gpu1", "gpu2", "gpu3"]


@pytest.mark.parametrize(
    ("count", "real_on_gpu1", "real_on_gpu2"), [(1, 1, 0), (4, 4, 0), (6, 4, 2), (16, 4, 4)], ids=str
)
def test_real_gpus_come_first_and_are_never_mixed_with_emulated_ones(count, real_on_gpu1, real_on_gpu2):
    found = gpus(make_plan(8000, 101, [f"/dev/nvidia{number}" for number in range(count)]))

    for name, real in (("gpu1", real_on_gpu1), ("gpu2", real_on_gpu2)):
        assert sum(device.startswith("/dev/nvidia") for device in found[name]) == real
        assert real in (0, len(found[name]))


def test_accounts_get_uids_nobody_on_the_host_has():
    uids = make_plan(8000, 101).uids

    assert set(uids) == {*SERVICE_ACCOUNTS, *PEOPLE}
    assert len(set(uids.values())) == len(uids)
    assert not set(uids.values()) & {entry.pw_uid for entry in pwd.getpwall()}
    assert min(uids.values()) >= 1000


def slurm_ports(plan):
    return [plan.slurm_port(name) for name in ("slurmctld", "slurmdbd", "cpu1", "cpu2", "gpu1", "gpu2")]


def test_two_factories_share_no_address_and_no_port():
    one, other = make_plan(8000, 101), make_plan(8001, 102)

    assert one.control != other.control
    assert len({*slurm_ports(one), *slurm_ports(other)}) == 12


def test_ports_of_slurm_stay_below_those_the_kernel_hands_out():
    assert max(slurm_ports(make_plan(8000, 254))) < 32768


def test_a_plan_is_settled():
    plan = make_plan(8000, 101)

    with pytest.raises(ValidationError, match="frozen"):
        plan.port = 1
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(plan).model_validate(plan.model_dump() | {"surprise": 1})
