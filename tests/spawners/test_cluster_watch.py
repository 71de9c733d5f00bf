"""Which of a cluster's jobs are replaced, when, and what is told of the rest."""

from datetime import UTC, datetime, timedelta

import pytest

from spawners.cluster_plan import HAND_OVER, LEAVE_BEFORE, STAGGER, hands_over, lifetime, spread, stagger
from spawners.cluster_watch import AGAIN, Watch, WorkerJob
from spawners.reasons import explain
from spawners.scheduler import JobState

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)


def worker(number: int, state: str, *, came: bool = True, ago: int = 1, reason: str | None = None) -> WorkerJob:
    """A job of 60 minutes that began some minutes ago."""
    started = NOW - timedelta(minutes=ago)
    job = JobState(
        job_id=str(number),
        user="student1",
        name="onramp-cluster",
        comment="",
        state=state,
        reason=reason,
        node="cpu1",
        start=started,
        end=started + timedelta(minutes=60),
    )
    return WorkerJob(f"w-{number}", "cpu", 60, str(number), job, came)


@pytest.fixture
def watch() -> Watch:
    return Watch(explain, lambda job_id: f"/spool/{job_id}.log")


def test_nothing_is_done_where_all_is_well(watch: Watch) -> None:
    waits = worker(2, "PENDING", came=False, reason="Priority")
    unknown = WorkerJob("w-3", "cpu", 60, "3", None, came=False)
    orders = watch.look([worker(1, "RUNNING"), waits, unknown], NOW)
    assert (orders.gone, orders.again, orders.failure) == ([], [], "")
    assert not watch.notes
    assert waits.words(explain).startswith("Other jobs are ahead")
    assert unknown.words(explain) == "Slurm does not show it (yet)."
    assert worker(1, "RUNNING", came=False).words(explain) == "It starts its worker on cpu1."


@pytest.mark.parametrize("state", ["NODE_FAIL", "TIMEOUT", "CANCELLED", "COMPLETED", "OUT_OF_MEMORY"])
def test_who_has_worked_is_replaced(state: str, watch: Watch) -> None:
    orders = watch.look([worker(1, state), worker(2, "RUNNING")], NOW)
    assert (orders.gone, orders.again, orders.failure) == (["w-1"], ["w-1"], "")
    assert "Another takes its place." in watch.notes[0]


def test_who_never_came_is_told_of_and_not_replaced(watch: Watch) -> None:
    """The next would end as this one did."""
    orders = watch.look([worker(1, "FAILED", came=False)], NOW)
    assert (orders.gone, orders.again) == (["w-1"], [])
    assert orders.failure.startswith("Job 1 of a worker has ended.")
    assert orders.failure.endswith("See /spool/1.log")


def test_workers_that_end_again_and_again_are_not_replaced_for_ever(watch: Watch) -> None:
    for number in range(AGAIN):
        assert watch.look([worker(number, "OUT_OF_MEMORY")], NOW).again
    orders = watch.look([worker(9, "OUT_OF_MEMORY")], NOW)
    assert not orders.again
    assert "Job 9 of a worker has ended." in orders.failure
    assert watch.look([worker(10, "OUT_OF_MEMORY")], NOW + timedelta(minutes=11)).again


def test_another_is_asked_for_before_a_worker_leaves_and_once(watch: Watch) -> None:
    soon = worker(1, "RUNNING", ago=56)
    assert watch.look([worker(2, "RUNNING", ago=40)], NOW).again == []
    assert watch.look([soon], NOW).again == ["w-1"]
    assert watch.look([soon], NOW).again == []
    orders = watch.look([worker(1, "COMPLETED", ago=58)], NOW)
    assert (orders.gone, orders.again, orders.failure) == (["w-1"], [], "")


@pytest.mark.parametrize("minutes", [1, 4, 30, 60, 1440])
def test_a_worker_has_left_before_its_job_is_ended(minutes: int) -> None:
    latest, soonest = lifetime(minutes), lifetime(minutes) - 2 * stagger(minutes)
    assert latest <= max(minutes * 60 - LEAVE_BEFORE, minutes * 30)
    assert 0 <= stagger(minutes) <= STAGGER
    asked = (hands_over(NOW, minutes) - NOW).total_seconds()
    assert soonest - HAND_OVER <= asked <= soonest


def test_how_long_a_worker_has_left() -> None:
    assert worker(1, "RUNNING", ago=50).left(NOW) == 600
    assert worker(1, "PENDING").left(NOW) is None


@pytest.mark.parametrize(
    ("total", "wanted"),
    [(0, {"cpu": 0, "gpu": 0}), (1, {"cpu": 0, "gpu": 1}), (3, {"cpu": 1, "gpu": 2}), (9, {"cpu": 7, "gpu": 2})],
)
def test_a_total_changes_the_first_pool(total: int, wanted: dict[str, int]) -> None:
    assert spread(total, {"cpu": 5, "gpu": 2}) == wanted
