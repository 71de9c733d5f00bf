"""What a start waits for, in the words that its page shows."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from spawners.foresight import Range
from spawners.scheduler import JobState, Snapshot
from spawners.server_progress import Step, event, step
from spawners.server_watch import JobWatch
from spawners.slurm import Slurm

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
QUEUED = "In the queue. Other jobs are ahead in the queue. It starts when its turn comes."

SILENT = (
    "In the queue. Slurm does not answer just now. "
    "The place in the queue is kept, and this page goes on when it answers again."
)
ANSWERS = "JupyterLab answers. Opening it."


def a_job(**values: Any) -> JobState:
    """The job that is waited for."""
    known = {"user": "u", "name": "n", "comment": "", "state": "PENDING", "reason": "Priority", "partition": "gpu"}
    return JobState(job_id="42", **(known | {"priority": 100} | values))


def watch(job: JobState | None, *others: JobState, whole: bool = True, stale: bool = False) -> JobWatch:
    """The watch of a job, which has seen it among others."""
    one = JobWatch(Slurm(), "42")
    jobs = [*others, *([job] if job else [])]
    one.job, one._snapshot = job, Snapshot({job.job_id: job for job in jobs}, at=0, whole=whole, stale=stale)
    return one


def told(one: JobWatch | None, *, answering: bool = False, expected: Range | None = None) -> Step:
    return step(asked="1 GPU", watch=one, answering=answering, expected=expected)


@pytest.mark.parametrize(
    ("one", "answering", "expected"),
    [
        (None, False, Step(5, "Asking", "Asking Slurm for 1 GPU.")),
        (watch(None), False, Step(20, "In the queue", "Slurm has not shown the job yet.")),
        (watch(a_job(), whole=False), False, Step(20, "In the queue", QUEUED)),
        (watch(a_job(), stale=True), False, Step(20, "In the queue", SILENT)),
        (watch(None, stale=True), False, Step(20, "In the queue", SILENT)),
        (watch(a_job(state="RUNNING", node="gpu1"), stale=True), True, Step(90, "Starting", ANSWERS)),
        (
            watch(a_job(state="RUNNING", node="gpu1")),
            False,
            Step(60, "Starting", "Running on gpu1. JupyterLab is starting."),
        ),
        (watch(a_job(state="RUNNING", node="gpu1")), True, Step(90, "Starting", ANSWERS)),
    ],
)
def test_how_far_a_start_is(one: JobWatch | None, answering: bool, expected: Step) -> None:
    assert told(one, answering=answering) == expected


@pytest.mark.parametrize(
    ("others", "place"),
    [
        ([], "It is next in the partition gpu"),
        ([7], "1 job is ahead of it in the partition gpu"),
        ([7, 8, 9, 99], "3 jobs are ahead of it in the partition gpu"),
    ],
)
def test_its_place(others: list[int], place: str) -> None:
    jobs = [a_job().model_copy(update={"job_id": str(number)}) for number in others]

    assert told(watch(a_job(), *jobs)).place == place
    assert told(watch(a_job(), *jobs, whole=False)).place == ""
    assert told(watch(a_job(reason="JobHeldUser", priority=0), *jobs)).place == ""


def test_between_when_it_starts() -> None:
    queued = watch(a_job())
    runs = watch(a_job(state="RUNNING", node="gpu1"))

    assert told(queued, expected=Range(0, 2400)).starts == "within about 40 minutes"
    assert told(queued).starts == ""
    assert told(runs, expected=Range(0, 2400)).starts == ""


def test_how_long_it_has_waited_is_sent_and_does_not_make_an_event_of_its_own() -> None:
    one = watch(a_job(submitted=NOW - timedelta(minutes=3)))

    assert event(told(one), one, NOW)["waited"] == 180
    assert event(told(one), one, NOW + timedelta(minutes=1))["waited"] == 240
    # Slurm's clock may be ahead of ours.
    assert event(told(one), one, NOW - timedelta(minutes=9))["waited"] == 0
    assert event(told(None), None, NOW)["waited"] is None


def test_an_event_is_what_jupyterhub_and_the_page_expect() -> None:
    one = watch(a_job())

    assert event(told(one), one, NOW) == {
        "progress": 20,
        "title": "In the queue",
        "message": QUEUED,
        "place": "It is next in the partition gpu",
        "starts": "",
        "waited": None,
    }
