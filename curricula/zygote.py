"""A clean Python, packages loaded, that forks two processes for each notebook: `python -m curricula.zygote FD WALLS`.

It runs inside the sandbox and holds nothing of anybody: no tests, no submission, no secret. A fork costs milliseconds
where a new Python costs a second. Over the socket FD comes one request after another.
"""

import contextlib
import gc
import importlib
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from curricula import candidate, examiner
from curricula.report import Limits, Step, Task, Travels, read_task
from curricula.walls import WallsError, close_all_but, confine, denied_calls, end_with_parent, enter, furnish, hide
from curricula.watch import Watch, size_of

_MOST = 1 << 16
WALLS = ("namespaces", "bubblewrap")
_EXAMINER_BYTES = 2 << 30


@dataclass(frozen=True)
class Request(Travels):
    """Begin a notebook, with the socket over which the task comes; or end the one with this number."""

    number: int
    limits: Limits | None = None


def _request(text: bytes) -> Request:
    told = json.loads(text)
    return Request(told["number"], Limits(**told["limits"]) if told["limits"] else None)


def main(argv: Sequence[str]) -> int:
    """Serve requests until the other end of the socket is closed."""
    control = socket.socket(fileno=int(argv[0]))
    shell = candidate.make_shell()
    for name in argv[2:]:
        with contextlib.suppress(ImportError):  # a notebook that needs it says so better
            importlib.import_module(name)
    _warm_up(shell)
    fork = _Fork(walls=argv[1], denied=denied_calls(), shell=shell)
    problem = fork.problem() if fork.walls == "namespaces" else ""
    gc.collect()
    gc.freeze()
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
        pid = os.fork()
        if pid == 0:
            control.close()
            fork.examine(request.limits, host)
        running[request.number] = pid
        host.close()


def _warm_up(shell: Any) -> None:
    """Do once what every fork would do for the first time: Python compiles patterns and fills caches as it goes."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        candidate.serve(theirs, shell)
        os._exit(0)
    theirs.close()
    with ours:
        steps = (
            Step(index=0, source="a = 1\na", where="learner", answers=("a",)),
            Step(index=1, source="a", where="split"),
        )
        task = read_task(Task(steps=steps, learners=("a",)).json().encode())
        examiner.Examiner(task, ours, shell, Watch(pid, task.limits, 0)).examine().json()
    os.waitpid(pid, 0)
    candidate.Candidate(shell).answer("run", ["print(1)\n1", 9.0, 100])
    shell.reset()
    shell.user_ns["__spec__"] = None  # a reset takes it away, and multiprocessing looks for it


class _Fork:
    """What becomes of a fork: the process that holds the tests, and from it the learner's, each within its walls."""

    def __init__(self, walls: str, denied: bytes, shell: Any) -> None:
        self.walls, self._denied, self._shell = walls, denied, shell

    def examine(self, limits: Limits, host: socket.socket) -> None:
        """Become the examiner of one notebook; does not return."""
        _ending(lambda: self._examine(limits, host))

    def _examine(self, limits: Limits, host: socket.socket) -> None:
        os.setsid()
        asks, answers = socket.socketpair()
        if self.walls == "namespaces":
            enter()
        base = size_of(os.getpid())
        pid = os.fork()
        if pid == 0:
            _ending(lambda: self._learn(limits, answers))
        answers.close()
        close_all_but(host, asks)
        ours = replace(limits, memory_bytes=max(limits.memory_bytes, _EXAMINER_BYTES))
        confine(ours, size_of(os.getpid()).data, self._denied)
        end_with_parent()
        hide()
        gc.enable()
        examiner.serve(asks, host, self._shell, Watch(pid, limits, base.resident))

    def _learn(self, limits: Limits, sock: socket.socket) -> None:
        """Be the learner's process; what it writes past Python goes nowhere.

        A signal to one's group reaches it in other namespaces too, so it has a group of its own.
        """
        os.setsid()
        close_all_but(sock)
        for standard in (1, 2):
            os.dup2(0, standard)
        self._wall_in(limits)
        gc.enable()
        candidate.serve(sock, self._shell)

    def _wall_in(self, limits: Limits) -> None:
        used = size_of(os.getpid()).data  # while /proc still knows of this process
        if self.walls == "namespaces":
            furnish(limits)
        confine(limits, used, self._denied)
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
