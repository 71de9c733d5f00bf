"""Strays: kernels that wait in the queue for a server that was killed. They would start, find nobody, and end."""

from spawners.scheduler import JobState, Scheduler, SchedulerError, Snapshot


async def end_strays(scheduler: Scheduler, user: str) -> list[str]:
    """Cancel each job of `user` that waits for a kernel which nobody wants any more; a sentence for each."""
    jobs = await scheduler.jobs()
    return [await _cancel(scheduler, job) for job in jobs.values() if _is_stray(job, jobs, user)]


def _is_stray(job: JobState, jobs: Snapshot, user: str) -> bool:
    """Whether the job that its server was is over. Of a server that was no job nobody knows that."""
    if jobs.stale or not job.waiting or job.user != user or not job.comment.startswith(f"onramp:kernel:{user}:"):
        return False
    server = job.comment.split(":")[3]
    return server.isdecimal() and (server not in jobs or jobs[server].ended)


async def _cancel(scheduler: Scheduler, job: JobState) -> str:
    try:
        await scheduler.cancel(job.user, job.job_id)
    except SchedulerError as error:
        return f"Job {job.job_id} waits for a kernel of a server that is gone: it is not cancelled yet: {error}"
    return f"Job {job.job_id} waited for a kernel of a server that is gone: it is cancelled."
