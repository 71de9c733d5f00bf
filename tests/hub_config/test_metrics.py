"""What a real hub tells Prometheus, and that the dashboard asks for nothing else."""

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.hub_config.running_hub import CHECKOUT, RunningHub, started, wait

DASHBOARD = CHECKOUT / "docs/how-to/watch-a-hub.json"
GUIDE = CHECKOUT / "docs/how-to/watch-a-hub.md"


@pytest.fixture(scope="module")
def hub() -> Iterator[RunningHub]:
    """A hub with an administrator."""
    with started(admins=["alice"]) as running:
        yield running


@pytest.fixture(scope="module")
def token(hub: RunningHub) -> str:
    """A token as the guide has it made."""
    body = {"note": "prometheus", "scopes": ["read:metrics"]}
    answer = hub.api("POST", "users/alice/tokens", body, token=hub.user_token("alice"))
    return str(json.loads(answer.text)["token"])


def metrics(hub: RunningHub, token: str) -> str:
    return hub.api("GET", "metrics", token=token).text


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(DASHBOARD.read_text())["panels"]
    return found


def asked_for() -> Iterator[str]:
    for panel in panels():
        for target in panel["targets"]:
            yield from re.findall(r"\b(?:onramp|jupyterhub)_\w+", target["expr"])


def test_a_start_failing_polls_and_the_end_are_counted(hub: RunningHub, token: str) -> None:
    job_id = hub.start_server("bob", profile="cpu")
    wait(lambda: 'onramp_servers{state="waiting"} 1.0' in metrics(hub, token), lambda: metrics(hub, token))
    hub.run_job(job_id)
    hub.ready("bob")
    up = metrics(hub, token)
    hub.slurm.answer("squeue", err="slurm_load_jobs error: Unable to contact slurm controller", code=1)
    wait(lambda: "onramp_poll_failures_total 0.0" not in metrics(hub, token), lambda: metrics(hub, token))
    hub.slurm.heal("squeue")
    hub.api("DELETE", "users/bob/server")
    wait(lambda: 'onramp_ended_total{cause="stopped"} 1.0' in metrics(hub, token), lambda: metrics(hub, token))

    assert 'onramp_start_seconds_count{partition="cpu",profile="cpu"} 1.0' in up
    assert 'onramp_queue_wait_seconds_count{partition="cpu",profile="cpu"} 1.0' in up
    assert 'onramp_servers{state="running"} 1.0' in up
    assert 'onramp_ended_total{cause="memory"} 0.0' in up
    assert "onramp_ledger_errors_total 0.0" in up
    assert "onramp_poll_age_seconds" in up
    assert float(re.findall(r"^onramp_polls_total (\S+)", up, re.MULTILINE)[0]) >= 1
    assert "bob" not in up


def test_the_token_of_the_guide_can_do_nothing_else_and_nobody_else_sees_metrics(
    hub: RunningHub,
    token: str,
) -> None:
    assert hub.api("GET", "users", token=token).status == 403
    assert hub.api("GET", "metrics", token=hub.user_token("bob")).status == 403


def test_the_dashboard_asks_for_what_the_hub_tells(hub: RunningHub, token: str) -> None:
    told = set(re.findall(r"^# TYPE (\w+)", metrics(hub, token), re.MULTILINE))
    names = {re.sub(r"_(bucket|count|sum)$", "", name) for name in asked_for()}

    assert len(names) > 8
    assert names - told == set()
    assert {name for name in told if name.startswith("onramp_") and not name.endswith("_created")} - names == set()


def test_the_guide_names_every_metric(hub: RunningHub, token: str) -> None:
    told = set(re.findall(r"^# TYPE (onramp_\w+)", metrics(hub, token), re.MULTILINE))

    assert {name for name in told if not name.endswith("_created") and f"`{name}`" not in GUIDE.read_text()} == set()


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    board = json.loads(DASHBOARD.read_text())

    assert {"title", "uid", "schemaVersion", "panels", "templating", "time"} <= board.keys()
    assert [variable["name"] for variable in board["templating"]["list"]] == ["datasource"]
    assert len({panel["id"] for panel in panels()}) == len(panels())
    for panel in panels():
        assert panel["type"] in {"stat", "timeseries"}
        assert panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        assert panel["title"]
        assert [target["refId"] for target in panel["targets"]] == ["A", "B"][: len(panel["targets"])]


def test_no_panel_lies_on_another() -> None:
    taken = [
        (x, y)
        for place in (panel["gridPos"] for panel in panels())
        for x, y in itertools.product(
            range(place["x"], place["x"] + place["w"]), range(place["y"], place["y"] + place["h"])
        )
    ]
    assert len(taken) == len(set(taken))
    assert {x for x, _ in taken} == set(range(24))
