"""What is known of one server's job: alive until the scheduler itself says that it ended."""

import asyncio
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from spawners.ending import REQUEUED, UNKNOWN, Ending, ending
from spawners.ledger import Start
from spawners.scheduler import COMMENT, JobState, Scheduler, SchedulerError, Snapshot
from spawners.server_job import comment_prefix, duration

# A job that squeue does not show, and accounting does not call alive, is believed gone only after this many good polls.
_ABSENCES = 3
# How long after a start was noted its job may still come to be, although the hub that noted it is dead.
_SUBMITTING = timedelta(seconds=150)


async def find_job(start: Start, scheduler: Scheduler, *, interval: float) -> str:
    """Return the id, which nobody noted, of a start's job; empty once there is none and none will come."""
    comment = comment_prefix(start.hub, start.user, start.server) + start.nonce
    while True:
        snapshot = await scheduler.jobs()
        for job in snapshot.values():
            if job.comment == comment and job.user == start.account:
                return job.job_id
        if not snapshot.stale and datetime.now(UTC) - start.asked > _SUBMITTING:
            return ""
        await asyncio.sleep(interval)


class JobWatch:
    """One job seen through the shared poll; every query that fails means unknown, and unknown means alive."""

    def __init__(
        self,
        scheduler: Scheduler,
        job_id: str,
        *,
        nonce: str = "",
        since: float = float("-inf"),
        begun: bool = False,
    ) -> None:
        """`since` is the event loop's clock at submission: an older poll cannot show the job.

        `nonce` ends the comment of the job: a slurmctld that was killed may give its number to another one. `begun`
        says that the job is known to have run: if it waits now, it was requeued.
        """
        self.job: JobState | None = None
        self.gone = False
        self._begun = begun
        self._scheduler = scheduler
        self.job_id = job_id
        self._nonce = nonce
        self._seen_at = since
        self._absences = 0
        self._snapshot: Snapshot | None = None

    async def look(self) -> JobState | None:
        """Return the job as last seen, None when nothing is known of it; set `gone` once it surely is."""
        try:
            snapshot = self._snapshot = await self._scheduler.jobs()
            if self.job is not None and snapshot.get(self.job_id) is self.job:
                self._absences = 0  # squeue shows it just as it did
                return self.job
            found = self._ours(snapshot)
            if found is not None:
                self.job, self._absences = found, 0
            elif not snapshot.stale and snapshot.at > self._seen_at:
                # Whose a job is that has not ended, accounting cannot tell: it learns the comment at the end.
                theirs = self.job_id in snapshot
                self._missed(None if theirs else self._ours(await self._scheduler.accounted(self.job_id)))
                self._seen_at = snapshot.at
        except SchedulerError:
            return self.job
        self._begun = self._begun or (self.job is not None and self.job.running)
        self.gone = self._absences >= _ABSENCES or self.requeued or (self.job is not None and self.job.ended)
        return self.job

    def _missed(self, accounted: JobState | None) -> None:
        """Take note that a good poll does not show the job. What accounting calls alive is hidden, and not absent."""
        if accounted is None or accounted.ended:
            self._absences += 1
        else:
            self._absences = 0
            self._scheduler.expect(self.job_id)
        # Accounting may hear of a begin late.
        if accounted is not None and not (self._begun and accounted.waiting):
            self.job = accounted

    def _ours(self, jobs: Mapping[str, JobState]) -> JobState | None:
        """Return our job; another start's under the same number is none of ours."""
        job = jobs.get(self.job_id)
        other = job is not None and job.comment.startswith(COMMENT) and not job.comment.endswith(self._nonce)
        return None if other else job

    @property
    def requeued(self) -> bool:
        """The job had begun and waits again. What its server ran is lost, and it finds no secrets to begin anew."""
        return self._begun and self.job is not None and self.job.waiting

    @property
    def shown(self) -> bool:
        """The last poll was a good one, and the job was in it."""
        return self._snapshot is not None and not self._snapshot.stale and self._ours(self._snapshot) is not None

    @property
    def unanswered(self) -> bool:
        """Slurm did not answer when it was asked last, so what is known is from before."""
        return self._snapshot is not None and self._snapshot.stale

    @property
    def ahead(self) -> int | None:
        """How many jobs come before this one; None where that cannot be known."""
        return self._snapshot.ahead(self.job) if self._snapshot is not None and self.job is not None else None

    def sentence(self) -> str:
        """Say in plain words why the job waits, or how it ended and what to do."""
        if self.gone:
            return self.ending().text
        return self._scheduler.explain(self.job) if self.job is not None else "Slurm has not shown the job yet."

    def ending(self) -> Ending:
        """Say how the job ended, once it is gone, as far as the queue shows it."""
        if self.requeued:
            return REQUEUED
        return ending(self.job) if self.job is not None and self.job.ended else UNKNOWN

    def whereabouts(self) -> str:
        """Say where the job runs and for how much longer, for the list of servers; empty where not known."""
        if self.job is None or not self.job.running or not self.job.node:
            return ""
        if self.job.end is None:
            return f"on {self.job.node}"
        left = int((self.job.end - datetime.now(self.job.end.tzinfo)).total_seconds() // 60)
        return f"on {self.job.node}, {duration(max(0, left))} left"
