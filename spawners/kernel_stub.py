"""The stub of a kernel: what Jupyter speaks to, at once and for as long as the kernel lives, on this node.

While there is no kernel yet it says what is waited for below the cell that waits, and keeps what it is asked; then it
passes everything on, both ways, as it is. Both legs are CurveZMQ, with the keys that Jupyter has for this kernel.
"""

import asyncio
import json
import platform
import time
from collections.abc import Coroutine, Mapping
from typing import Any, NamedTuple

import zmq
import zmq.asyncio
from jupyter_client._version import protocol_version
from jupyter_client.session import Session

CHANNELS = ("shell", "control", "stdin", "iopub")
_FRONT = dict.fromkeys(("shell", "control", "stdin", "hb"), zmq.ROUTER) | {"iopub": zmq.PUB}
_BACK = dict.fromkeys(("shell", "control", "stdin"), zmq.DEALER) | {"iopub": zmq.SUB}
# Seconds between two questions to a kernel that was just reached, until it is heard on both channels.
ASK = 0.2
# Milliseconds in which what was said last may still be read.
LINGER = 1000
INFO = {
    "status": "ok",
    "protocol_version": protocol_version,
    "implementation": "onramp",
    "implementation_version": "",
    "banner": "This kernel runs in a job of its own.",
    "help_links": [],
    "language_info": {
        "name": "python",
        "version": platform.python_version(),
        "mimetype": "text/x-python",
        "file_extension": ".py",
        "pygments_lexer": "ipython3",
        "codemirror_mode": {"name": "ipython", "version": 3},
        "nbconvert_exporter": "python",
    },
}


class Keys(NamedTuple):
    """A pair of CurveZMQ keys."""

    public: bytes
    secret: bytes


class Request(NamedTuple):
    """A question that is not answered yet: from whom, its header, and all of it as it came."""

    idents: list[bytes]
    header: dict[str, Any]
    frames: list[bytes]


