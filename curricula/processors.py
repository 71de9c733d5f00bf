"""Which processor a notebook begins on.

Who has it examined, and the processes that do it, take turns. To wake one another across processors costs more than it
gains: all of them on one is a fifth less work, and no slower.
"""

import contextlib
import ctypes
import os
from collections.abc import Iterator

from curricula.report import Limits

_current = ctypes.CDLL(None).sched_getcpu


class Processors:
    """Those that this process may use, and how many notebooks are on each."""

    def __init__(self) -> None:
        self._on = dict.fromkeys(os.sched_getaffinity(0), 0)

    @contextlib.contextmanager
    def one(self, limits: Limits) -> Iterator[int | None]:
        """Yield the number of one for a notebook: this process's own, unless others are there and elsewhere are fewer.

        None for a notebook that may keep several busy.
        """
        if not limits.one_processor:
            yield None
            return
        current = _current()
        chosen = min(self._on, key=lambda one: (self._on[one], one != current))
        self._on[chosen] += 1
        try:
            yield chosen
        finally:
            self._on[chosen] -= 1
