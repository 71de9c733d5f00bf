"""Can this machine hold a factory?"""

import os
import socket

import pytest

from hub_config.factory.doctor import checks, gpus


@pytest.fixture
def taken_port():
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def by_name(port):
    return {check.name: check for check in checks(port)}


def test_this_machine_will_do(unused_tcp_port):
    assert {name: check.found for name, check in by_name(unused_tcp_port).items() if not check.ok} == {}


def test_a_taken_port_is_found_with_another_to_try(taken_port):
    check = by_name(taken_port)["port"]

    assert not check.ok
    assert str(taken_port) in check.found
    assert f"--port {taken_port + 1}" in check.fix


def test_what_passes_between_hub_and_nodes_is_said_to_be_unencrypted(unused_tcp_port):
    assert "plain HTTP" in by_name(unused_tcp_port)["channel"].found


def test_every_check_that_can_fail_has_a_fix(taken_port):
    assert [
        check.name
        for check in checks(taken_port)
        if not check.fix and check.name not in ("system", "port", "GPUs", "channel")
    ] == []


@pytest.mark.parametrize(
    ("count", "said"),
    [
        (0, "this machine has none; 8 of the nodes' 8 are emulated"),
        (1, "this machine's /dev/nvidia0; 7 of the nodes' 8 are emulated"),
        (9, f"this machine's {', '.join(f'/dev/nvidia{n}' for n in range(8))}; 0 of the nodes' 8 are emulated"),
    ],
)
def test_which_gpus_are_real_is_said(count, said):
    assert gpus([f"/dev/nvidia{number}" for number in range(count)]).found == said


@pytest.mark.skipif(os.geteuid() == 0, reason="root needs no subordinate ids")
def test_an_ordinary_user_is_asked_for_ids(unused_tcp_port):
    assert {"uidmap", "subuid", "subgid"} <= set(by_name(unused_tcp_port))
