"""Strays: jobs of this hub whose start is over, for example since Slurm did not answer when they were cancelled."""

from collections.abc import Mapping

from spawners.door import Door
from spawners.scheduler import JobState, SchedulerError
from spawners.server_job import comment_prefix


async def end_strays(door: Door) -> list[str]:
    """Cancel every stray, as its user, and return a sentence for each.

    Only the ledger makes a job a stray: it knew the start and says that it is over. A job that it never
    knew is not ours, whatever its comment says; nor is one that another Unix user submitted.
    """
    said = []
    live = live_servers(await door.scheduler.jobs(), door.hub)
    for start in door.ledger.over(live):
        job = live[start.nonce]
        if job.user == start.account:
            said.append(f"Job {job.job_id} outlived the start of {start.user}'s server '{start.server}': ")
            said[-1] += await _cancel(door, job)
    return said


def live_servers(jobs: Mapping[str, JobState], hub: str) -> dict[str, JobState]:
    """Return the jobs that this hub's servers are or wait for, by nonce."""
    prefix = comment_prefix(hub)
    return {
        job.comment.rpartition(":")[2]: job
        for job in jobs.values()
        if job.comment.startswith(prefix) and not job.ended and not job.completing
    }


async def _cancel(door: Door, job: JobState) -> str:
    try:
        await door.scheduler.cancel(job.user, job.job_id)
    except SchedulerError as e:
        return f"it is not cancelled yet: {e}"
    return "it is cancelled."
