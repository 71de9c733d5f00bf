"""When more workers start and what they cost, said before they are asked for."""

from collections.abc import Callable

import pytest

from spawners.cluster_offer import offer
from spawners.cluster_plan import ClusterPlan
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_cluster import door, make_plan, plan  # noqa: F401 - fixtures

USAGE = "onboarding||gres/gpu=1000|cpu=5,gres/gpu=40\n"


@pytest.mark.parametrize(
    ("profiles", "more", "starts", "cost"),
    [
        (("cpu",), {"cpu": 4}, "starts at once.", "Uses no GPU minutes."),
        (("gpu-1",), {"gpu-1": 2}, "starts within about 2 hours.", "Uses up to 120 of 960 GPU minutes left."),
        (("gpu-1",), {"gpu-1": 20}, "starts within about 2 hours.", "Needs 1\N{NARROW NO-BREAK SPACE}200 GPU min"),
        (("cpu", "gpu-1"), {"cpu": 1, "gpu-1": 1}, "cpu starts at once; gpu-1 starts within", "Uses up to 60 of 960"),
        (("cpu", "gpu-1"), {"cpu": 1, "gpu-1": 0}, "starts at once.", "Uses no GPU minutes."),
    ],
)  # fmt: skip
async def test_it_says_when_and_how_much(
    profiles: tuple[str, ...],
    more: dict[str, int],
    starts: str,
    cost: str,
    make_plan: Callable[..., ClusterPlan],
    door: Callable[[], Slurm],
    fake_slurm: FakeSlurm,
) -> None:
    fake_slurm.starts(cpu=0, gpu=60)
    fake_slurm.answer("sshare", out=USAGE)
    first, *others = profiles
    said = await offer(make_plan(*others, profile=first, account="onboarding"), more, door())
    assert said.starts.startswith(starts)
    assert said.cost.startswith(cost)
    assert str(said).startswith(f"{sum(more.values())} worker")


async def test_a_partition_that_is_not_open_is_said(
    plan: ClusterPlan, door: Callable[[], Slurm], fake_slurm: FakeSlurm
) -> None:
    fake_slurm.refuse(cpu="Invalid account or account/partition combination specified")
    assert (await offer(plan, {"cpu": 1}, door())).starts.startswith("is not open to you: Invalid account")


async def test_where_slurm_does_not_answer_nothing_is_claimed(
    make_plan: Callable[..., ClusterPlan], door: Callable[[], Slurm], fake_slurm: FakeSlurm
) -> None:
    for command in ("sbatch", "sshare", "sacct", "sacctmgr"):
        fake_slurm.answer(command, err="Unable to contact slurm controller", code=1)
    said = await offer(make_plan(profile="gpu-1"), {"gpu-1": 1}, door())
    assert str(said) == "1 worker. Slurm does not say when they start. Uses up to 60 GPU minutes."
