"""What a server shows of its node at /user/NAME/proxy/PORT: only ports that its own user listens on.

A page that is shown there can do what its reader can do. Where others have jobs on the same node, a link to a port
of theirs would hand them the reader's server.
"""

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

HOSTS = ("localhost", "127.0.0.1")
TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_LISTENING = "0A"


def install() -> None:
    """Make jupyter-server-proxy ask `shows` before it connects anywhere; its own settings know hosts, not ports."""
    from jupyter_server_proxy.handlers import LocalProxyHandler, ProxyHandler

    assert callable(ProxyHandler._check_host_allowlist), "jupyter-server-proxy has changed; see spawners/own_ports.py"
    LocalProxyHandler._check_host_allowlist = shows


def shows(handler: Any, host: str) -> bool:
    """Tell whether the request that `handler` (of jupyter-server-proxy) has got may be passed on to `host`."""
    if host not in HOSTS:
        return False
    # The port is a word of the path, after a host where one is named; a server that it started itself has no word.
    words = [word.decode() if isinstance(word, bytes) else word or "" for word in handler.path_args][:2]
    named = next((int(word) for word in words if word.isascii() and word.isdecimal()), None)
    port = getattr(handler, "port", None) if named is None else named
    return isinstance(port, int) and set(listeners(port)) == {os.getuid()}


def listeners(port: int, tables: Iterable[Path] = TABLES) -> Iterator[int]:
    """Yield the uid of everybody who listens on `port`, on whichever address."""
    for table in tables:
        lines = table.read_text(encoding="ascii").splitlines()[1:] if table.exists() else []
        for fields in map(str.split, lines):
            if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == _LISTENING:
                yield int(fields[7])
