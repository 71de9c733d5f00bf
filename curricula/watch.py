"""Watches over a learner's process and all that it starts, from the process that forked it, ten times a second.

By a signal, not by a thread: who has made a namespace of processes for its children can have no threads.
"""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Set
from typing import NamedTuple

import psutil

from curricula.report import Limits

_LOOK = 0.1  # seconds; quicker notebooks are never looked at
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Size(NamedTuple):
    """Bytes of a process: in memory, and of data that is its own."""

    resident: int
    data: int


def size_of(pid: int) -> Size:
    """Return the size of a process."""
    file = os.open(f"/proc/{pid}/statm", os.O_RDONLY)
    try:
        fields = os.read(file, 200).split()
    finally:
        os.close(file)
    return Size(int(fields[1]) * _PAGE, int(fields[5]) * _PAGE)


class TimeLimit(Exception):
    """A cell ran for too long."""


class Watch:
    """Ends the process `pid`, and with it what it started, where a limit is met.

    `base` are the bytes that it began with; once it has run for a moment, all of them may use all `processors`.
    """

    def __init__(self, pid: int, limits: Limits, base: int, processors: Set[int]) -> None:
        self.busy: Callable[[], bool] = lambda: False  # whether nothing may be raised just now
        self._pid, self._limits, self._base, self._processors = pid, limits, base, processors
        self._until = time.monotonic() + limits.seconds
        self._cell_until: float | None = None
        self.why = ""

    def begin(self) -> None:
        """Look again and again, beside everything else."""
        signal.signal(signal.SIGALRM, self._look)
        signal.setitimer(signal.ITIMER_REAL, _LOOK, _LOOK)

    @contextlib.contextmanager
    def limited(self, seconds: float) -> Iterator[None]:
        """Raise TimeLimit in what runs here for longer."""
        self._cell_until = time.monotonic() + seconds
        try:
            yield
        finally:
            self._cell_until = None

    def end(self) -> None:
        """End it now; it is the first of its namespace, or its sandbox ends with it, and so does what it started."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def _look(self, *_: object) -> None:
        if not self.why:
            with contextlib.suppress(psutil.Error, OSError):
                self.why = self._over()
            if self.why:
                self.end()
        if self._cell_until is not None and time.monotonic() > self._cell_until and not self.busy():
            self._cell_until = None
            raise TimeLimit

    def _spread(self, *pids: int) -> None:
        """Let what goes on for longer run wherever there is room, once: what is started later may anyway."""
        for pid in pids if self._processors else ():
            with contextlib.suppress(OSError):
                os.sched_setaffinity(pid, self._processors)
        self._processors = frozenset()

    def _over(self) -> str:
        """Return which limit is met, in words, if one is."""
        limits, memory, seconds = self._limits, 0, 0.0
        first = psutil.Process(self._pid)
        every = (first, *first.children(recursive=True))
        self._spread(os.getpid(), *(one.pid for one in every))
        if len(every) > limits.processes:
            return f"It started more than {limits.processes} processes and was stopped."
        for one in every:
            with contextlib.suppress(psutil.NoSuchProcess, FileNotFoundError):
                memory += max(0, size_of(one.pid).resident - self._base)
                seconds += sum(one.cpu_times()[:4])
        if memory > limits.memory_bytes:
            return f"It used more than {limits.memory_bytes / 2**30:.3g} GiB of memory and was stopped."
        if seconds > limits.cpu_seconds:
            return f"It used more than {limits.cpu_seconds} seconds of processor time and was stopped."
        return limits.late if time.monotonic() > self._until else ""
