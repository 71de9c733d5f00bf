"""Examines notebooks on this machine: a zygote in the sandbox, and of each notebook two processes forked from it.

Two kinds of walls are known, by name. `namespaces`: every process has namespaces of its own within the sandbox.
`bubblewrap`: where users may not nest them, every process has a sandbox of its own, and Python starts anew in it.
A machine that has neither is refused.
"""

import asyncio
import contextlib
import json
import socket
import subprocess
from collections.abc import AsyncIterator, Sequence
from types import TracebackType
from typing import Self

from pydantic import ValidationError

from curricula import sandbox
from curricula.report import Limits, Report, Task
from curricula.zygote import WALLS, Ended, Request

_START = 60.0  # seconds
_REPORT = 50_000_000  # bytes
# What the examiner's process may use beside the learner's, and how much longer it may live.
_MORE_SECONDS, _EXAMINER_BYTES = 10, 2 << 30


class EngineError(RuntimeError):
    """Nothing can be examined here, or this notebook's tests could not; it says nothing about the learner's work."""


class Zygote:
    """One sandboxed Python with packages loaded; the handle of curricula.zygote."""

    def __init__(self, walls: str, packages: Sequence[str] = ()) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        ours.setblocking(False)
        words = sandbox.zygote((str(theirs.fileno()), walls, *packages), nested=walls == "namespaces")
        try:
            with theirs:
                self._process = subprocess.Popen(
                    words,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                )
        except OSError as error:
            ours.close()
            raise EngineError(f"The sandbox cannot be started: {error}. It needs bubblewrap ({words[0]}).") from None

    @property
    def pid(self) -> int:
        """The process id of its outermost process."""
        return self._process.pid

    async def ready(self) -> None:
        """Wait until it can fork. Raises EngineError with what stands in its way."""
        try:
            async with asyncio.timeout(_START):
                said = await asyncio.get_running_loop().sock_recv(self._control, 10_000)
        except (TimeoutError, OSError):
            said = b""
        if not said:
            self._process.kill()
            words = (self._process.stderr.read() if self._process.stderr else b"").decode(errors="replace")
            raise EngineError(f"The sandbox ended before it began: {words.strip()[-500:] or 'it said nothing'}")
        if problem := json.loads(said)["problem"]:
            raise EngineError(f"Namespaces cannot be nested here: {problem}")

    def fork(self, request: Request, *sockets: socket.socket) -> None:
        """Have it fork a process; the first socket is its keeper's."""
        try:
            socket.send_fds(self._control, [request.model_dump_json().encode()], [one.fileno() for one in sockets])
        except OSError as error:
            raise EngineError(f"The sandbox has ended: {error}") from None

    def close(self) -> None:
        """End it, and everything that was forked from it."""
        self._control.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        if self._process.stderr:
            self._process.stderr.close()


class Engine:
    """Examines notebooks; several at a time, if `examine` is awaited several times. Use it with `async with`."""

    def __init__(self, walls: str | None = None) -> None:
        """`walls` says which to raise; None takes the first of WALLS that this machine has."""
        self._asked = walls
        self.walls = ""
        self._zygotes: dict[frozenset[str], Zygote] = {}
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        problems = []
        for walls in WALLS if self._asked is None else (self._asked,):
            try:
                first = await _started(walls)
            except EngineError as error:
                problems.append(f"{walls}: {error}")
                continue
            self.walls = walls
            self._zygotes[frozenset()] = first
            return self
        raise EngineError(f"This machine cannot wall in a learner's code, so it grades nothing. {' '.join(problems)}")

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for one in self._zygotes.values():
            one.close()
        self._zygotes.clear()

    async def examine(self, task: Task) -> Report:
        """Examine one notebook. Raises EngineError."""
        async with self._forked_from(task.packages) as (learners, examiners):
            report = await _examined(task, learners, examiners)
        return report.model_copy(update={"walls": self.walls})

    @contextlib.asynccontextmanager
    async def _forked_from(self, packages: Sequence[str]) -> AsyncIterator[tuple[Zygote, Zygote]]:
        """The zygotes of both sides: the one that is kept, or two of their own where walls cannot be nested."""
        if self.walls == "namespaces":
            one = await self._kept(frozenset(packages))
            yield one, one
            return
        both = await asyncio.gather(_started(self.walls, packages), _started(self.walls, packages))
        try:
            yield both
        finally:
            for zygote in both:
                zygote.close()

    async def _kept(self, packages: frozenset[str]) -> Zygote:
        """The zygote with these packages, made when it is first needed or has ended; the last two kinds are kept."""
        async with self._starting:
            found = self._zygotes.pop(packages, None)
            if found is None or found._process.poll() is not None:
                found = await _started(self.walls, sorted(packages))
            self._zygotes[packages] = found
            for old in list(self._zygotes)[:-2]:
                self._zygotes.pop(old).close()
        return found


