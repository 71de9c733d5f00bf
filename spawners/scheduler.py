"""Scheduler: the one door through which Onramp asks a batch system anything, and what comes back."""

import re
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping
from datetime import date, datetime
from functools import cached_property
from typing import NamedTuple, Protocol

from pydantic import BaseModel, Field

from spawners.script import Script

# Slurm's own words. Whatever is in none of these is unknown to us and treated as alive.
WAITING = frozenset(
    {"PENDING", "CONFIGURING", "REQUEUED", "REQUEUE_HOLD", "REQUEUE_FED", "SPECIAL_EXIT", "RESV_DEL_HOLD"}
)
ENDED = frozenset(
    {
        "BOOT_FAIL",
        "CANCELLED",
        "COMPLETED",
        "DEADLINE",
        "FAILED",
        "NODE_FAIL",
        "OUT_OF_MEMORY",
        "PREEMPTED",
        "REVOKED",
        "TIMEOUT",
    }
)


# Why a job waits that waits for its turn alone; whatever else Slurm says holds a job back, wherever it stands.
IN_LINE = frozenset({None, "Priority", "Resources"})

# How the comment of every job of a server begins; by it and the nonce at its end a job is known to be ours.
COMMENT = "onramp:"

# Slurm's word for GPUs of any kind.
GPUS = "gres/gpu"


class SchedulerError(RuntimeError):
    """The scheduler refused, or did not answer; the message holds its own words unaltered."""


class NotPermitted(SchedulerError):
    """The scheduler would never take such a job of this person; the message holds its own words."""


class Secrets(BaseModel, frozen=True, extra="forbid", hide_input_in_errors=True):
    """What a job is told in private; the folder and the nonce name the 0600 file it reads that from."""

    runtime: str
    nonce: str
    values: dict[str, str]

    def __repr__(self) -> str:
        """Never the values: a traceback or a log line may hold this."""
        return f"Secrets({self.runtime}/{self.nonce}.json, {len(self.values)} values)"

    __str__ = __repr__

    @property
    def path(self) -> str:
        """The file on the node: what the job's program is given as its argument."""
        return f"{self.runtime}/{self.nonce}.json"


class JobState(BaseModel, frozen=True, extra="forbid"):
    """One job as last seen; `node` is the host its script runs on.

    `start` is when it began or, while it waits, when the scheduler foresees that it will; `tres` is all that it was
    given, as accounting writes it. `restarts` is how often it had been put back into its queue before this start, where
    accounting was asked for all of its starts and it had.
    """

    job_id: str
    user: str
    name: str
    comment: str
    state: str
    reason: str | None = None
    account: str | None = None
    partition: str | None = None
    node: str | None = None
    priority: int | None = None
    submitted: datetime | None = None
    start: datetime | None = None
    end: datetime | None = None
    exit_code: str | None = None
    tres: str | None = None
    restarts: int | None = None

    @property
    def waiting(self) -> bool:
        """Not started yet."""
        return self.state in WAITING

    @property
    def running(self) -> bool:
        """Holds its nodes now."""
        return self.state in {
            "RUNNING",
            "COMPLETING",
            "SUSPENDED",
            "STOPPED",
            "SIGNALING",
            "RESIZING",
            "STAGE_OUT",
        }

    @property
    def paused(self) -> bool:
        """Alive and holding its nodes, but doing nothing at the moment."""
        return self.state in {"SUSPENDED", "STOPPED"}

    @property
    def completing(self) -> bool:
        """Its program is over, and its nodes are cleared up; the queue does not say how it ended, nor whether it did.

        Where Slurm puts the job back into its queue, it waits again once that is done.
        """
        return self.state == "COMPLETING"

    @property
    def ended(self) -> bool:
        """Over, by the scheduler's own word; only this is evidence of an end."""
        return self.state in ENDED

    @property
    def over(self) -> bool:
        """This start of it is over, as accounting has it; the job itself may have been put back into the queue."""
        return self.ended or (self.state == "REQUEUED" and self.end is not None)


class Snapshot(Mapping[str, JobState]):
    """All jobs of one poll by job id. Where `stale` is true the last poll failed: absence proves nothing."""

    def __init__(
        self, jobs: Mapping[str, JobState], *, at: float, stale: bool = False, error: str = "", whole: bool = False
    ) -> None:
        """`at` is the event loop's clock when the jobs were seen; `error` says why it is stale.

        `whole` says that the scheduler hides nobody's jobs from whoever asked.
        """
        self._jobs = dict(jobs)
        self.at = at
        self.stale = stale
        self.error = error
        self.whole = whole

    def __getitem__(self, job_id: str) -> JobState:
        """The job called `job_id`."""
        return self._jobs[job_id]

    def __iter__(self) -> Iterator[str]:
        """All job ids."""
        return iter(self._jobs)

    def __len__(self) -> int:
        """How many jobs were seen."""
        return len(self._jobs)

    def ahead(self, job: JobState) -> int | None:
        """How many jobs of its partition come before one that waits for its turn; None where nobody can know that."""
        place = _place(job)
        if place is None or not self.whole or self.stale or job.partition is None:
            return None
        return bisect_left(self._lines.get(job.partition, []), place)

    @cached_property
    def _lines(self) -> Mapping[str, list[tuple[int, int]]]:
        """The places of the jobs that wait for their turn, in order, by partition."""
        lines: dict[str, list[tuple[int, int]]] = {}
        for job in self._jobs.values():
            if (place := _place(job)) is not None:
                for partition in (job.partition or "").split(","):
                    lines.setdefault(partition, []).append(place)
        return {partition: sorted(places) for partition, places in lines.items()}


