"""Whether a cluster's jobs still do what they are for: which of them are replaced, when, and what is told of the rest.

Dask replaces nothing by itself: a worker whose job was ended is missing from then on, and tasks wait for it for ever.
"""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from spawners.cluster_plan import hands_over
from spawners.scheduler import JobState

# Jobs that end before their time are replaced as long as there are not so many times as many within these minutes.
AGAIN, WITHIN = 3, timedelta(minutes=10)
# How many things that happened are remembered.
REMEMBERED = 5

Explain = Callable[[JobState], str]


class WorkerJob(NamedTuple):
    """One job of a cluster: its worker's name, its profile, its time limit in minutes, and how both were last seen.

    `job` is Slurm's view, None where it does not show it (yet); `came`: its worker has joined the cluster once.
    """

    name: str
    profile: str
    minutes: int
    job_id: str
    job: JobState | None
    came: bool

    @property
    def ended(self) -> bool:
        """Over, by Slurm's own word."""
        return self.job is not None and self.job.ended

    def left(self, now: datetime) -> float | None:
        """The seconds until Slurm ends it; None while it does not run."""
        end = self.job.end if self.job is not None and self.job.running else None
        return None if end is None else max(0.0, (end - now).total_seconds())

    def words(self, explain: Explain) -> str:
        """What it does, or why it does nothing."""
        if self.job is None:
            return "Slurm does not show it (yet)."
        if not self.job.running:
            return explain(self.job)
        return f"It runs on {self.job.node}." if self.came else f"It starts its worker on {self.job.node}."


class Orders(NamedTuple):
    """What is to be done: workers that are gone, those in whose place another is asked for, what to tell who waits."""

    gone: Sequence[str] = ()
    again: Sequence[str] = ()
    failure: str = ""


class Watch:
    """What is remembered of one cluster's jobs between two looks."""

    def __init__(self, explain: Explain, log: Callable[[str], str]) -> None:
        """`log` is the file in which a job's output ends up."""
        self.notes: deque[str] = deque(maxlen=REMEMBERED)
        self.leaving: set[str] = set()
        self._explain, self._log = explain, log
        self._early: list[datetime] = []

    def look(self, jobs: Sequence[WorkerJob], now: datetime) -> Orders:
        """Judge all jobs of a cluster."""
        ended = [one for one in jobs if one.ended]
        failed = [one for one in ended if not one.came]
        replaced = [one for one in ended if one.came and one.name not in self.leaving]
        self._early = [when for when in self._early if now - when < WITHIN]
        self._early += [now for one in replaced if one.job is not None and one.job.state != "COMPLETED"]
        if len(self._early) > AGAIN * len(jobs):
            failed, replaced = [*failed, *replaced], []
        late = [one.name for one in jobs if one.name not in self.leaving and _leaves_soon(one, now)]
        self.leaving = {one.name for one in jobs if one.name in self.leaving and not one.ended}.union(late)
        for one in replaced:
            self.note(f"Job {one.job_id} of a worker has ended. {one.words(self._explain)} Another takes its place.")
        failure = self._failure(failed)
        if failure:
            self.note(failure)
        return Orders([one.name for one in ended], [*(one.name for one in replaced), *late], failure)

    def note(self, text: str) -> None:
        """Remember what happened, to be told by `explain`."""
        self.notes.append(f"{datetime.now():%H:%M:%S} {text}")

    def _failure(self, failed: Iterable[WorkerJob]) -> str:
        """What to tell of jobs that nobody replaces: the next would end as they did."""
        return " ".join(
            f"Job {one.job_id} of a worker has ended. {one.words(self._explain)} See {self._log(one.job_id)}"
            for one in failed
        )


def _leaves_soon(one: WorkerJob, now: datetime) -> bool:
    """Whether a worker leaves before its time is over, and soon enough to ask for another."""
    started = one.job.start if one.job is not None and one.job.running else None
    return one.came and started is not None and now >= hands_over(started, one.minutes)
