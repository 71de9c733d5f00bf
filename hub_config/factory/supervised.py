"""The supervisor that keeps a factory's parts running, from inside the namespace."""

import time
from typing import Any
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from hub_config.factory.parts import SUPERVISOR_SOCKET


def start(part: str) -> None:
    """Start a part and return at once; the supervisor starts it again whenever it ends."""
    _supervisor().startProcess(part, False)


def stop(*parts: str) -> None:
    """Stop parts side by side and return when all have ended; the supervisor kills what takes over five seconds."""
    for part in parts:
        _supervisor().stopProcess(part, False)
    while any(states()[part] == "stopping" for part in parts):
        time.sleep(0.05)


def states() -> dict[str, str]:
    """Return part → "running", "starting", "stopped", "backoff", "fatal" …, in the supervisor's words."""
    return {info["name"]: info["statename"].lower() for info in _supervisor().getAllProcessInfo()}


def _supervisor() -> Any:
    return ServerProxy(
        "http://127.0.0.1", transport=SupervisorTransport(serverurl=f"unix://{SUPERVISOR_SOCKET}")
    ).supervisor
