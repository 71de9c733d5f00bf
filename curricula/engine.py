"""Examines notebooks on this machine: a zygote in the sandbox, and for each notebook two processes forked from it.

Two kinds of walls are known, by name. `namespaces`: each notebook's processes have namespaces of their own within the
sandbox. `bubblewrap`: where users may not nest them, each notebook has a sandbox of its own, and Python starts anew in
it. A machine that has neither is refused.
"""

import asyncio
import contextlib
import json
import logging
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from types import TracebackType
from typing import Self

from pydantic import TypeAdapter, ValidationError

from curricula import sandbox
from curricula.devices import NO_GPU, Devices
from curricula.processors import Processors
from curricula.report import Limits, Report, Task
from curricula.zygote import WALLS, Request

log = logging.getLogger(__name__)
_START = 60.0  # seconds
_REPORT = 50_000_000  # bytes
# How much longer than its notebook an examiner may live: it ends the notebook first, and says so.
_MORE_SECONDS = 10
_SAID = TypeAdapter(Report)


class EngineError(RuntimeError):
    """Nothing can be examined here, or this notebook's tests could not; it says nothing about the learner's work."""


class Zygote:
    """One sandboxed Python with packages loaded; the handle of curricula.zygote."""

    def __init__(self, walls: str, packages: Sequence[str], devices: Devices) -> None:
        if shutil.which(sandbox.BWRAP) is None:
            raise EngineError(f"there is no {sandbox.BWRAP} on the PATH: install Debian's bubblewrap.")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._control = ours
        ours.setblocking(False)
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - it lives as long as this
        words = sandbox.zygote((str(theirs.fileno()), walls, *packages), devices, nested=walls == "namespaces")
        try:
            with theirs:
                self._process = subprocess.Popen(
                    words,
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._log,
                )
        except OSError as error:
            ours.close()
            raise EngineError(f"The sandbox cannot be started: {error}") from None

    @property
    def ended(self) -> bool:
        """Whether it is gone."""
        return self._process.poll() is not None

    @property
    def said(self) -> str:
        """What it wrote last into its log."""
        self._log.seek(max(0, self._log.seek(0, 2) - 500))
        return self._log.read().decode(errors="replace").strip()

    async def ready(self) -> None:
        """Wait until it can fork. Raises EngineError with what stands in its way."""
        try:
            async with asyncio.timeout(_START):
                said = await asyncio.get_running_loop().sock_recv(self._control, 10_000)
        except (TimeoutError, OSError):
            said = b""
        if not said:
            self._process.kill()
            raise EngineError(f"The sandbox ended before it began: {self.said or 'it said nothing'}")
        if problem := json.loads(said)["problem"]:
            raise EngineError(f"Namespaces cannot be nested here: {problem}")

    def begin(self, number: int, limits: Limits, processor: int | None, host: socket.socket) -> None:
        """Have it fork the processes of a notebook; `host` is where its examiner is told the task."""
        self._send(Request(number=number, limits=limits, processor=processor), host)

    def end(self, number: int) -> None:
        """Have it end them, wherever they are."""
        with contextlib.suppress(EngineError):
            self._send(Request(number=number))

    def _send(self, request: Request, *sockets: socket.socket) -> None:
        try:
            socket.send_fds(self._control, [request.json().encode()], [one.fileno() for one in sockets])
        except OSError as error:
            raise EngineError(f"The sandbox has ended: {error}") from None

    def close(self) -> None:
        """End it, and everything that was forked from it."""
        self._control.close()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait()
        self._log.close()


class Engine:
    """Examines notebooks; several at a time, if `examine` is awaited several times. Use it with `async with`."""

    def __init__(self, walls: str | None = None, devices: Devices = NO_GPU) -> None:
        """`walls` says which to raise; None takes the first of WALLS that this machine has. Notebooks see `devices`."""
        self._asked, self._devices = walls, devices
        self.walls = ""
        self._zygotes: dict[frozenset[str], Zygote] = {}
        self._starting, self._count = asyncio.Lock(), 0
        self._processors = Processors()

    async def __aenter__(self) -> Self:
        problems = []
        for walls in WALLS if self._asked is None else (self._asked,):
            try:
                first = await self._started(walls)
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
        # A process that is forked cannot use a GPU which a package has touched before as it was loaded.
        async with self._zygote(() if self._devices.files else task.packages) as zygote:
            self._count += 1
            with self._processors.one(task.limits) as processor:
                report = await _examined(task, zygote, self._count, processor)
        return replace(report, walls=self.walls)

    @contextlib.asynccontextmanager
    async def _zygote(self, packages: Sequence[str]) -> AsyncIterator[Zygote]:
        """The zygote that is kept, or one of its own where walls cannot be nested."""
        if self.walls == "namespaces":
            yield await self._kept(frozenset(packages))
            return
        own = await self._started(self.walls, packages)
        try:
            yield own
        finally:
            own.close()

    async def _kept(self, packages: frozenset[str]) -> Zygote:
        """The zygote with these packages, made when it is first needed or has ended; the last two kinds are kept."""
        async with self._starting:
            found = self._zygotes.pop(packages, None)
            if found is not None and found.ended:
                log.error("a sandbox has ended by itself: %s", found.said)
                found.close()
                found = None
            if found is None:
                found = await self._started(self.walls, sorted(packages))
            self._zygotes[packages] = found
            for old in list(self._zygotes)[:-2]:
                self._zygotes.pop(old).close()
        return found

    async def _started(self, walls: str, packages: Sequence[str] = ()) -> Zygote:
        zygote = Zygote(walls, packages, self._devices)
        try:
            await zygote.ready()
        except BaseException:
            zygote.close()
            raise
        return zygote


async def _examined(task: Task, zygote: Zygote, number: int, processor: int | None) -> Report:
    """Hand the task to an examiner of its own and return its report."""
    host, theirs = socket.socketpair()
    with host:
        host.setblocking(False)
        with theirs:
            zygote.begin(number, task.limits, processor, theirs)
        try:
            async with asyncio.timeout(task.limits.seconds + _MORE_SECONDS):
                said = await _exchange(host, task)
        except TimeoutError:
            return Report(stopped=task.limits.late)
        finally:
            zygote.end(number)
    try:
        return _SAID.validate_json(said)
    except ValidationError:
        raise EngineError(f"The process that holds the tests ended without a report: {zygote.said}") from None


async def _exchange(host: socket.socket, task: Task) -> bytes:
    """Hand over the task and return what the examiner says, empty where it says nothing."""
    loop, said = asyncio.get_running_loop(), bytearray()
    with contextlib.suppress(OSError):
        await loop.sock_sendall(host, task.json().encode())
        host.shutdown(socket.SHUT_WR)
        while (part := await loop.sock_recv(host, 1 << 20)) and len(said) < _REPORT:
            said += part
    return bytes(said)
