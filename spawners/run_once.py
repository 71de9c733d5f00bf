"""Once: a second click within seconds is no second run, and no second sweep; a folder is made whole or not at all."""

import contextlib
import shutil
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import TypeVar

from spawners.run import Run, runs
from spawners.run_record import RunError, Submitted, make_folder, one_at_a_time, root

SECOND_CLICK = timedelta(seconds=10)
# So many of the newest runs are looked at.
_NEWEST = 20
T = TypeVar("T")


async def once(
    what: str, same: Callable[[], T | None], make: Callable[[], T], is_over: Callable[[T], Awaitable[bool]]
) -> tuple[T, bool]:
    """Return what a click just before made of the `same`, or else what `make` makes now, and whether that is new.

    What is over already, cancelled or failed, is meant again. No job exists yet of what is new. Raises RunError, and
    leaves nothing, where the folder of `what`, "run" or "sweep", cannot be written.
    """
    found, is_new = _once(what, same, make)
    if is_new or not await is_over(found):
        return found, is_new
    return _once(what, lambda: None, make)


def _once(what: str, same: Callable[[], T | None], make: Callable[[], T]) -> tuple[T, bool]:
    try:
        with one_at_a_time():
            earlier = same()
            return (earlier, False) if earlier is not None else (make(), True)
    except OSError as error:
        raise RunError(
            f"The folder of the {what} cannot be written below {root()}: {error.strerror}. "
            "If your home folder is full, delete what you no longer need, and try again."
        ) from error


def whole_folder(name: str, at: datetime, fill: Callable[[Path], None]) -> Path:
    """Make the folder of a run or a sweep and `fill` it; where that fails, nothing is left."""
    folder = make_folder(root(), name, at.astimezone())
    try:
        fill(folder)
    except OSError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def same_run(submitted: Submitted) -> Run | None:
    """The run that asked for just this within the last seconds; None where there is none, or Slurm refused it."""
    for run in islice(runs(), _NEWEST):
        with contextlib.suppress(RunError):
            record = run.record
            if record.refused is None and same_click(record.submitted, submitted):
                return run
    return None


def same_click(earlier: Submitted, now: Submitted) -> bool:
    """Whether two ask for the same within seconds."""
    return abs(now.at - earlier.at) <= SECOND_CLICK and earlier.model_copy(update={"at": now.at}) == now
