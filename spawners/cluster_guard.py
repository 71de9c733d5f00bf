"""The guard of a cluster: a process of its own that ends the cluster's jobs when the notebook's kernel is gone.

A kernel that is killed cancels nothing, and what it has queued would start later to find nobody. The guard holds
the other end of a pipe: when the kernel dies, or Slurm ends the server, it cancels what is left and removes the
credentials.
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import IO

from spawners.cluster_plan import ClusterPlan
from spawners.scheduler import Scheduler, SchedulerError
from spawners.slurm import Slurm

CLOSED = b"closed\n"
# Seconds: how long a job may still turn up that was being submitted when the kernel died, how often Slurm is asked, and
# when it is left to the workers, which end by themselves.
LATE = 5.0
ASK = 1.0
GIVE_UP = 600.0


class Guard:
    """The kernel's end of the pipe."""

    def __init__(self, plan: ClusterPlan) -> None:
        """Start the process: in a session of its own, so that an interrupted cell does not interrupt it."""
        self._process = subprocess.Popen(
            (sys.executable, "-s", "-P", "-m", __spec__.name, plan.user, plan.comment, str(plan.folder), plan.commands),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            env=_environment(),
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        """The process's id."""
        return self._process.pid

    def release(self, seconds: float) -> bool:
        """Say that the cluster was closed and wait so long; tell whether nothing of it is left."""
        pipe = self._process.stdin
        if pipe is not None and not pipe.closed:
            # A guard that is gone needs no word.
            with contextlib.suppress(BrokenPipeError), pipe:
                pipe.write(CLOSED)
        try:
            return self._process.wait(seconds) == 0
        except subprocess.TimeoutExpired:
            return False


async def end_jobs(slurm: Scheduler, user: str, comment: str, *, late: float, give_up: float = GIVE_UP) -> bool:
    """Cancel every job with this comment until Slurm shows none for `late` seconds; False where it never did."""
    begin = quiet_since = time.monotonic()
    while time.monotonic() - begin < give_up:
        jobs = await slurm.jobs()
        left = [job.job_id for job in jobs.values() if job.comment == comment and not job.ended]
        if left or jobs.stale:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since >= late:
            return True
        for job_id in left:
            await _cancel(slurm, user, job_id)
        await asyncio.sleep(ASK)
    return False


async def _cancel(slurm: Scheduler, user: str, job_id: str) -> None:
    """Cancel one job; where Slurm does not answer, it is asked again with the next look."""
    try:
        await slurm.cancel(user, job_id)
    except SchedulerError as error:
        print(f"onramp: job {job_id} is not cancelled yet: {error}", file=sys.stderr)


class _Ended(BaseException):
    """Slurm ends the server that the kernel runs in."""


def wait_for_end(pipe: IO[bytes]) -> float:
    """Wait until the kernel closes the cluster or is gone; return for how long jobs may still turn up."""

    def end(*_: object) -> None:
        raise _Ended

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, end)
    try:
        said = pipe.read()
    except _Ended:
        said = b""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    return 0.0 if said == CLOSED else LATE


def _environment() -> dict[str, str]:
    """What the guard needs: this very code, and where Slurm's configuration lies."""
    kept = {name: os.environ[name] for name in ("HOME", "PATH", "SLURM_CONF", "LD_LIBRARY_PATH") if name in os.environ}
    return {**kept, "PYTHONPATH": str(Path(__file__).parents[1]), "LANG": "C.UTF-8"}


def main(argv: Sequence[str] | None = None) -> int:
    """Guard one cluster; exit with 0 once nothing of it is left."""
    parser = argparse.ArgumentParser(
        prog="spawners.cluster_guard", description="Ends a cluster's jobs with its kernel."
    )
    for name in ("user", "comment", "folder", "commands"):
        parser.add_argument(name)
    given = parser.parse_args(argv)
    late = wait_for_end(sys.stdin.buffer)
    shutil.rmtree(given.folder, ignore_errors=True)
    return 0 if asyncio.run(end_jobs(Slurm(bin=given.commands), given.user, given.comment, late=late)) else 1


if __name__ == "__main__":
    sys.exit(main())
