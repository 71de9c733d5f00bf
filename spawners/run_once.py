"""Once: a second click within seconds is no second run."""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from datetime import timedelta
from itertools import islice

from spawners.run import Run, runs
from spawners.run_record import RunError, Submitted, root

SECOND_CLICK = timedelta(seconds=10)
# So many of the newest runs are looked at.
_NEWEST = 20


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the folder of runs, so that of two clicks at once the later one sees what the first has written.

    Not every file system of a home locks folders; there two clicks at the very same moment are two runs.
    """
    root().mkdir(mode=0o700, exist_ok=True)
    folder = os.open(root(), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def same_run(submitted: Submitted) -> Run | None:
    """The run that asked for just this within the last seconds; None where there is none, or Slurm refused it."""
    for run in islice(runs(), _NEWEST):
        with contextlib.suppress(RunError):
            record = run.record
            earlier = record.submitted
            near = abs(submitted.at - earlier.at) <= SECOND_CLICK
            if near and record.refused is None and earlier.model_copy(update={"at": submitted.at}) == submitted:
                return run
    return None
