"""Trail: what one start of a server leaves behind, by which its end is explained."""

import asyncio
import pwd
from dataclasses import dataclass

from spawners.ending import NO_JOB, REQUEUED, UNTOLD, Ending
from spawners.ending import ending as ending_of
from spawners.printed import TELLING, explained
from spawners.scheduler import JobState, Scheduler, SchedulerError
from spawners.server_watch import JobWatch

# Accounting may hear of an end a little later than the queue does: how often it is asked, and seconds in between.
TRIES, PAUSE = 3, 1.0


@dataclass(frozen=True)
class Log:
    """Where the job of a start prints to: `nonce`.log in the runtime folder of the Unix user `account`."""

    account: str
    runtime: str
    nonce: str


@dataclass
class Trail:
    """One start: where its job prints, whether its server ever answered, what was said of its end, and who stops it."""

    log: Log | None = None
    came_up: bool = False
    told: Ending | None = None
    stopper: str = ""

    def say(self, ending: Ending) -> None:
        """Say why it ends, as whoever ends it knows best; the first word stays."""
        self.told = self.told or ending

    async def ending(self, scheduler: Scheduler, watch: JobWatch | None) -> Ending:
        """Return why it ended: as was said, else as queue and accounting have it, and what the job printed of it."""
        ending = self.told or await _of_job(scheduler, watch)
        if ending.cause in TELLING and not ending.printed:
            ending = explained(ending, await self._printed(scheduler), came_up=self.came_up)
        self.told = ending
        return ending

    async def _printed(self, scheduler: Scheduler) -> str:
        """The end of the job's log; empty where there is none to be read."""
        if self.log is None:
            return ""
        try:
            return await scheduler.log_end(self.log.account, self.log.runtime, self.log.nonce)
        except SchedulerError:
            return ""


async def _of_job(scheduler: Scheduler, watch: JobWatch | None) -> Ending:
    if watch is None:
        return NO_JOB
    if watch.gone and (watch.requeued or watch.job is None or not watch.job.ended):
        return watch.ending()
    if watch.job is None or not (watch.gone or watch.job.completing):
        return UNTOLD
    job = await _accounted(scheduler, watch.job)
    if job.ended:
        return ending_of(job, who=name_of)
    return REQUEUED if job.over else UNTOLD


async def _accounted(scheduler: Scheduler, job: JobState) -> JobState:
    """The job with what only accounting tells: its exit code, who cancelled it, and how it ends while it completes."""
    untold = job.completing or (job.state in ("CANCELLED", "FAILED") and job.exit_code is None)
    for attempt in range(TRIES if untold else 0):
        await asyncio.sleep(PAUSE if attempt else 0)
        try:
            found = (await scheduler.accounted(job.job_id)).get(job.job_id)
        except SchedulerError:
            break
        if found is not None and found.over:
            return found
    return job


def name_of(uid: int) -> str:
    """The name of a Unix user as this machine knows it; empty where it does not."""
    try:
        return pwd.getpwuid(uid).pw_name
    except (KeyError, OverflowError):
        return ""
