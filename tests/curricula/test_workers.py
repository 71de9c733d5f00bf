"""Grading jobs that stand by, on a node that is this machine: whatever ends, nothing is lost and nothing is left."""

import asyncio
import os
import time
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from curricula import worker, workers
from curricula.grading_job import GradingJob
from curricula.handover import Handover
from curricula.marks import GradingError
from curricula.pieces import Outcome
from curricula.report import Limits, Step, Task
from curricula.worker import Pulse
from curricula.workers import Workers
from spawners.scheduler import JobState, Snapshot
from spawners.site import Site
from tests.curricula.course_here import Node, grading_site

LONG = "import time\nfor _ in range(600):\n    time.sleep(0.1)"


def task(code: str = "x = 1") -> Task:
    """One cell, and a test that says whether it ran."""
    steps = (Step(index=0, source=code, where="learner", answers=("x",)), Step(index=1, source="x", where="in-sandbox"))
    return Task(steps=steps, learners=("x",), limits=Limits(seconds=90))


class Ending(Node):
    """A node whose jobs have an end, and may be put back into the queue."""

    def __init__(self) -> None:
        super().__init__()
        self.ends: dict[str, datetime] = {}
        self.waiting: set[str] = set()

    async def jobs(self) -> Snapshot:
        states = dict(await super().jobs())
        for job_id, end in self.ends.items():
            states[job_id] = states[job_id].model_copy(update={"end": end})
        for job_id in self.waiting:
            states[job_id] = states[job_id].model_copy(update={"state": "PENDING"})
        return Snapshot(states, at=0)

    async def ended(self, *job_ids: str) -> dict[str, JobState]:
        return {}


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slow this machine is, no further job is started because the first one lets wait."""
    monkeypatch.setattr(workers, "PATIENCE", 30.0)


@pytest.fixture
def node() -> Iterator[Ending]:
    one = Ending()
    yield one
    one.close()


@pytest.fixture
async def jobs(node: Ending, site: Site, tmp_path: Path) -> AsyncIterator[Workers]:
    """None stands by. Afterwards nothing is left."""
    one = made(node, site, tmp_path)
    yield one
    await one.close()
    assert list((tmp_path / "handover").iterdir()) == []
    await until(lambda: node.running == 0)


def made(node: Ending, site: Site, folder: Path, *, least: int = 0) -> Workers:
    (folder / "handover").mkdir(exist_ok=True)
    return Workers(node, GradingJob(grading_site(site)), folder / "handover", least=least)  # type: ignore[arg-type]


async def one_standing_by(node: Ending, site: Site, folder: Path) -> Workers:
    """Jobs of which one always stands by, and has begun."""
    standing = made(node, site, folder, least=1)
    standing.stand_by()
    await until(lambda: list(standing.handover.glob("*/out/ready.json")))
    return standing


async def until(condition, seconds: float = 60) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


def well(outcome: Outcome) -> bool:
    report = outcome.answer.report
    return outcome.problem is None and report is not None and [ran.ok for ran in report.cells] == [True, True]


async def test_a_job_that_dies_half_way_loses_nothing(jobs: Workers, node: Ending, tmp_path: Path) -> None:
    pieces = [asyncio.create_task(jobs.run(task(f"import time; time.sleep(0.3); x = {n}"), 2)) for n in range(8)]
    await until(lambda: any(piece.done() for piece in pieces))
    node.kill("1")
    outcomes = await asyncio.gather(*pieces)

    assert all(well(outcome) for outcome in outcomes)
    assert {outcome.job_id for outcome in outcomes} == {"1", "2"}


async def test_what_only_waited_for_a_piece_that_ends_its_job_twice_is_done(
    jobs: Workers, node: Ending, caplog: pytest.LogCaptureFixture
) -> None:
    """And the log says of each job that ended why, and what it printed last."""
    fatal = asyncio.create_task(jobs.run(task(LONG), 2))
    other = asyncio.create_task(jobs.run(task(), 2))
    for job_id in ("1", "2"):
        await until(lambda: len(list(jobs.handover.glob("*/in/*"))) == 2)
        node.kill(job_id)
        await until(lambda: not list(jobs.handover.glob("*/in/*")))

    assert isinstance((await fatal).problem, GradingError)
    assert well(await other)
    for job_id in ("1", "2"):
        assert f"Grading job {job_id} ended without a report" in caplog.text
    assert caplog.text.count("It printed last: the job speaks\nWalls: ") == 2


async def test_as_much_waits_in_a_jobs_folder_as_it_did_since_the_last_look(
    jobs: Workers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or a processor would wait for us, once many small pieces come at once."""
    monkeypatch.setattr(workers, "LOOK", 1.0)
    pieces = [asyncio.create_task(jobs.run(task(), 2)) for _ in range(14)]
    most = 0
    while not all(piece.done() for piece in pieces):
        most = max(most, len(list(jobs.handover.glob("*/in/*"))))
        await asyncio.sleep(0.02)
    assert most > 3


