"""CPU and wall seconds of this process and all that descends from it, whatever namespace hides it from itself."""

import ctypes
import time
from contextlib import suppress
from typing import NamedTuple, Self

import psutil

from tests.bench.hub import until

_CHILD_SUBREAPER = 36


class Spent(NamedTuple):
    """CPU seconds of this process tree so far, and the time at which that was so."""

    cpu: float
    at: float

    @classmethod
    def now(cls) -> Self:
        """Read it. The kernel tells each process's seconds in hundredths, so measure much at once."""
        this = psutil.Process()
        return cls(sum(map(_cpu, (this, *this.children(recursive=True)))), time.monotonic())

    @classmethod
    def once_quiet(cls) -> Self:
        """Read it when nothing below this process runs any more.

        When the first process of a namespace ends, the kernel forgets what the others in it have spent, so what still
        ends after a reading would be missing from the next one.
        """
        until(lambda: not any(map(_runs, psutil.Process().children(recursive=True))), "the end of what was started")
        return cls.now()

    def until(self, later: "Spent") -> "Spent":
        """Return the CPU and wall seconds from here to there."""
        return Spent(later.cpu - self.cpu, later.at - self.at)


def adopt() -> None:
    """Have whatever loses its parent below this process become its child, so that what it spent is not lost."""
    ctypes.CDLL(None).prctl(_CHILD_SUBREAPER, 1, 0, 0, 0)


def _cpu(process: psutil.Process) -> float:
    """What a process has spent, and those of its children that have ended; one that has is in its parent's account."""
    with suppress(psutil.NoSuchProcess):
        times = process.cpu_times()
        return float(times.user + times.system + times.children_user + times.children_system)
    return 0.0


def _runs(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False
