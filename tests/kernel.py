"""A kernel of a Jupyter server, spoken to as JupyterLab does: REST to start it, a WebSocket to execute in it."""

import json
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any
from urllib.request import ProxyHandler, Request, build_opener

from websocket import ABNF, WebSocketTimeoutException, create_connection


class Kernel:
    """A new kernel; `run` executes code in it and returns what it says."""

    def __init__(self, server: str, token: str, name: str = "python3") -> None:
        """`server` is the address of a server, with its prefix and a slash; returns once that has a kernel starting."""
        self._authorization = {"Authorization": f"token {token}"}
        self._kernels = f"{server}api/kernels"
        self._id = str(self._post("", name=name)["id"])
        self._count = 0

    def _post(self, path: str, **content: str) -> dict[str, Any]:
        request = Request(self._kernels + path, data=json.dumps(content).encode(), headers=self._authorization)
        with build_opener(ProxyHandler({})).open(request, timeout=60) as answer:
            said: dict[str, Any] = json.load(answer)
        return said

    def restart(self) -> None:
        """Restart it, as the button does."""
        self._post(f"/{self._id}/restart")

    def connect(self) -> None:
        """Open the WebSocket, which a server accepts once the kernel answers."""
        headers = [f"{name}: {value}" for name, value in self._authorization.items()]
        address = f"{self._kernels.replace('http', 'ws', 1)}/{self._id}/channels"
        self._socket = create_connection(address, header=headers, timeout=120)

    def send(self, code: str) -> str:
        """Send a cell, and wait for nothing; the name of the question."""
        self._count += 1
        message_id = f"test-{self._count}"
        header = {"msg_id": message_id, "msg_type": "execute_request", "username": "", "session": "1", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": True, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self._socket.send(json.dumps(message))
        return message_id

    def run(self, code: str, *, seconds: float = 120) -> str:
        """Return what `code` prints, its value if it has one, and the last line of an error if it ends in one.

        Raises TimeoutError where the kernel does not say in time that it is done.
        """
        said = ""
        for kind, content in self._answers(self.send(code), seconds):
            if kind == "stream":
                said += str(content["text"])
            elif kind == "execute_result":
                said += str(content["data"]["text/plain"])
            elif kind == "error":
                said += f"{content['ename']}: {content['evalue']}"
            elif kind == "status" and content["execution_state"] == "idle":
                return said.strip()
        raise TimeoutError(f"the kernel is not done with {code!r} after {seconds:g} s; so far it has said {said!r}")

    def _answers(self, message_id: str, seconds: float) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield type and content of what is said to a question, for so long; the server's pings come for ever."""
        end = time.monotonic() + seconds
        with suppress(WebSocketTimeoutException):
            while (left := end - time.monotonic()) > 0:
                self._socket.settimeout(left)
                kind, frame = self._socket.recv_data_frame(control_frame=True)
                answer = json.loads(frame.data) if kind == ABNF.OPCODE_TEXT else {}
                if answer and answer["parent_header"].get("msg_id") == message_id:
                    yield answer["msg_type"], answer["content"]

    def close(self) -> None:
        """Hang up; the kernel lives on."""
        self._socket.close()
