"""What would start sooner than a queued job, on a Slurm that the test plays."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from spawners.lanes import Lanes
from spawners.request import Request, parse_request
from spawners.server_sooner import Question, Sooner, sooner
from spawners.site import Site
from tests.fake_slurm import FakeSlurm
from tests.spawners.test_lanes import ME, busy, lanes, request

__all__ = ["busy", "lanes"]


@pytest.fixture
def smaller(busy: Site) -> Site:
    """The busy site, whose GPU profile falls back to CPUs."""
    profiles = tuple(
        profile.model_copy(update={"fallback": "cpu"}) if profile.name == "gpu-1" else profile
        for profile in busy.profiles
    )
    return busy.model_copy(update={"profiles": profiles})


async def offered(site: Site, known: Lanes, asked: Request, *, minutes: int | None) -> Sooner | None:
    """What is offered instead of a job that is foreseen to start in so many minutes."""
    now = datetime.now(UTC)
    queued = None if minutes is None else now + timedelta(minutes=minutes)
    return await sooner(site, known, asked, ME, queued=queued, now=now)


async def test_another_way_into_the_queue(busy: Site, lanes: Lanes, fake_slurm: FakeSlurm) -> None:
    fake_slurm.starts(normal=300, debug=20, spare=90)

    found = await offered(busy, lanes, request(), minutes=300)
    assert found
    assert found.says.startswith("One GPU in the queue debug starts within about")
    assert found.button == "Start One GPU in the queue debug instead"
    # What the button sends passes the one gate, and is that way.
    assert parse_request(found.options, busy).qos == "debug"
    assert parse_request(found.options, busy).time == 30


async def test_the_smaller_profile(smaller: Site, lanes: Lanes, fake_slurm: FakeSlurm) -> None:
    fake_slurm.starts(normal=300, cpu=0)

    found = await offered(smaller, lanes, request(), minutes=300)
    assert found
    assert found.says == f"{smaller.profile('cpu').display_name} starts at once."
    assert dict(found.options) == {"profile": "cpu", "account": "Course"}


@pytest.mark.parametrize(
    ("minutes", "cpu", "worth_it"),
    [(300, 60, True), (62, 60, False), (None, 60, False), (None, 0, True), (0, 0, False)],
)
async def test_only_what_is_worth_a_change_is_offered(
    smaller: Site, lanes: Lanes, fake_slurm: FakeSlurm, minutes: int | None, cpu: int, worth_it: bool
) -> None:
    fake_slurm.starts(normal=300, cpu=cpu)

    assert (await offered(smaller, lanes, request(), minutes=minutes) is not None) == worth_it


async def test_where_nothing_is_sooner_or_slurm_says_nothing(
    smaller: Site, lanes: Lanes, fake_slurm: FakeSlurm
) -> None:
    fake_slurm.starts(normal=0)
    assert await offered(smaller, lanes, request(), minutes=300) is None
    fake_slurm.answer("sbatch", err="sbatch: error: Unable to contact slurm controller", code=1)
    assert await offered(smaller, lanes, request(time=20), minutes=300) is None


async def test_a_question_is_asked_beside_and_once_a_minute() -> None:
    asked = 0
    going = asyncio.Event()
    answer = Sooner("CPU starts at once.", "Start CPU instead", {"profile": "cpu"})

    async def ask() -> Sooner | None:
        nonlocal asked
        asked += 1
        await going.wait()
        return answer

    async with Question(ask) as question:
        assert question.answer() is None
        going.set()
        await asyncio.sleep(0.01)
        assert [question.answer() for _ in range(3)] == [answer] * 3
        assert asked == 1
        # About another job, the old answer says nothing.
        question.forget()
        assert question.answer() is None
    await asyncio.sleep(0.01)
    assert asyncio.all_tasks() == {asyncio.current_task()}