def _place(job: JobState) -> tuple[int, int] | None:
    """What orders the jobs of a partition, lowest first; None for one that does not wait for its turn.

    Slurm takes the highest priority first, and of equal ones the oldest. An array of jobs counts as one.
    """
    number = re.match(r"\d+", job.job_id)
    if job.state != "PENDING" or job.reason not in IN_LINE or not job.priority or not number:
        return None
    return -job.priority, int(number.group())


class Usage(BaseModel, frozen=True, extra="forbid"):
    """Limits and use of an account in minutes, by Slurm's word for what is counted: gres/gpu, cpu, node, billing.

    What has no limit (or none that could be read) is not in `limits`.
    """

    limits: dict[str, int] = Field(default_factory=dict)
    used: dict[str, int] = Field(default_factory=dict)

    def left(self, tres: str) -> int | None:
        """How many minutes of `tres` remain; never below zero, None without a limit."""
        if tres not in self.limits:
            return None
        return max(0, self.limits[tres] - self.used.get(tres, 0))

    @property
    def gpu_minutes_limit(self) -> int | None:
        """The limit on GPU minutes; None where none is set."""
        return self.limits.get(GPUS)

    @property
    def gpu_minutes_used(self) -> int:
        """GPU minutes used so far."""
        return self.used.get(GPUS, 0)

    @property
    def gpu_minutes_left(self) -> int | None:
        """What remains; never below zero, None without a limit."""
        return self.left(GPUS)


class Rights(BaseModel, frozen=True, extra="forbid"):
    """What a user may name in a request; where `partitions` is empty, all of them."""

    accounts: frozenset[str]
    partitions: frozenset[str]
    qos: tuple[str, ...]


class Reservation(BaseModel, frozen=True, extra="forbid"):
    """Nodes kept for some users or accounts between two times."""

    name: str
    partition: str | None
    start: datetime | None
    end: datetime | None
    users: frozenset[str]
    accounts: frozenset[str]


class PastJob(BaseModel, frozen=True, extra="forbid"):
    """One job that is over: how many seconds it ran, and might have run."""

    partition: str
    ran: float
    limit: float


class Spent(BaseModel, frozen=True, extra="forbid"):
    """What accounting measured of a job that is over: CPU time, and the most memory that a step had on a node.

    None: it did not measure that, or not yet.
    """

    cpu_seconds: float | None = None
    memory_bytes: int | None = None


class Polls(NamedTuple):
    """All polls of one process so far: how many, how many of them failed, the seconds they took, and the last one."""

    asked: int
    failed: int
    seconds: float
    last: Snapshot


class Scheduler(Protocol):
    """An asynchronous client of one batch system. A query that fails raises or says unknown, never 'dead'."""

    async def submit(self, user: str, script: Script, secrets: Secrets | None = None) -> str:
        """Submit as `user` and return the job id; raises SchedulerError with the scheduler's own words."""

    async def cancel(self, user: str, job_id: str) -> None:
        """End a job of `user`; a job that is already over is no error."""

    async def let_requeue(self, job_id: str, *, allowed: bool) -> None:
        """Say whether a job of one's own may be put back into its queue, where its node fails or it is preempted."""

    async def log_end(self, user: str, runtime: str, nonce: str) -> str:
        """The end of what a job of `user` printed to `nonce`.log in its runtime folder: untrusted text."""

    async def jobs(self) -> Snapshot:
        """All jobs of everybody, from one shared poll."""

    @property
    def polls(self) -> Polls:
        """What came of all polls so far; nothing is asked for this."""

    def expect(self, job_id: str) -> None:
        """Say that a job should be there, whoever submitted it, and that there is news of it: the next look asks anew.

        A poll that shows none of the jobs that should be there proves nothing.
        """

    async def ended(self, *job_ids: str) -> Mapping[str, JobState]:
        """How jobs ended, from accounting, in one question; without those that it does not know to be over (yet)."""

    async def accounted(self, *job_ids: str) -> Mapping[str, JobState]:
        """Jobs as accounting has them, over or not, in one question; without those that it does not know (yet)."""

    async def starts(self, *job_ids: str) -> Mapping[str, tuple[JobState, ...]]:
        """Each start of jobs as accounting has them, the first one first; one that was put back has several."""

    async def spent(self, job_id: str) -> Spent:
        """What a job used of what it was given, as accounting measured it."""

    async def test(self, user: str, script: Script) -> datetime | None:
        """When the job would start if it were submitted now; None when the scheduler cannot say.

        Raises NotPermitted where this person may not start such a job at all.
        """

    async def past(self, partitions: Collection[str], hours: int) -> tuple[PastJob, ...]:
        """How long the jobs of these partitions ran in the last hours, the last first."""

    def explain(self, job: JobState) -> str:
        """One plain sentence: why the job waits, or how it ended and what to do."""

    async def accounts(self, user: str) -> tuple[str, ...]:
        """The accounts `user` may charge, the default one first."""

    async def rights(self, user: str) -> Rights:
        """The accounts, partitions and QoS that `user` may name."""

    async def reservations(self) -> tuple[Reservation, ...]:
        """All reservations that there are."""

    async def usage(self, account: str) -> Usage:
        """The minutes that `account` has and has used."""

    async def daily_use(self, account: str, days: int) -> Mapping[date, Mapping[str, float]]:
        """The minutes that `account` used on each of the last days, by what is counted; idle days are left out."""
