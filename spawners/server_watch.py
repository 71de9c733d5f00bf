"""What is known of one server's job: alive until the scheduler itself says that it ended."""

from collections.abc import Mapping
from datetime import datetime

from spawners.scheduler import JobState, Scheduler, SchedulerError
from spawners.server_job import duration

# A job that neither squeue nor accounting shows is believed gone only after this many good polls.
_ABSENCES = 3


def left_behind(jobs: Mapping[str, JobState], user: str, prefix: str) -> list[str]:
    """Return the ids of the user's own live jobs whose comment begins with `prefix`."""
    return [
        job.job_id for job in jobs.values() if job.user == user and job.comment.startswith(prefix) and not job.ended
    ]


class JobWatch:
    """One job seen through the shared poll; every query that fails means unknown, and unknown means alive."""

    def __init__(self, scheduler: Scheduler, job_id: str, *, since: float = float("-inf")) -> None:
        """`since` is the event loop's clock at submission: an older poll cannot show the job."""
        self.job: JobState | None = None
        self.gone = False
        self._scheduler = scheduler
        self.job_id = job_id
        self._seen_at = since
        self._absences = 0

    async def look(self) -> JobState | None:
        """Return the job as last seen, None when nothing is known of it; set `gone` once it surely is."""
        try:
            snapshot = await self._scheduler.jobs()
            if self.job_id in snapshot:
                self.job, self._absences = snapshot[self.job_id], 0
            elif not snapshot.stale and snapshot.at > self._seen_at:
                self._seen_at, self._absences = snapshot.at, self._absences + 1
                self.job = await self._scheduler.ended(self.job_id) or self.job
        except SchedulerError:
            return self.job
        self.gone = self._absences >= _ABSENCES or (self.job is not None and self.job.ended)
        return self.job

    def sentence(self) -> str:
        """Say in plain words why the job waits, or how it ended and what to do."""
        if self.job is not None:
            return self._scheduler.explain(self.job)
        if self.gone:
            return "Slurm no longer knows the job. Start again; if that happens twice, tell the operators."
        return "Slurm has not shown the job yet."

    def whereabouts(self) -> str:
        """Say where the job runs and for how much longer, for the list of servers; empty where not known."""
        if self.job is None or not self.job.running or not self.job.node:
            return ""
        if self.job.end is None:
            return f"on {self.job.node}"
        left = int((self.job.end - datetime.now(self.job.end.tzinfo)).total_seconds() // 60)
        return f"on {self.job.node}, {duration(max(0, left))} left"
