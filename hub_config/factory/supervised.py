"""The supervisor that keeps a factory's parts running, from inside the namespace."""

from typing import Any
from xmlrpc.client import ServerProxy

from supervisor.xmlrpc import SupervisorTransport

from hub_config.factory.parts import SUPERVISOR_SOCKET


def start(part: str) -> None:
    """Start a part and return at once; the supervisor starts it again whenever it ends."""
    _supervisor().startProcess(part, False)


def states() -> dict[str, str]:
    """Return part → "running", "starting", "stopped", "backoff", "fatal" …, in the supervisor's words."""
    return {info["name"]: info["statename"].lower() for info in _supervisor().getAllProcessInfo()}


def _supervisor() -> Any:
    return ServerProxy(
        "http://127.0.0.1", transport=SupervisorTransport(serverurl=f"unix://{SUPERVISOR_SOCKET}")
    ).supervisor