async def test_of_slow_work_one_piece_waits_in_a_jobs_folder(jobs: Workers) -> None:
    """Another job might begin with it sooner."""
    pieces = [asyncio.create_task(jobs.run(task(code), 2)) for code in (LONG, "x = 1", "x = 1", "x = 1")]
    await until(lambda: list(jobs.handover.glob("*/in/*")))
    for _ in range(50):
        assert len(list(jobs.handover.glob("*/in/*"))) <= 2
        await asyncio.sleep(0.02)
    for piece in pieces:
        piece.cancel()
    await asyncio.gather(*pieces, return_exceptions=True)


async def test_a_job_that_is_put_back_into_the_queue_leaves_its_work_to_others(
    jobs: Workers, node: Ending, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PATIENCE", 2.0)
    slow = asyncio.create_task(jobs.run(task("import time; time.sleep(1.5); x = 1"), 2))
    await until(lambda: list(jobs.handover.glob("*/in/*.json")))
    node.waiting.add("1")
    await until(lambda: not list(jobs.handover.glob("*/in/*.json")))
    node.waiting.clear()
    outcome = await slow

    assert well(outcome)
    assert len(node.scripts) == 1 or outcome.job_id != "1"


async def test_one_stands_by_before_there_is_work_and_another_after_it_died(
    node: Ending, site: Site, tmp_path: Path
) -> None:
    standing = await one_standing_by(node, site, tmp_path)
    begin = time.monotonic()
    first = await standing.run(task(), 2)
    took = time.monotonic() - begin
    node.kill("1")
    await until(lambda: len(node.scripts) == 2)
    second = await standing.run(task(), 2)
    await standing.close()

    assert (well(first), well(second), second.job_id) == (True, True, "2")
    assert took < 30
    await until(lambda: node.running == 0)


async def test_the_next_one_begins_before_slurm_ends_the_one_that_stands_by(
    node: Ending, site: Site, tmp_path: Path
) -> None:
    standing = await one_standing_by(node, site, tmp_path)
    node.ends["1"] = datetime.now(UTC) + timedelta(seconds=90)
    await until(lambda: len(list(standing.handover.glob("*/out/ready.json"))) == 2)
    outcome = await standing.run(task(), 2)
    await standing.close()

    assert (well(outcome), outcome.job_id) == (True, "2")


async def test_of_two_that_stand_by_the_one_that_ends_soon_is_let_go(
    node: Ending, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "IDLE", 0.1)
    standing = await one_standing_by(node, site, tmp_path)
    node.ends["1"] = datetime.now(UTC) + timedelta(seconds=90)
    await until(lambda: (len(node.scripts), node.running) == (2, 2))
    await until(lambda: node.running == 1)
    await asyncio.sleep(1)
    assert (len(node.scripts), node.running, node.cancelled) == (2, 1, [])
    await standing.close()


async def test_where_no_job_can_begin_it_is_not_tried_without_end(node: Ending, site: Site, tmp_path: Path) -> None:
    node.end = {"state": "FAILED", "exit_code": "1:0"}
    standing = made(node, site, tmp_path, least=1)
    standing.stand_by()
    await until(lambda: node.scripts)
    await asyncio.sleep(1.5)
    assert len(node.scripts) == 1
    assert isinstance((await standing.run(task(), 2)).problem, GradingError)
    await standing.close()


async def test_a_job_of_ones_own_that_nobody_waits_for_ends(jobs: Workers, node: Ending) -> None:
    alone = asyncio.create_task(jobs.run(task(LONG), 2, alone=True))
    await until(lambda: node.scripts)
    alone.cancel()
    with pytest.raises(asyncio.CancelledError):
        await alone
    await until(lambda: node.running == 0)
    assert list(jobs.handover.iterdir()) == []


async def test_a_job_that_nobody_needs_ends(jobs: Workers, node: Ending, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "IDLE", 0.3)
    assert well(await jobs.run(task(), 2))
    await until(lambda: node.running == 0)
    assert well(await jobs.run(task(), 2))


async def test_no_more_jobs_begin_than_there_is_work_for(
    node: Ending, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the queue is in which the first one waits."""
    monkeypatch.setattr(workers, "PATIENCE", 0.1)
    node.end = {"state": "PENDING"}
    few = made(node, site, tmp_path)
    pieces = [asyncio.create_task(few.run(task(), 2)) for _ in range(2)]
    await until(lambda: len(node.scripts) == 2)
    await asyncio.sleep(1)
    assert len(node.scripts) == 2
    await few.close()
    assert [type(outcome.problem) for outcome in await asyncio.gather(*pieces)] == [GradingError] * 2


async def test_an_assignments_profile_has_jobs_of_its_own_that_do_not_stand_by(
    node: Ending, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "SOON", 0.2)
    standing = await one_standing_by(node, site, tmp_path)
    asked = standing.of("cpu")
    outcomes = await asyncio.gather(standing.run(task(), 2), asked.run(task(), 2), asked.run(task(), 2))
    assert (standing.of(None), standing.of("cpu")) == (standing, asked)
    assert [(well(one), one.job_id) for one in outcomes] == [(True, "1"), (True, "2"), (True, "2")]
    assert "--cpus-per-task=1\n" in node.scripts[0]
    assert "--cpus-per-task=2\n" in node.scripts[1]
    await until(lambda: node.running == 1)
    assert well(await standing.run(task(), 2))
    assert well(await asked.run(task(), 2))
    await standing.close()

    assert len(node.scripts) == 3
    assert list(standing.handover.iterdir()) == []
    await until(lambda: node.running == 0)


async def test_more_jobs_begin_while_work_waits_and_never_more_than_so_many(
    node: Ending, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "PATIENCE", 0.2)
    few = made(node, site, tmp_path)
    few._most = 2
    pieces = [asyncio.create_task(few.run(task("import time; time.sleep(1); x = 1"), 2)) for _ in range(9)]
    outcomes = await asyncio.gather(*pieces)
    await few.close()

    assert all(well(outcome) for outcome in outcomes)
    assert {outcome.job_id for outcome in outcomes} == {"1", "2"}


async def test_where_slurm_takes_no_job_whoever_waits_hears_of_it(jobs: Workers, node: Ending) -> None:
    node.refuses = "sbatch: error: Unable to contact slurm controller (connect failure)"
    outcomes = await asyncio.gather(jobs.run(task(), 2), jobs.run(task(), 2))
    assert [str(one.problem) for one in outcomes] == [
        f"The grading job was not accepted: {node.refuses}. Nothing is lost: grade again."
    ] * 2
    node.refuses = ""
    assert well(await jobs.run(task(), 2))


async def test_a_job_that_runs_takes_work_while_slurm_takes_none(jobs: Workers, node: Ending) -> None:
    assert well(await jobs.run(task(), 2))
    node.refuses = "sbatch: error: Unable to contact slurm controller (connect failure)"
    assert well(await jobs.run(task(), 2))


async def test_what_one_piece_leaves_unreadable_harms_no_other(jobs: Workers, node: Ending) -> None:
    first = asyncio.create_task(jobs.run(task(LONG), 2))
    await until(lambda: list(jobs.handover.glob("*/in/1-task.json")))
    (out,) = jobs.handover.glob("*/out")
    (out / "1.json").write_text("{")
    other = await jobs.run(task(), 2)

    assert well(other)
    assert isinstance((await first).problem, GradingError)


async def test_whoever_waits_when_all_is_ended_is_told(node: Ending, site: Site, tmp_path: Path) -> None:
    some = made(node, site, tmp_path)
    waiting = asyncio.create_task(some.run(task(LONG), 2))
    await until(lambda: list(some.handover.glob("*/in/*.json")))
    await some.close()

    assert str((await waiting).problem) == "Grading was ended. Nothing is lost: grade again."


def test_a_job_ends_once_nobody_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By its own clock: that of the machine which touches the file may be wrong."""
    monkeypatch.setattr(worker, "LONELY", 0.2)
    folder = Handover(tmp_path)
    pulse = Pulse(folder.path / "alive")
    assert pulse.beats()
    time.sleep(0.3)
    assert not pulse.beats()
    os.utime(folder.path / "alive", (0, 0))
    assert pulse.beats()
    folder.remove()
    assert not pulse.beats()