class Stub:
    """Five sockets for Jupyter and, while there is a kernel, four to that."""

    def __init__(self, session: Session, keys: Keys) -> None:
        """Listen on this node; `session` holds the key that signs messages, and is this stub's own."""
        self._session, self._keys = session, keys
        self._context = zmq.asyncio.Context.instance()
        self._front = {name: self._listening(kind) for name, kind in _FRONT.items()}
        self._back: dict[str, zmq.asyncio.Socket] = {}
        self._reached = False
        self._held: list[Request] = []
        self._open: dict[str, Request] = {}
        self._why = ""
        self._news: list[str] = []
        self.asked = time.time()
        self._pumps: list[asyncio.Task[None]] = []
        self._tasks = [self._task(self._ask(name)) for name in ("shell", "control", "stdin")]
        self._tasks.append(self._task(self._echo()))

    @property
    def ports(self) -> dict[str, int]:
        """Where each channel is."""
        ends = {name: end.getsockopt_string(zmq.LAST_ENDPOINT) for name, end in self._front.items()}
        return {f"{name}_port": int(end.rpartition(":")[2]) for name, end in ends.items()}

    # What becomes of the kernel.

    def waits(self, why: str) -> None:
        """Show below the first cell that waits what for, whenever that changes."""
        if why != self._why:
            shown, self._why = self._why, why
            self._show("update_display_data" if shown else "display_data")

    @property
    def busy(self) -> bool:
        """Whether a cell has no answer yet."""
        return bool(self._open)

    def tell(self, news: str) -> None:
        """Say something below the cell that runs, or else below the next one."""
        self._news.append(news)
        if self._reached and self._open:
            self._tell(next(iter(self._open.values())))

    def reach(self, connection: Mapping[str, Any]) -> None:
        """Pass on what was kept, and everything from now on, to the kernel that listens there."""
        self._leave()
        for name, kind in _BACK.items():
            end = self._back[name] = self._context.socket(kind)
            end.linger = LINGER
            if kind == zmq.DEALER:
                end.identity = self._session.bsession
            end.curve_publickey, end.curve_secretkey = self._keys
            end.curve_serverkey = self._keys.public
            end.connect(f"tcp://{connection['ip']}:{connection[f'{name}_port']}")
        self._back["iopub"].subscribe(b"")
        self._pumps = [self._task(self._pass_on())]

    def leave(self) -> None:
        """Forget the kernel, since it has ended, and what it was asked; wait for the next one."""
        self._leave()
        self._open.clear()

    def refuse(self, why: str) -> None:
        """Answer with `why` whatever has no answer yet."""
        self._clear()
        for request in {**self._open, **{one.header["msg_id"]: one for one in self._held}}.values():
            self._answer_error(request, why)
        self._held.clear()
        self._open.clear()

    def close(self) -> None:
        """Stop listening."""
        self._leave()
        for task in self._tasks:
            task.cancel()
        for end in self._front.values():
            end.close()

    # From Jupyter to the kernel.

    async def _ask(self, name: str) -> None:
        while True:
            frames = await self._front[name].recv_multipart()
            request = self._read(frames) if name != "stdin" else None
            if request and name == "shell":
                self._asked(request)
            if self._reached:
                await self._back[name].send_multipart(frames)
            elif request:
                self._hold(name, request)

    def _asked(self, request: Request) -> None:
        """Note when somebody wanted something of the kernel, and each cell that is to be answered."""
        if request.header["msg_type"] != "kernel_info_request":
            self.asked = time.time()
        if request.header["msg_type"] == "execute_request":
            self._open[request.header["msg_id"]] = request
            if self._reached:
                self._tell(request)

    def _tell(self, request: Request) -> None:
        for news in self._news:
            self._publish("stream", {"name": "stderr", "text": f"{news}\n"}, request)
        self._news.clear()

    def _read(self, frames: list[bytes]) -> Request | None:
        """A question; None for what nobody has signed who may ask."""
        try:
            idents, rest = self._session.feed_identities(frames, copy=True)
            return Request(idents, self._session.deserialize(rest)["header"], frames)
        except (ValueError, TypeError, KeyError):
            return None

    def _hold(self, name: str, request: Request) -> None:
        """Say who we are; keep any other question for the kernel. What would control it comes from its server."""
        if request.header["msg_type"] == "kernel_info_request":
            self._publish("status", {"execution_state": "busy"}, request)
            self._send(name, "kernel_info_reply", INFO, request)
            self._publish("status", {"execution_state": "idle"}, request)
        elif name == "shell":
            self._held.append(request)
            if request is self._waiting:
                self._publish("status", {"execution_state": "busy"}, request)
                self._show("display_data")

    @property
    def _waiting(self) -> Request | None:
        """The first cell that waits."""
        return next((one for one in self._held if one.header["msg_type"] == "execute_request"), None)

    # From the kernel to Jupyter.

    async def _pass_on(self) -> None:
        """Wait until the kernel is heard, give it what was kept, and pass on what it says."""
        await self._heard()
        self._clear()
        self._pumps += [self._task(self._answer(name)) for name in CHANNELS]
        while self._held:
            await self._back["shell"].send_multipart(self._held.pop(0).frames)
        self._reached = True

    async def _heard(self) -> None:
        """Ask the kernel until it is heard on iopub too: what it says before that reaches nobody."""
        missing = {"shell", "iopub"}
        while missing:
            self._session.send(self._back["shell"], "kernel_info_request", {})
            for name in tuple(missing):
                if await self._back[name].poll(int(1000 * ASK)):
                    await self._back[name].recv_multipart()
                    missing.discard(name)

    async def _answer(self, name: str) -> None:
        while True:
            frames = await self._back[name].recv_multipart()
            if name == "iopub":
                self._note(frames)
            await self._front[name].send_multipart(frames)

    def _note(self, frames: list[bytes]) -> None:
        """Note that a question is answered."""
        rest: list[Any] = self._session.feed_identities(frames, copy=True)[1]
        _, header, parent, _, content, *_ = rest
        if b'"status"' in header and json.loads(content).get("execution_state") == "idle":
            self._open.pop(json.loads(parent).get("msg_id", ""), None)

    async def _echo(self) -> None:
        """Answer the heartbeat; whether the kernel lives is told by its job."""
        while True:
            await self._front["hb"].send_multipart(await self._front["hb"].recv_multipart())

    # What the stub says itself.

    def _show(self, kind: str) -> None:
        request = self._waiting
        if request and self._why:
            shown = {
                "data": {"text/plain": self._why},
                "metadata": {},
                "transient": {"display_id": self._display(request)},
            }
            self._publish(kind, shown, request)

    def _clear(self) -> None:
        """Take away what was shown below the cell that waited."""
        if self._waiting and self._why:
            self._publish("clear_output", {"wait": False}, self._waiting)
        self._why = ""

    @staticmethod
    def _display(request: Request) -> str:
        return f"onramp-{request.header['msg_id']}"

    def _answer_error(self, request: Request, why: str) -> None:
        error = {"ename": "KernelError", "evalue": why, "traceback": [why]}
        kind = request.header["msg_type"]
        if kind == "execute_request":
            self._publish("error", error, request)
        self._send(
            "shell", kind.replace("_request", "_reply"), {"status": "error", "execution_count": 0, **error}, request
        )
        self._publish("status", {"execution_state": "idle"}, request)

    def _send(self, name: str, kind: str, content: Mapping[str, Any], request: Request) -> None:
        self._session.send(self._front[name], kind, dict(content), parent=request.header, ident=request.idents)

    def _publish(self, kind: str, content: Mapping[str, Any], request: Request) -> None:
        self._session.send(self._front["iopub"], kind, dict(content), parent=request.header, ident=kind.encode())

    # Sockets and tasks.

    def _listening(self, kind: int) -> zmq.asyncio.Socket:
        end = self._context.socket(kind)
        end.linger = LINGER
        end.curve_publickey, end.curve_secretkey = self._keys
        end.curve_server = True
        end.bind("tcp://127.0.0.1:*")
        return end

    def _leave(self) -> None:
        self._reached = False
        for task in self._pumps:
            task.cancel()
        for end in self._back.values():
            end.close()
        self._pumps, self._back = [], {}

    @staticmethod
    def _task(work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        return asyncio.get_running_loop().create_task(work)
