"""A clean Python, packages loaded, that forks a process for each side of each notebook: `python -m curricula.zygote FD`.

It runs inside the sandbox and holds nothing of anybody: no tests, no submission, no secret. A fork costs milliseconds
where a new Python costs a second. Over the socket FD comes one request after another, with the sockets it is about.
"""

import contextlib
import gc
import importlib
import json
import os
import select
import signal
import socket
import sys
import time
from collections.abc import Sequence
from typing import Any, Literal

import psutil
from pydantic import BaseModel

from curricula import candidate, examiner
from curricula.report import Limits, Step, Task
from curricula.walls import WallsError, close_all_but, confine, denied_calls, end_with_parent, enter, furnish

_LOOK = 0.1
_MOST = 1 << 16
WALLS = ("namespaces", "bubblewrap")
# Fields of /proc/self/statm.
_RESIDENT, _DATA = 1, 5


class Request(BaseModel, frozen=True, extra="forbid"):
    """One process to fork. With it come the socket of its keeper, and then those that the process speaks through."""

    side: Literal["learner", "examiner"]
    limits: Limits


class Ended(BaseModel, frozen=True, extra="forbid"):
    """What a keeper says when its process has ended: which limit it met, if one did it, and its exit status."""

    why: Literal["", "memory", "cpu", "time", "asked"] = ""
    status: int = 0


def main(argv: Sequence[str]) -> int:
    """Serve requests until the other end of the socket is closed."""
    control = socket.socket(fileno=int(argv[0]))
    walls = argv[1]
    shell = candidate.make_shell()
    for name in argv[2:]:
        with contextlib.suppress(ImportError):  # a notebook that needs it says so better
            importlib.import_module(name)
    _warm_up(shell)
    denied = denied_calls()
    problem = _probe(denied) if walls == "namespaces" else ""
    gc.collect()
    gc.freeze()
    control.send(json.dumps({"problem": problem}).encode())
    while True:
        message, descriptors, _, _ = socket.recv_fds(control, _MOST, 4)
        if not message:
            return 0
        _reap()
        sockets = [socket.socket(fileno=one) for one in descriptors]
        if os.fork() == 0:
            _keep(Request.model_validate_json(message), walls, denied, shell, sockets)
        for sock in sockets:
            sock.close()


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
        steps = (Step(index=0, source="a = 1\na", where="learner", answers=("a",)), Step(index=1, source="a", where="split"))
        examiner.Examiner(Task(steps=steps, learners=("a",)), ours, shell).examine().model_dump_json()
    os.waitpid(pid, 0)
    candidate.Candidate(shell).answer("run", ["print(1)\n1", 9.0, 100])
    shell.reset()


def _reap() -> None:
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _probe(denied: bytes) -> str:
    """Return why the inner walls cannot be raised here; nothing where they can."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        try:
            _first(lambda: _wall_in(Limits(), denied))
            os._exit(0)
        except BaseException as error:  # noqa: BLE001 - whatever it is, the walls do not stand
            os.write(writing, f"{type(error).__name__}: {error}"[:500].encode())
            os._exit(1)
    os.close(writing)
    with os.fdopen(reading) as file:
        said = file.read()
    os.wait()
    return said


def _first(work: Any) -> None:
    """Do something as the first process of new namespaces; raises WallsError where it cannot be done."""
    enter()
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        except OSError as error:
            os._exit(error.errno or 1)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if status:
        raise WallsError(status, os.strerror(abs(status)))


def _wall_in(limits: Limits, denied: bytes, *, inner: bool = True) -> None:
    used = _bytes(_DATA)  # while /proc still knows of this process
    if inner:
        furnish(limits)
    confine(limits, used, denied)
    end_with_parent()


def _bytes(field: int) -> int:
    """Return one of the sizes that the kernel counts of this process."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[field]) * os.sysconf("SC_PAGE_SIZE")


def _keep(request: Request, walls: str, denied: bytes, shell: Any, sockets: list[socket.socket]) -> None:
    """Fork the process, watch over it, say how it ended; does not return."""
    status = 1
    try:
        keeper, *speaking = sockets
        if walls == "namespaces":
            enter()
        end_with_parent()
        base = _bytes(_RESIDENT)
        pid = os.fork()
        if pid == 0:
            keeper.close()
            _be(request, walls, denied, shell, speaking)
        for sock in speaking:
            sock.close()
        ended = _watch(pid, request.limits, keeper, base)
        with contextlib.suppress(OSError):
            keeper.send(ended.model_dump_json().encode())
        status = 0
    finally:
        os._exit(status)


def _be(request: Request, walls: str, denied: bytes, shell: Any, sockets: list[socket.socket]) -> None:
    """Become one side of a notebook; does not return."""
    status = 1
    try:
        close_all_but(*sockets)
        _wall_in(request.limits, denied, inner=walls == "namespaces")
        gc.enable()
        if request.side == "learner":
            candidate.serve(sockets[0], shell)
        else:
            examiner.serve(sockets[0], sockets[1], shell)
        status = 0
    finally:
        os._exit(status)


def _watch(pid: int, limits: Limits, keeper: socket.socket, base: int) -> Ended:
    """Wait for a process and end it, with all that it started, where a limit is met or nobody waits for it any more."""
    handle, until = os.pidfd_open(pid), time.monotonic() + limits.seconds
    poll = select.poll()
    poll.register(handle, select.POLLIN)
    poll.register(keeper, select.POLLIN | select.POLLHUP)
    why: Any = ""
    while not why:
        ready = dict(poll.poll(_LOOK * 1000))
        if handle in ready:
            break
        why = "asked" if keeper.fileno() in ready else _over(pid, limits, until, base)
    _end_all(pid)
    return Ended(why=why, status=os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def _end_all(pid: int) -> None:
    """End a process; where it is the first of its namespace, the kernel ends the others with it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for one in psutil.Process(pid).children(recursive=True):
            one.kill()
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)


def _over(pid: int, limits: Limits, until: float, base: int) -> str:
    """Return the limit that a process and all it started are over, if one."""
    if time.monotonic() > until:
        return "time"
    memory = seconds = 0.0
    try:
        first = psutil.Process(pid)
        for one in (first, *first.children(recursive=True)):
            with contextlib.suppress(psutil.NoSuchProcess):
                memory += max(0, one.memory_info().rss - base)
                seconds += sum(one.cpu_times()[:4])
    except psutil.NoSuchProcess:
        return ""
    return "memory" if memory > limits.memory_bytes else "cpu" if seconds > limits.cpu_seconds else ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