async def _started(walls: str, packages: Sequence[str] = ()) -> Zygote:
    zygote = Zygote(walls, packages)
    try:
        await zygote.ready()
    except BaseException:
        zygote.close()
        raise
    return zygote


async def _examined(task: Task, learners: Zygote, examiners: Zygote) -> Report:
    """Fork both sides, hand the task to the examiner, and return its report."""
    limits = task.limits
    more = limits.model_copy(
        update={"seconds": limits.seconds + _MORE_SECONDS, "memory_bytes": max(limits.memory_bytes, _EXAMINER_BYTES)}
    )
    with contextlib.ExitStack() as stack:

        def pair(kind: socket.SocketKind = socket.SOCK_STREAM) -> tuple[socket.socket, socket.socket]:
            both = socket.socketpair(socket.AF_UNIX, kind)
            return stack.enter_context(both[0]), stack.enter_context(both[1])

        asks, answers = pair()
        host, told = pair()
        learner, learner_keeper = pair(socket.SOCK_SEQPACKET)
        examiner, examiner_keeper = pair(socket.SOCK_SEQPACKET)
        for one in (host, learner, examiner):
            one.setblocking(False)
        learners.fork(Request(side="learner", limits=limits), learner_keeper, answers)
        examiners.fork(Request(side="examiner", limits=more), examiner_keeper, asks, told)
        for one in (asks, answers, told, learner_keeper, examiner_keeper):
            one.close()
        said = await _exchange(host, task, limits.seconds)
        return await _meaning(said, learner, examiner, limits)


async def _exchange(host: socket.socket, task: Task, seconds: float) -> bytes | None:
    """Hand over the task and return what the examiner says, empty where it says nothing; None after so many seconds."""
    loop, said = asyncio.get_running_loop(), bytearray()
    try:
        async with asyncio.timeout(seconds):
            await loop.sock_sendall(host, task.model_dump_json().encode())
            host.shutdown(socket.SHUT_WR)
            while (part := await loop.sock_recv(host, 1 << 20)) and len(said) < _REPORT:
                said += part
    except TimeoutError:
        return None
    except OSError:
        return b""
    return bytes(said)


async def _meaning(said: bytes | None, learner: socket.socket, examiner: socket.socket, limits: Limits) -> Report:
    """Return the report; where a limit was met, it says which."""
    if said is None:
        return Report(
            stopped=f"It ran for longer than {limits.seconds} seconds and was stopped. Look for a loop without end."
        )
    try:
        report = Report.model_validate_json(said)
    except ValidationError:
        ended = await _end(examiner)
        raise EngineError(f"The process that holds the tests ended without a report: {ended}.") from None
    if report.stopped is None:
        return report
    words = {
        "memory": f"It used more than {limits.memory_bytes / 2**30:.3g} GiB of memory and was stopped.",
        "cpu": f"It used more than {limits.cpu_seconds} seconds of processor time and was stopped.",
        "time": f"It ran for longer than {limits.seconds} seconds and was stopped. Look for a loop without end.",
    }
    return report.model_copy(update={"stopped": words.get((await _end(learner)).why, report.stopped)})


async def _end(keeper: socket.socket) -> Ended:
    """Have a process ended, if it has not yet, and return how it ended."""
    loop = asyncio.get_running_loop()
    try:
        keeper.shutdown(socket.SHUT_WR)
        async with asyncio.timeout(5):
            return Ended.model_validate_json(await loop.sock_recv(keeper, 10_000))
    except (OSError, TimeoutError, ValidationError):
        return Ended()
