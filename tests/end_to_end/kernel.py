"""A kernel in somebody's server, spoken to as JupyterLab does: over the hub's proxy, with that person's token."""

import json

import httpx
from websocket import create_connection

from tests.end_to_end.factory import Factory
from tests.end_to_end.person import Person


class Kernel:
    """A new kernel; `run` executes code in it and returns what it printed."""

    def __init__(self, factory: Factory, person: Person, server: str = "") -> None:
        base = f"{factory.url}/user/{person.name}/{server + '/' if server else ''}api/kernels"
        token = person.api.headers["Authorization"]
        kernel = httpx.post(base, headers={"Authorization": token}, json={}, timeout=60).raise_for_status().json()["id"]
        address = f"{base.replace('http', 'ws', 1)}/{kernel}/channels"
        self._socket = create_connection(address, header=[f"Authorization: {token}"], timeout=120)
        self._count = 0
        self.pid = int(self.run("import os; print(os.getpid())"))

    def run(self, code: str) -> str:
        """Return what `code` prints, and the last line of an error if it ends in one."""
        self._count += 1
        message_id = f"test-{self._count}"
        header = {"msg_id": message_id, "msg_type": "execute_request", "username": "", "session": "1", "version": "5.3"}
        content = {"code": code, "silent": False, "store_history": False, "allow_stdin": False}
        message = {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": "shell"}
        self._socket.send(json.dumps(message))
        said = ""
        while True:
            answer = json.loads(self._socket.recv())
            if answer["parent_header"].get("msg_id") != message_id:
                continue
            content = answer["content"]
            if answer["msg_type"] == "stream":
                said += str(content["text"])
            elif answer["msg_type"] == "error":
                said += f"{content['ename']}: {content['evalue']}"
            elif answer["msg_type"] == "status" and content["execution_state"] == "idle":
                return said.strip()

    def close(self) -> None:
        """Hang up; the kernel lives on."""
        self._socket.close()
