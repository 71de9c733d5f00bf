"""What a clean Python does before it forks for the first time: it plays both processes of a notebook, often.

Python fills caches, compiles patterns and makes code quicker that has run some times. A fork has what was so before it;
what it does itself is lost with it, and the next one would do it again. Last it has its memory in large pages, of which
a fork copies fewer entries.
"""

import ctypes
import os
import socket
from collections.abc import Callable
from typing import Any

from curricula import candidate
from curricula.examiner import Examiner
from curricula.report import Limits, Step, Task, read_task
from curricula.watch import Watch

# Bytes of a large page, and the advice of madvise(2) to make one of what is there: MADV_COLLAPSE, since Linux 6.1.
_LARGE, _COLLAPSE = 2 << 20, 25
# Python 3.11 begins to make code quicker when it has run eight times.
_OFTEN = 20
_NOTEBOOK = Task(
    steps=(
        Step(
            index=0,
            source="def double(n):\n    return 2 * n\nvalues = [1]\nprint(values)\nvalues",
            where="learner",
            answers=("double", "values"),
        ),
        Step(index=1, source="import math\nmore = [double(n) for n in range(3)]", where="learner", value=False),
        Step(index=2, source="assert double(2) == 4\nassert values == [1]", where="split", value=False),
        Step(index=3, source="double(2)", where="split"),
    )
    * _OFTEN,
    learners=("double", "values"),
)


def warm_up(shell: Any) -> None:
    """Be the examiner once, while a fork is the learner's process, and once the other way round."""
    _play(_examine, _answer, shell)
    _play(_answer, _examine, shell)
    shell.reset()
    shell.user_ns["__spec__"] = None  # a reset takes it away, and multiprocessing looks for it


def join_pages() -> None:
    """Have the kernel make large pages of this process's own memory, as far as it can; elsewhere nothing changes."""
    advise = ctypes.CDLL(None).madvise
    advise.argtypes = (ctypes.c_size_t, ctypes.c_size_t, ctypes.c_int)
    with open("/proc/self/maps") as file:
        areas = [line.split() for line in file]
    for place, may, _, _, _, *name in areas:
        if may == "rw-p" and name in ([], ["[heap]"]):
            start, end = (int(word, 16) for word in place.split("-"))
            for at in range(-(-start // _LARGE) * _LARGE, end - _LARGE + 1, _LARGE):
                advise(at, _LARGE, _COLLAPSE)


def _play(here: "_Part", there: "_Part", shell: Any) -> None:
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        try:
            ours.close()
            there(theirs, shell)
        finally:
            os._exit(0)
    theirs.close()
    with ours:
        here(ours, shell)
    os.waitpid(pid, 0)


def _examine(sock: socket.socket, shell: Any) -> None:
    task = read_task(_NOTEBOOK.json().encode())
    Examiner(task, sock, shell, Watch(os.getpid(), Limits(), 0, os.sched_getaffinity(0))).examine().json()


def _answer(sock: socket.socket, shell: Any) -> None:
    candidate.serve(sock, shell)


_Part = Callable[[socket.socket, Any], None]
