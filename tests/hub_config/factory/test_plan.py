"""What a factory consists of."""

import pwd

import pytest
from pydantic import ValidationError

from hub_config.factory.plan import MOST_DAEMONS, PEOPLE, SERVICE_ACCOUNTS, make_plan
from hub_config.factory.site_slurm import cluster
from spawners.site import load_site

LOCAL = cluster(load_site("local"), "local")


def test_emulated_gpus_are_named_by_their_node_and_number():
    """The number is the one that Slurm gives them on their node, and a job reads in CUDA_VISIBLE_DEVICES."""
    plan = make_plan(8000, 101, cluster(load_site("local"), "local", ["/dev/nvidia0"]))

    assert list(plan.emulated_gpus) == ["gpu1/1", "gpu1/2", "gpu1/3", *(f"gpu2/{number}" for number in range(4))]


def test_accounts_get_uids_nobody_on_the_host_has():
    uids = make_plan(8000, 101, LOCAL).uids

    assert set(uids) == {*SERVICE_ACCOUNTS, *PEOPLE}
    assert len(set(uids.values())) == len(uids)
    assert not set(uids.values()) & {entry.pw_uid for entry in pwd.getpwall()}
    assert min(uids.values()) >= 1000


def slurm_ports(plan):
    return [plan.slurm_port(name) for name in ("slurmctld", "slurmdbd", "cpu1", "cpu2", "gpu1", "gpu2")]


def test_two_factories_share_no_address_and_no_port():
    one, other = make_plan(8000, 101, LOCAL), make_plan(8001, 102, LOCAL)

    assert one.control != other.control
    assert len({*slurm_ports(one), *slurm_ports(other)}) == 12


def test_ports_of_slurm_stay_below_those_the_kernel_hands_out():
    assert min(slurm_ports(make_plan(8000, 254, LOCAL))) + MOST_DAEMONS < 32768


def test_a_plan_is_settled():
    plan = make_plan(8000, 101, LOCAL)

    with pytest.raises(ValidationError, match="frozen"):
        plan.port = 1
    with pytest.raises(ValidationError, match="Extra inputs"):
        type(plan).model_validate(plan.model_dump() | {"surprise": 1})
