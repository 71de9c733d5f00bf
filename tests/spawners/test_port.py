"""A start reports a port and nothing else. A real hub, asked by hand."""

import pytest

from tests.hub_config.browser import Browser
from tests.hub_config.running_hub import NODE, RunningHub, hub

__all__ = ["hub"]


@pytest.fixture(scope="module")
def token(hub: RunningHub) -> str:
    """The token of a server of alice's that Slurm says runs, and that never reports anything."""
    return waiting(hub)


def waiting(hub: RunningHub, name: str = "") -> str:
    """Return the token of a start that waits for its port."""
    job_id = hub.start_server("alice", name, profile="cpu")
    hub.slurm.change(job_id, state="RUNNING", node=NODE)
    token = hub.server_token()
    hub.secrets().unlink()
    return token


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"port": 1023},
        {"port": 65536},
        {"port": "8888"},
        {"port": 8888.0},
        {"port": True},
        {"port": None},
        {"port": [8888]},
        {"port": 8888, "ip": "127.0.0.9"},
        {"port": 8888, "job_id": "1"},
        {"ip": "127.0.0.9"},
        [8888],
        8888,
        "8888",
        None,
    ],
    ids=ascii,
)
def test_anything_but_a_port_is_refused(hub: RunningHub, token: str, body: object) -> None:
    assert hub.api("POST", "onramp/port", body, token).status == 400
    assert hub.server("alice")["pending"] == "spawn"


def test_once_and_only_while_a_start_waits(hub: RunningHub) -> None:
    token = waiting(hub, "reports")
    assert hub.api("POST", "onramp/port", {"port": 23456}, token).status == 204
    assert hub.api("POST", "onramp/port", {"port": 23457}, token).status == 409
    hub.api("DELETE", "users/alice/servers/reports")
    assert hub.api("POST", "onramp/port", {"port": 23456}, token).status == 403


def test_only_the_token_of_the_server_counts(hub: RunningHub, token: str) -> None:
    body = {"port": 23456}
    assert hub.api("POST", "onramp/port", body, hub.user_token("alice")).status == 403
    assert hub.api("POST", "onramp/port", body, hub.user_token("bob")).status == 403
    assert hub.api("POST", "onramp/port", body, hub.token).status == 403
    assert hub.api("POST", "onramp/port", body, "0" * 32).status == 403
    browser = Browser(hub.base)
    browser.sign_in("alice")
    assert browser.post("api/onramp/port", {"port": "23456"}).status == 403
    assert hub.server("alice")["pending"] == "spawn"


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_there_is_no_other_method(hub: RunningHub, token: str, method: str) -> None:
    assert hub.api(method, "onramp/port", None, token).status == 405


def test_it_is_the_only_way_to_report(hub: RunningHub, token: str) -> None:
    assert hub.api("POST", "batchspawner", {"port": 23456}, token).status == 404
