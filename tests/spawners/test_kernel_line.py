"""The line between a job and its server: who is let in, and that each end hears of the other's."""

import asyncio
import ssl
from dataclasses import replace

import pytest

from spawners import kernel_listener
from spawners.kernel_line import Line, call
from spawners.kernel_listener import Listener

HOST = "127.0.0.1"


async def both() -> tuple[Line, Line]:
    """Both ends of a line: the server's and the job's."""
    listener = Listener()
    job = await call(await listener.open(HOST))
    return await listener.called, job


async def heard(line: Line) -> list[object]:
    """All that is said until the other end is gone."""
    return [message async for message in line]


async def test_each_end_hears_the_other_and_its_end() -> None:
    server, job = await both()
    server.send({"signal": 2})
    job.send({"exited": 1, "code": 0})
    job.close()
    assert await heard(server) == [{"exited": 1, "code": 0}]
    server.close()
    assert server.address == HOST


async def test_the_servers_end_is_heard_too() -> None:
    server, job = await both()
    server.send({"signal": 2})
    server.close()
    assert await heard(job) == [{"signal": 2}]
    job.close()
    job.send({"late": 1})  # nobody is there to hear it, and that is no error


async def test_who_does_not_know_the_token_is_hung_up_on_and_does_no_harm(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel_listener, "PATIENCE", 0.2)
    listener = Listener()
    told = await listener.open(HOST)
    for token in ("", "wrong", "é", "x" * 100_000):
        stranger = await call(replace(told, token=token))
        assert await heard(stranger) == []
        stranger.close()
    _, silent = await asyncio.open_connection(HOST, told.port)
    assert not listener.called.done()
    job = await call(told)
    assert await listener.called
    for line in (job, await listener.called, silent):
        line.close()


async def test_a_server_that_is_somebody_else_learns_nothing() -> None:
    listener, other = Listener(), Listener()
    told, certificate = await listener.open(HOST), (await other.open(HOST)).certificate
    with pytest.raises(ssl.SSLCertVerificationError):
        await call(replace(told, certificate=certificate))
    assert not listener.called.done()
    listener.close()
    other.close()


async def test_where_nobody_listens_any_more() -> None:
    listener = Listener()
    told = await listener.open(HOST)
    listener.close()
    with pytest.raises(OSError, match="Connect"):
        await call(told)


@pytest.mark.parametrize("said", [b"no json\n", b"[1]\n", b"\xff\n", b"x" * 200_000 + b"\n"])
async def test_what_is_no_word_of_ours_ends_the_line(said: bytes) -> None:
    server, job = await both()
    job._writer.write(said)
    assert await heard(server) == []
    server.close()
    job.close()


async def test_the_token_is_in_no_message_of_an_error() -> None:
    listener = Listener()
    told = await listener.open(HOST)
    assert told.token not in f"{told!r} {told}"
    listener.close()
