"""The stub of a kernel: what Jupyter speaks to, at once and for as long as the kernel lives, on this node.

While there is no kernel yet it keeps what that is asked; then it passes everything on, both ways, as it is. Both legs
are CurveZMQ, with the keys that Jupyter has for this kernel.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, NamedTuple

import zmq
import zmq.asyncio
from jupyter_client.session import Session

from spawners.kernel_cells import Cells

_ASKED = dict.fromkeys(("shell", "control", "stdin"))
_FRONT = {**dict.fromkeys((*_ASKED, "hb"), zmq.ROUTER), "iopub": zmq.PUB}
_BACK = {**dict.fromkeys(_ASKED, zmq.DEALER), "iopub": zmq.SUB}
# Milliseconds between two questions to a kernel that was just reached, until it is heard on both channels.
ASK = 200
# Milliseconds in which what was said last may still be read.
LINGER = 1000


class Keys(NamedTuple):
    """A pair of CurveZMQ keys."""

    public: bytes
    secret: bytes


class Stub:
    """Five sockets for Jupyter and, while there is a kernel, four to that; `cells` are the questions of it."""

    def __init__(self, session: Session, keys: Keys, wanted: Callable[[], None]) -> None:
        """Listen on this node; `session` holds the key that signs messages, and is this stub's own.

        `wanted` is called while a cell waits and there is no kernel, again and again.
        """
        self._session, self._keys, self._wanted = session, keys, wanted
        self._context = zmq.asyncio.Context.instance()
        self._front = {name: self._listening(kind) for name, kind in _FRONT.items()}
        self._back: dict[str, zmq.asyncio.Socket] = {}
        self._reached = False
        self._pumps: list[asyncio.Task[None]] = []
        self.cells = Cells(session, self._front)
        self._tasks = [self._task(self._ask(name)) for name in _ASKED]
        self._tasks.append(self._task(self._echo()))

    @property
    def ports(self) -> dict[str, int]:
        """Where each channel is."""
        ends = {name: end.getsockopt_string(zmq.LAST_ENDPOINT) for name, end in self._front.items()}
        return {f"{name}_port": int(end.rpartition(":")[2]) for name, end in ends.items()}

    def reach(self, connection: Mapping[str, Any]) -> None:
        """Pass on what was kept, and everything from now on, to the kernel that listens there."""
        self._hang_up()
        self._back = {name: self._calling(name, kind, connection) for name, kind in _BACK.items()}
        self._back["iopub"].subscribe(b"")
        self._pumps = [self._task(self._pass_on())]

    def leave(self) -> None:
        """Forget the kernel, since it has ended, and what it was asked; wait for the next one."""
        self._hang_up()
        self.cells.forget()

    def tell(self, news: str) -> None:
        """Say something below the cell that runs, or else below the next one."""
        self.cells.tell(news)
        if self._reached:
            self.cells.passed_on()

    def close(self) -> None:
        """Stop listening."""
        self._hang_up()
        for task in self._tasks:
            task.cancel()
        for end in self._front.values():
            end.close()

    # From Jupyter to the kernel, and back.

    async def _ask(self, name: str) -> None:
        while True:
            frames = await self._front[name].recv_multipart()
            request = self.cells.read(frames) if name != "stdin" else None
            if request and name == "shell":
                self.cells.note(request)
            if self._reached:
                self.cells.passed_on()
                await self._back[name].send_multipart(frames)
            elif request:
                self.cells.hold(name, request)
                if self.cells.busy:
                    self._wanted()

    async def _answer(self, name: str) -> None:
        while True:
            frames = await self._back[name].recv_multipart()
            if name == "iopub":
                self.cells.answered(frames)
            await self._front[name].send_multipart(frames)

    async def _echo(self) -> None:
        """Answer the heartbeat; whether the kernel lives is told by its job."""
        while True:
            await self._front["hb"].send_multipart(await self._front["hb"].recv_multipart())

    async def _pass_on(self) -> None:
        """Wait until the kernel is heard, give it what was kept, and pass on what it says."""
        await self._heard()
        self.cells.begins()
        self._pumps += [self._task(self._answer(name)) for name in _BACK]
        while frames := self.cells.take():
            await self._back["shell"].send_multipart(frames)
        self._reached = True

    async def _heard(self) -> None:
        """Ask the kernel until it is heard on iopub too: what it says before that reaches nobody."""
        missing = {"shell", "iopub"}
        while missing:
            self._session.send(self._back["shell"], "kernel_info_request", {})
            for name in tuple(missing):
                if await self._back[name].poll(ASK):
                    await self._back[name].recv_multipart()
                    missing.discard(name)

    # Sockets and tasks.

    def _listening(self, kind: int) -> zmq.asyncio.Socket:
        end = self._socket(kind)
        end.curve_server = True
        end.bind("tcp://127.0.0.1:*")
        return end

    def _calling(self, name: str, kind: int, connection: Mapping[str, Any]) -> zmq.asyncio.Socket:
        end = self._socket(kind)
        end.curve_serverkey = self._keys.public
        if kind == zmq.DEALER:
            end.identity = self._session.bsession  # by which a kernel finds who shall answer an input()
        end.connect(f"tcp://{connection['ip']}:{connection[f'{name}_port']}")
        return end

    def _socket(self, kind: int) -> zmq.asyncio.Socket:
        end = self._context.socket(kind)
        end.linger = LINGER
        end.curve_publickey, end.curve_secretkey = self._keys
        return end

    def _hang_up(self) -> None:
        self._reached = False
        for task in self._pumps:
            task.cancel()
        for end in self._back.values():
            end.close()
        self._pumps, self._back = [], {}

    @staticmethod
    def _task(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        return asyncio.get_running_loop().create_task(work)
