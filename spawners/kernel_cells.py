"""What a kernel is asked and has not answered yet, and what is said below those cells while it cannot speak itself."""

import json
import platform
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import zmq.asyncio
from jupyter_client._version import protocol_version
from jupyter_client.session import Session

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


class Request(NamedTuple):
    """A question: from whom, its header, and all of it as it came."""

    idents: list[bytes]
    header: dict[str, Any]
    frames: list[bytes]

    @property
    def kind(self) -> str:
        """Jupyter's name of it."""
        return str(self.header["msg_type"])

    @property
    def name(self) -> str:
        """By which its answers name it."""
        return str(self.header["msg_id"])


class Cells:
    """The questions of all clients; `asked` is when there was the last, in seconds since 1970."""

    def __init__(self, session: Session, front: Mapping[str, zmq.asyncio.Socket]) -> None:
        """`session` signs, `front` is what clients are spoken to by."""
        self._session, self._front = session, front
        self._held: list[Request] = []
        self._open: dict[str, Request] = {}
        self._why = ""
        self._news: list[str] = []
        self.asked = time.time()

    @property
    def busy(self) -> bool:
        """Whether a cell has no answer yet."""
        return bool(self._open)

    def read(self, frames: list[bytes]) -> Request | None:
        """A question; None for what nobody has signed who may ask."""
        try:
            idents, rest = self._session.feed_identities(frames, copy=True)
            return Request(idents, self._session.deserialize(rest)["header"], frames)
        except (ValueError, TypeError, KeyError):
            return None

    def note(self, request: Request) -> None:
        """Note when somebody wants something of the kernel, and each cell that is to be answered."""
        if request.kind != "kernel_info_request":
            self.asked = time.time()
        if request.kind == "execute_request":
            self._open[request.name] = request

    def answered(self, frames: list[bytes]) -> None:
        """Note from what the kernel says to all that a question is answered."""
        rest: list[Any] = self._session.feed_identities(frames, copy=True)[1]
        _, header, parent, _, content, *_ = rest
        if b'"status"' in header and json.loads(content).get("execution_state") == "idle":
            self._open.pop(json.loads(parent).get("msg_id", ""), None)

    # While there is no kernel.

    def hold(self, channel: str, request: Request) -> None:
        """Say who we are; keep any other question for the kernel. What would control it comes from its server."""
        if request.kind == "kernel_info_request":
            self._publish("status", {"execution_state": "busy"}, request)
            self._send(channel, "kernel_info_reply", INFO, request)
            self._publish("status", {"execution_state": "idle"}, request)
            # JupyterLab heeds no state that such a question brings about, and would call the kernel "unknown".
            state = {"execution_state": "busy" if self.busy else "idle"}
            self._session.send(self._front["iopub"], "status", state, ident=b"status")
        elif channel == "shell":
            self._held.append(request)
            if request is self._waiting:
                self._publish("status", {"execution_state": "busy"}, request)
                self._show("display_data")

    def waits(self, why: str) -> None:
        """Show below the first cell that waits what for, whenever that changes."""
        if why != self._why:
            shown, self._why = self._why, why
            self._show("update_display_data" if shown else "display_data")

    def begins(self) -> None:
        """Take away what was shown below the cell that waited."""
        if self._waiting and self._why:
            self._publish("clear_output", {"wait": False}, self._waiting)
        self._why = ""

    def take(self) -> list[bytes] | None:
        """The next question that was kept, as it came; None where there is no other."""
        return self._held.pop(0).frames if self._held else None

    # What ends without an answer.

    def forget(self) -> None:
        """The kernel has ended; who asked it is told by Jupyter, and what it was asked is not run by the next one."""
        self._open.clear()
        self._held.clear()

    def refuse(self, why: str) -> None:
        """Answer with `why` each cell that has no answer yet; what else was kept stays so, for a kernel that comes."""
        self.begins()
        for cell in self._open.values():
            self._answer_error(cell, why)
        self._held = [one for one in self._held if one.name not in self._open]
        self._open.clear()

    # While there is one.

    def tell(self, news: str) -> None:
        """Say something below the cell that runs, or else below the next one."""
        self._news.append(news)

    def passed_on(self) -> None:
        """Say what there is to be said: the kernel has a cell to answer."""
        if self._open:
            first = next(iter(self._open.values()))
            for news in self._news:
                self._publish("stream", {"name": "stderr", "text": f"{news}\n"}, first)
            self._news.clear()

    @property
    def _waiting(self) -> Request | None:
        """The first cell that waits."""
        return next((one for one in self._held if one.kind == "execute_request"), None)

    def _show(self, kind: str) -> None:
        request = self._waiting
        if request and self._why:
            place = {"display_id": f"onramp-{request.name}"}
            self._publish(kind, {"data": {"text/plain": self._why}, "metadata": {}, "transient": place}, request)

    def _answer_error(self, request: Request, why: str) -> None:
        error = {"ename": "KernelError", "evalue": why, "traceback": [why]}
        self._publish("error", error, request)
        self._send("shell", "execute_reply", {"status": "error", "execution_count": 0, **error}, request)
        self._publish("status", {"execution_state": "idle"}, request)

    def _send(self, channel: str, kind: str, content: Mapping[str, Any], request: Request) -> None:
        self._session.send(self._front[channel], kind, dict(content), parent=request.header, ident=request.idents)

    def _publish(self, kind: str, content: Mapping[str, Any], request: Request) -> None:
        self._session.send(self._front["iopub"], kind, dict(content), parent=request.header, ident=kind.encode())
