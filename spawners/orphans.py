"""Orphans: kernels and Dask workers in the queue for a server that was killed. They would start, find nobody, and end.

Those that run notice by themselves that nobody is there. Where it could, whoever asked for them has cancelled the rest.
"""

from spawners.scheduler import JobState, Scheduler, SchedulerError, Snapshot

KINDS = {"kernel": "a kernel", "cluster": "a Dask cluster"}


async def end_orphans(scheduler: Scheduler, user: str, server: str | None = None) -> list[str]:
    """Cancel each job of `user` that waits for what has ended with its server; a sentence for each.

    `server` is the job that has ended; None: whichever, for who is shown all jobs of `user`.
    """
    jobs = await scheduler.jobs()
    return [await _cancel(scheduler, job) for job in jobs.values() if _is_orphan(job, jobs, user, server)]


def _is_orphan(job: JobState, jobs: Snapshot, user: str, server: str | None) -> bool:
    """Whether the job that its server was is over. Of a server that was no job nobody knows that."""
    prefix, kind, whose, of, *_ = [*job.comment.split(":"), "", "", ""]
    if jobs.stale or not job.waiting or {job.user, whose} != {user} or prefix != "onramp" or kind not in KINDS:
        return False
    return of == server if server else of.isdecimal() and (of not in jobs or jobs[of].ended)


async def _cancel(scheduler: Scheduler, job: JobState) -> str:
    what = KINDS[job.comment.split(":")[1]]
    try:
        await scheduler.cancel(job.user, job.job_id)
    except SchedulerError as error:
        return f"Job {job.job_id} waits for {what} of a server that is gone: it is not cancelled yet: {error}"
    return f"Job {job.job_id} waited for {what} of a server that is gone: it is cancelled."
