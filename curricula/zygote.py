"""A clean Python, packages loaded, that forks two processes for each notebook: `python -m curricula.zygote FD WALLS`.

It runs inside the sandbox and holds nothing of anybody: no tests, no submission, no secret. A fork costs milliseconds
where a new Python costs a second. Over the socket FD comes one request after another.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import random
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from curricula import candidate, examiner
from curricula.report import Limits, Travels
from curricula.walls import WallsError, close_all_but, confine, denied_calls, end_with_parent, enter, furnish, hide
from curricula.warm_up import join_pages, warm_up
from curricula.watch import Watch, size_of

_MOST = 1 << 16
WALLS = ("namespaces", "bubblewrap")
_EXAMINER_BYTES = 2 << 30
_fork = ctypes.PyDLL(None, use_errno=True).fork


@dataclass(frozen=True)
class Request(Travels):
    """Begin a notebook, with the socket over which the task comes; or end the one with this number.

    `processor` is where it begins; without one it may run on any.
    """

    number: int
    limits: Limits | None = None
    processor: int | None = None


def _request(text: bytes) -> Request:
    told = json.loads(text)
    return Request(told["number"], Limits(**told["limits"]) if told["limits"] else None, told["processor"])


def main(argv: Sequence[str]) -> int:
    """Serve requests until the other end of the socket is closed."""
    from curricula.shell import make_shell  # with all of IPython, which who only speaks with this one does not need

    control = socket.socket(fileno=int(argv[0]))
    shell = make_shell()
    for name in argv[2:]:
        with contextlib.suppress(ImportError):  # a notebook that needs it says so better
            importlib.import_module(name)
    warm_up(shell)
    denied = denied_calls()
    gc.collect()
    gc.freeze()
    join_pages()
    fork = _Fork(argv[1], denied, shell)
    problem = fork.problem() if fork.walls == "namespaces" else ""
    control.send(json.dumps({"problem": problem}).encode())
    return _serve(control, fork)


def _serve(control: socket.socket, fork: "_Fork") -> int:
    running: dict[int, int] = {}
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, _MOST, 4)
        if not message:
            return 0
        for number in [number for number, pid in running.items() if os.waitpid(pid, os.WNOHANG)[0]]:
            del running[number]
        request = _request(message)
        if request.limits is None:
            if request.number in running:
                os.kill(running[request.number], signal.SIGKILL)
            continue
        host = socket.socket(fileno=descriptors[0])
        with contextlib.suppress(OSError):  # Slurm may take a processor away from a job
            # This process goes there as well, and what it forks stays there: they take turns.
            os.sched_setaffinity(0, fork.processors if request.processor is None else {request.processor})
        pid = forked()
        if pid == 0:
            control.close()
            fork.examine(request.limits, host)
        running[request.number] = pid
        host.close()


def forked() -> int:
    """Fork as os.fork does, but for what Python and its modules do in a child about other threads: there are none.

    That would write to a tenth of all pages which one notebook makes the kernel copy.
    """
    pid = int(_fork())
    if pid == -1:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    if pid == 0:
        random.seed()
    return pid


class _Fork:
    """What becomes of a fork: the process that holds the tests, and from it the learner's, each within its walls."""

    def __init__(self, walls: str, denied: bytes, shell: Any) -> None:
        self.walls, self._denied, self._shell = walls, denied, shell
        self._data = size_of(os.getpid()).data  # that every fork begins with
        self.processors = os.sched_getaffinity(0)

    def examine(self, limits: Limits, host: socket.socket) -> None:
        """Become the examiner of one notebook; does not return."""
        _ending(lambda: self._examine(limits, host))

    def _examine(self, limits: Limits, host: socket.socket) -> None:
        os.setsid()
        asks, answers = socket.socketpair()
        if self.walls == "namespaces":
            enter()
        base = size_of(os.getpid())
        pid = forked()
        if pid == 0:
            _ending(lambda: self._learn(limits, answers))
        answers.close()
        close_all_but(host, asks)
        ours = replace(limits, memory_bytes=max(limits.memory_bytes, _EXAMINER_BYTES))
        confine(ours, self._data, self._denied)
        end_with_parent()
        hide()
        gc.enable()
        if not asks.recv(1):  # or a notebook would be blamed for what this machine could not do
            raise WallsError("a learner's process could not raise its walls")
        examiner.serve(asks, host, self._shell, Watch(pid, limits, base.resident, self.processors))

    def _learn(self, limits: Limits, sock: socket.socket) -> None:
        """Be the learner's process, and say when its walls stand; what it writes past Python goes nowhere.

        A signal to one's group reaches it in other namespaces too, so it has a group of its own.
        """
        os.setsid()
        close_all_but(sock)
        for standard in (1, 2):
            os.dup2(0, standard)
        self._wall_in(limits)
        sock.send(b".")
        gc.enable()
        candidate.serve(sock, self._shell)

    def _wall_in(self, limits: Limits) -> None:
        if self.walls == "namespaces":
            furnish(limits)
        confine(limits, self._data, self._denied)
        end_with_parent()

    def problem(self) -> str:
        """Return why the walls cannot be raised here; nothing where they can."""
        reading, writing = os.pipe()
        if os.fork() == 0:
            with contextlib.suppress(BaseException):
                self._probe(writing)
            os._exit(0)
        os.close(writing)
        with os.fdopen(reading) as file:
            said = file.read()
        os.wait()
        return said

    def _probe(self, writing: int) -> None:
        try:
            enter()
            if os.fork() == 0:
                _said(writing, lambda: self._wall_in(Limits()))
            os.wait()
        except WallsError as error:
            os.write(writing, str(error).encode())


def _said(writing: int, work: Callable[[], None]) -> None:
    """Do something and write what went wrong; does not return."""
    try:
        work()
    except BaseException as error:  # noqa: BLE001 - whatever it is, the walls do not stand
        os.write(writing, f"{type(error).__name__}: {error}".encode())
    finally:
        os._exit(0)


def _ending(work: Callable[[], None]) -> None:
    """Do something and end this process, without what Python does at its end."""
    status = 1
    try:
        work()
        status = 0
    except BaseException:  # noqa: BLE001 - it ends in any case, and the sandbox's log says why
        traceback.print_exc()
    finally:
        os._exit(status)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
