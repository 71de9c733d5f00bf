"""Scheduler: the one door through which Onramp asks a batch system anything, and what comes back."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Protocol

from pydantic import BaseModel

from spawners.render import Script

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


class SchedulerError(RuntimeError):
    """The scheduler refused, or did not answer; the message holds its own words unaltered."""


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
    """One job as last seen; `node` is the host its script runs on, `time_left` is in seconds."""

    job_id: str
    user: str
    name: str
    comment: str
    state: str
    reason: str | None = None
    account: str | None = None
    partition: str | None = None
    node: str | None = None
    start: datetime | None = None
    end: datetime | None = None
    time_left: int | None = None
    exit_code: str | None = None

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
    def ended(self) -> bool:
        """Over, by the scheduler's own word; only this is evidence of an end."""
        return self.state in ENDED


class Snapshot(Mapping[str, JobState]):
    """All jobs of one poll by job id. Where `stale` is true the last poll failed: absence proves nothing."""

    def __init__(self, jobs: Mapping[str, JobState], *, at: float, stale: bool = False, error: str = "") -> None:
        """`at` is the event loop's clock when the jobs were seen; `error` says why it is stale."""
        self._jobs = dict(jobs)
        self.at = at
        self.stale = stale
        self.error = error

    def __getitem__(self, job_id: str) -> JobState:
        """The job called `job_id`."""
        return self._jobs[job_id]

    def __iter__(self) -> Iterator[str]:
        """All job ids."""
        return iter(self._jobs)

    def __len__(self) -> int:
        """How many jobs were seen."""
        return len(self._jobs)


class Usage(BaseModel, frozen=True, extra="forbid"):
    """GPU minutes of an account: None as limit means that no limit is set (or none could be read)."""

    gpu_minutes_limit: int | None = None
    gpu_minutes_used: int = 0

    @property
    def gpu_minutes_left(self) -> int | None:
        """What remains; never below zero, None without a limit."""
        if self.gpu_minutes_limit is None:
            return None
        return max(0, self.gpu_minutes_limit - self.gpu_minutes_used)


class Scheduler(Protocol):
    """An asynchronous client of one batch system. A query that fails raises or says unknown, never 'dead'."""

    async def submit(self, user: str, script: Script, secrets: Secrets | None = None) -> str:
        """Submit as `user` and return the job id; raises SchedulerError with the scheduler's own words."""

    async def cancel(self, user: str, job_id: str) -> None:
        """End a job of `user`; a job that is already over is no error."""

    async def jobs(self) -> Snapshot:
        """All jobs of everybody, from one shared poll."""

    async def ended(self, job_id: str) -> JobState | None:
        """How a job ended, from accounting; None when accounting does not know (yet)."""

    async def test(self, user: str, script: Script) -> datetime | None:
        """When the job would start if it were submitted now; None when the scheduler cannot say."""

    def explain(self, job: JobState) -> str:
        """One plain sentence: why the job waits, or how it ended and what to do."""

    async def accounts(self, user: str) -> tuple[str, ...]:
        """The accounts `user` may charge, the default one first."""

    async def usage(self, account: str) -> Usage:
        """GPU minutes that `account` has and has used."""
