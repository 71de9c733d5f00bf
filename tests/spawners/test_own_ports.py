"""Which ports a server passes on: the real question of jupyter-server-proxy, and the kernel's own tables."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_server_proxy.handlers import LocalProxyHandler, ProxyHandler

from spawners import own_ports
from spawners.own_ports import listeners, shows

HEADER = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROW = " 0: {address}:{port:04X} 00000000:0000 {state} 00000000:00000000 00:00000000 00000000 {uid:5} 0 1\n"


class Request:
    """The part of a handler that says what was asked for."""

    def __init__(self, *words: str | bytes | None, port: int | None = None) -> None:
        self.path_args = words
        self.port = port


@pytest.fixture
def port() -> Iterator[int]:
    """A port that this user listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        one.listen()
        yield one.getsockname()[1]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_ones_own_port_is_shown(host: str, port: int) -> None:
    assert shows(Request(str(port), "/status"), host)
    assert shows(Request(str(port).encode(), None), host)
    assert shows(Request(host, str(port), "/status"), host)
    assert shows(Request("/status", port=port), host)


@pytest.mark.parametrize("host", ["gpu1", "127.0.0.2", "::1", "localhost.", "", "0.0.0.0"])
def test_another_host_is_not(host: str, port: int) -> None:
    assert not shows(Request(host, str(port), "/"), host)


@pytest.mark.parametrize("words", [(), ("/",), ("",), (None, None), ("a", "b"), ("0", "/"), ("99999999", "/")])
def test_a_port_that_nobody_listens_on_is_not(words: tuple[str | None, ...]) -> None:
    assert not shows(Request(*words), "localhost")


@pytest.mark.parametrize("other", ["0100007F", "00000000", "00000000000000000000000001000000"])
def test_somebody_elses_port_is_not_on_whichever_address(
    other: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where both listen on one port: `localhost` has more than one address."""
    tables = (tmp_path / "tcp", tmp_path / "tcp6")
    mine = ROW.format(address="0100007F", port=8888, state="0A", uid=os.getuid())
    theirs = ROW.format(address=other, port=8888, state="0A", uid=os.getuid() + 1)
    tables[0].write_text(HEADER + mine)
    monkeypatch.setattr(own_ports.listeners, "__defaults__", (tables,))
    assert shows(Request("8888", "/"), "localhost")
    tables[1].write_text(HEADER + theirs)
    assert set(listeners(8888)) == {os.getuid(), os.getuid() + 1}
    assert not shows(Request("8888", "/"), "localhost")


def test_a_connection_is_no_listener(tmp_path: Path) -> None:
    table = tmp_path / "tcp"
    table.write_text(HEADER + ROW.format(address="0100007F", port=8888, state="01", uid=7))
    assert list(listeners(8888, [table, tmp_path / "missing"])) == []


def test_the_proxy_asks(monkeypatch: pytest.MonkeyPatch, port: int) -> None:
    """The name that is overridden is one that jupyter-server-proxy has, and calls."""
    asked: Any = ProxyHandler._check_host_allowlist
    monkeypatch.setattr(LocalProxyHandler, "_check_host_allowlist", asked)
    own_ports.install()
    assert LocalProxyHandler._check_host_allowlist is shows
    assert {"_check_host_allowlist"} <= set(ProxyHandler.proxy.__code__.co_names)
    assert {"_check_host_allowlist"} <= set(ProxyHandler.proxy_open.__code__.co_names)
