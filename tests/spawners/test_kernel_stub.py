"""The stub: who may speak to it, and what it says while there is no kernel."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import zmq
import zmq.asyncio
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.session import Session

from spawners.kernel_stub import Keys, Stub

KEY = b"a key that signs"


@pytest.fixture
def keys() -> Keys:
    """The keys of this kernel."""
    return Keys(*zmq.curve_keypair())


@pytest.fixture
def wanted() -> list[str]:
    """An entry for each time that a kernel was wanted."""
    return []


@pytest.fixture
async def stub(keys: Keys, wanted: list[str]) -> AsyncIterator[Stub]:
    """A stub whose kernel is far away."""
    one = Stub(Session(key=KEY), keys, lambda: wanted.append("a kernel"))
    yield one
    one.close()


@pytest.fixture
async def client(stub: Stub, keys: Keys) -> AsyncIterator[AsyncKernelClient]:
    """Somebody who knows all keys."""
    one = known(stub, keys)
    yield one
    one.stop_channels()


def known(stub: Stub, keys: Keys | None, key: bytes = KEY) -> AsyncKernelClient:
    """A client with these keys."""
    one = AsyncKernelClient()
    connection: Any = {"transport": "tcp", "ip": "127.0.0.1", **stub.ports}
    connection |= {"key": key, "signature_scheme": "hmac-sha256"}
    if keys:
        connection |= {"curve_publickey": keys.public.decode(), "curve_secretkey": keys.secret.decode()}
    one.load_connection_info(connection)
    one.start_channels()
    return one


async def published(client: AsyncKernelClient, kind: str, parent: str) -> dict[str, Any]:
    """The next message of a kind about a question."""
    while True:
        message = await client.get_iopub_msg(timeout=20)
        if (message["msg_type"], message["parent_header"].get("msg_id")) == (kind, parent):
            return dict(message["content"])


async def test_it_says_who_it_is_at_once_and_what_a_cell_waits_for(stub: Stub, client: AsyncKernelClient) -> None:
    await client.wait_for_ready(timeout=20)
    client.kernel_info()
    while (said := await client.get_iopub_msg(timeout=20))["parent_header"]:
        pass
    assert (said["msg_type"], said["content"]) == ("status", {"execution_state": "idle"})
    stub.cells.waits("It is far away.")
    cell = client.execute("1")
    shown = await published(client, "display_data", cell)
    assert shown["data"] == {"text/plain": "It is far away."}
    assert stub.cells.busy
    stub.cells.waits("It is near.")
    again = await published(client, "update_display_data", cell)
    assert again["transient"] == shown["transient"]
    assert again["data"] == {"text/plain": "It is near."}


async def test_only_a_cell_wants_a_kernel(stub: Stub, client: AsyncKernelClient, wanted: list[str]) -> None:
    """What JupyterLab and its widgets ask by themselves when a notebook is opened is kept, and wants none."""
    await client.wait_for_ready(timeout=20)
    asked = [client.complete("pri"), client.inspect("x"), client.history(), client.comm_info(), client.is_complete("1")]
    while len(stub.cells._held) < len(asked):
        await asyncio.sleep(0.01)
    client.kernel_info()
    await client.get_shell_msg(timeout=20)
    assert wanted == []
    client.execute("1")
    while not wanted:
        await asyncio.sleep(0.01)


async def test_each_cell_is_refused_and_what_pages_asked_by_themselves_is_kept_for_the_kernel_that_comes(
    stub: Stub, client: AsyncKernelClient
) -> None:
    """JupyterLab asks for the history and the widgets once, when the notebook is opened."""
    await client.wait_for_ready(timeout=20)
    cells = [client.execute("1"), client.execute("2")]
    for ask in (client.history, client.comm_info):
        ask()
    while len(stub.cells._held) < 4:
        await asyncio.sleep(0.01)
    stub.cells.refuse("There is none.")
    for cell in cells:
        answer = await client.get_shell_msg(timeout=20)
        assert (answer["parent_header"]["msg_id"], answer["content"]["evalue"]) == (cell, "There is none.")
    assert (await published(client, "error", cells[0]))["evalue"] == "There is none."
    assert not stub.cells.busy
    assert [one.kind for one in stub.cells._held] == ["history_request", "comm_info_request"]


async def test_what_was_asked_of_a_kernel_is_not_run_by_the_next(stub: Stub, client: AsyncKernelClient) -> None:
    await client.wait_for_ready(timeout=20)
    client.execute("delete_everything()")
    while not stub.cells.busy:
        await asyncio.sleep(0.01)
    stub.leave()
    assert stub.cells.take() is None


async def test_the_heartbeat_is_answered(stub: Stub, keys: Keys) -> None:
    with zmq.asyncio.Context.instance().socket(zmq.REQ) as heart:
        heart.curve_publickey, heart.curve_secretkey = keys
        heart.curve_serverkey, heart.linger = keys.public, 0
        heart.connect(f"tcp://127.0.0.1:{stub.ports['hb_port']}")
        await heart.send(b"ping")
        assert await heart.recv() == b"ping"


@pytest.fixture(params=["plain", "other keys", "another signature"])
def stranger(request: pytest.FixtureRequest, stub: Stub, keys: Keys) -> Iterator[AsyncKernelClient]:
    """A neighbour on the node, who found the ports and lacks one of the keys, or all."""
    has = {"plain": (None, KEY), "other keys": (Keys(*zmq.curve_keypair()), KEY), "another signature": (keys, b"x")}
    one = known(stub, *has[request.param])
    yield one
    one.stop_channels()


async def test_a_neighbour_is_neither_heard_nor_told(
    stub: Stub, client: AsyncKernelClient, stranger: AsyncKernelClient, wanted: list[str]
) -> None:
    stranger.execute("steal()")
    stranger.kernel_info()
    await client.wait_for_ready(timeout=20)
    stub.cells.waits("It is far away.")
    await published(client, "display_data", client.execute("secret = 1"))
    assert (len(stub.cells._held), len(wanted)) == (1, 1)
    assert not await stranger.shell_channel.socket.poll(300)
    if stranger.session.key == KEY:
        assert not await stranger.iopub_channel.socket.poll(0)
