"""What JupyterLab's page can ask: a real Jupyter Server, whose hub is a real one on a Slurm that the test plays."""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from notebooks import lab_server
from tests.hub_config.running_hub import NODE, RunningHub, hub, wait
from tests.notebooks.jupyter_here import jupyter

__all__ = ["hub"]


@pytest.fixture(scope="module")
def job_id(hub: RunningHub) -> str:
    """The job of a server called "my-work"; it ends in two hours."""
    job_id = hub.start_server("alice", "my-work", profile="cpu")
    hub.slurm.change(job_id, state="RUNNING", node=NODE, end=_in(hours=2))
    return job_id


@pytest.fixture(scope="module")
def page(hub: RunningHub, job_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A page of that server: what the hub tells a job is in its environment."""
    told = json.loads(hub.secrets().read_text())
    with jupyter(tmp_path_factory.mktemp("home"), **told) as client:
        yield client


def test_time_and_the_hubs_pages(hub: RunningHub, page: httpx.Client) -> None:
    wait(lambda: _ask(page)["end"] is not None, lambda: "")
    said = _ask(page)
    assert abs(datetime.fromisoformat(said["now"]) - datetime.now(UTC)) < timedelta(minutes=1)
    left = datetime.fromisoformat(said["end"]) - datetime.fromisoformat(said["now"])
    assert timedelta(hours=1, minutes=55) < left <= timedelta(hours=2)
    assert said["hub"] == {
        "home": "/hub/home",
        "again": "/hub/spawn/alice/my-work",
        "ending": "/hub/api/onramp/ending/alice/my-work",
    }
    assert hub.api("GET", "onramp/ending/alice/my-work").status == 200


def test_only_for_who_may_use_the_server(page: httpx.Client) -> None:
    answer = httpx.get(f"{page.base_url}onramp/server")
    assert answer.status_code == 403


def test_asking_is_no_activity(page: httpx.Client) -> None:
    before = page.get("/api/status", params={"no_track_activity": 1}).json()["last_activity"]
    _ask(page)
    assert page.get("/api/status", params={"no_track_activity": 1}).json()["last_activity"] == before


def test_outside_a_hub_there_is_nothing_to_answer(tmp_path: Path) -> None:
    with jupyter(tmp_path) as client:
        assert client.get("/onramp/server").status_code == 404


@pytest.mark.parametrize(
    ("left", "seconds"), [({"hours": 9}, 300), ({"minutes": 15}, 45), ({"seconds": 90}, 5), ({"hours": -1}, 5)]
)
def test_the_hub_is_asked_more_often_towards_the_end(left: Mapping[str, int], seconds: float) -> None:
    assert lab_server.fresh(datetime.now(UTC) + timedelta(**left)) == pytest.approx(seconds, abs=1)


def _ask(page: httpx.Client) -> dict[str, Any]:
    said: dict[str, Any] = page.get("/onramp/server").raise_for_status().json()
    assert list(said) == ["end", "now", "idle", "kernels", "usage", "hub"]
    return said


def _in(**time: int) -> str:
    """A time from now, as Slurm writes it."""
    return (datetime.now() + timedelta(**time)).isoformat(timespec="seconds")
