"""delete: the folder of a run that is over goes, and nothing else does, whatever lies there."""

import os
import shutil
import stat

from spawners.run import Run
from spawners.run_jobs import find_jobs
from spawners.run_record import RunError, root
from spawners.scheduler import Scheduler
from spawners.sweep import Sweep, look


async def delete(run: Run, scheduler: Scheduler) -> str:
    """Delete a run's folder and say so. Raises RunError where its job is not over, or nobody can tell."""
    try:
        record = run.record
    except RunError:
        record = None
    jobs, problem = await find_jobs({run: record}, scheduler)
    job = jobs.get(run)
    if job is None and problem:
        raise RunError(
            f"{run.name} cannot be deleted now: Slurm cannot be asked whether its job is over: {problem} "
            "Try again in a few minutes."
        )
    if job is not None and not job.ended:
        raise RunError(
            f"{run.name} is not over: its job {job.job_id} is {job.state}. "
            f"Cancel it first: onramp runs cancel {run.name}"
        )
    _remove(run)
    return f"{run.name} is deleted: its result, its log and its record."


async def delete_sweep(sweep: Sweep, scheduler: Scheduler) -> str:
    """Delete a sweep's folder with all its members and say so; RunError where its jobs are not over."""
    seen = await look(sweep, scheduler)
    if not seen.over:
        raise RunError(f"{sweep.name} is not over: {seen.sentence} Cancel it first: onramp runs cancel {sweep.name}")
    _remove(sweep)
    return f"{sweep.name} is deleted, with all its members."


def _remove(run: Run | Sweep) -> None:
    """Delete the folder by its name in the open folder of runs: no link leads anywhere else meanwhile."""
    if run.folder.parent != root():
        raise RunError(f"{run.folder} is not below {root()}, where runs are kept; it is left as it is.")
    try:
        place = os.open(root(), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            if not stat.S_ISDIR(os.stat(run.name, dir_fd=place, follow_symlinks=False).st_mode):
                raise RunError(f"{run.folder} is a link, and the folder of no run. Remove it yourself: rm {run.folder}")
            shutil.rmtree(run.name, dir_fd=place)
        finally:
            os.close(place)
    except OSError as error:
        raise RunError(
            f"{run.folder} cannot be deleted as a whole: {error.strerror}: {error.filename}. Try again."
        ) from error
