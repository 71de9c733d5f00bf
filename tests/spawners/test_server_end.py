"""A server asks when it ends. A real hub, asked by hand."""

import json
from datetime import datetime, timedelta
from functools import partial

import pytest

from tests.hub_config.browser import Browser
from tests.hub_config.running_hub import NODE, RunningHub, hub, wait

__all__ = ["hub"]


@pytest.fixture(scope="module")
def job_id(hub: RunningHub) -> str:
    """The job of a server of alice's."""
    return hub.start_server("alice", profile="cpu")


@pytest.fixture(scope="module")
def token(hub: RunningHub, job_id: str) -> str:
    """Its token."""
    return hub.server_token()


def test_the_end_is_what_slurm_last_said(hub: RunningHub, job_id: str, token: str) -> None:
    assert _end(hub, token) is None
    for hours in (2, 1):
        end = (datetime.now() + timedelta(hours=hours)).replace(microsecond=0)
        hub.slurm.change(job_id, state="RUNNING", node=NODE, end=end.isoformat())
        wait(partial(_says, hub, token, end.astimezone()), hub.log)


def test_only_the_token_of_the_server_counts(hub: RunningHub, token: str) -> None:
    for other in (hub.user_token("alice"), hub.user_token("bob"), hub.token, "0" * 32):
        assert hub.api("GET", "onramp/end", token=other).status == 403
    browser = Browser(hub.base)
    browser.sign_in("alice")
    assert browser.get("api/onramp/end").status == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_there_is_no_other_method(hub: RunningHub, token: str, method: str) -> None:
    assert hub.api(method, "onramp/end", {}, token).status == 405


def test_asking_is_no_activity(hub: RunningHub, token: str) -> None:
    before = hub.server("alice")["last_activity"]
    assert hub.api("GET", "onramp/end", token=token).status == 200
    assert hub.server("alice")["last_activity"] == before


def _says(hub: RunningHub, token: str, end: datetime) -> bool:
    return _end(hub, token) == end


def _end(hub: RunningHub, token: str) -> datetime | None:
    answer = hub.api("GET", "onramp/end", token=token)
    assert answer.status == 200, answer.text
    said = json.loads(answer.text)
    assert datetime.fromisoformat(said["now"]).tzinfo
    return datetime.fromisoformat(said["end"]) if said["end"] else None
