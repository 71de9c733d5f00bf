"""A hub and a node that do not reach each other: the person is told which way is blocked. A real hub."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from spawners.node import NO_HUB
from tests.hub_config.running_hub import NODE, RunningHub, started, wait
from tests.ports import free_port

# Time runs out only after what is waited for has happened, so that these may be short.
_CONFIG = "c.ServerSpawner.port_timeout = 2\nc.ServerSpawner.http_timeout = 2\n"


@pytest.fixture(scope="module")
def hub() -> Iterator[RunningHub]:
    """A hub that soon gives up a server which does not answer."""
    with started(config=_CONFIG) as running:
        yield running


@pytest.fixture
def job_id(hub: RunningHub) -> Iterator[str]:
    """The job of a server of alice's; it is over afterwards."""
    yield hub.start_server("alice", profile="cpu")
    hub.api("DELETE", "users/alice/server")
    hub.end_jobs()


def told(hub: RunningHub) -> dict[str, str]:
    """What is told of the start once it is over."""
    wait(lambda: not hub.server("alice").get("pending"), hub.log)
    with closing(sqlite3.connect(hub.state / "ledger.sqlite")) as db:
        ((found,),) = db.execute("SELECT ending FROM starts ORDER BY asked DESC LIMIT 1").fetchall()
    ending: dict[str, str] = json.loads(found)
    return ending


def reported(hub: RunningHub) -> bool:
    """Whether the server has told its port."""
    with closing(sqlite3.connect(hub.state / "ledger.sqlite")) as db:
        return bool(db.execute("SELECT port FROM starts WHERE ended IS NULL AND port IS NOT NULL").fetchall())


def test_the_node_does_not_reach_the_hub(hub: RunningHub, job_id: str) -> None:
    file = hub.secrets()
    nowhere = {"JUPYTERHUB_API_URL": f"http://127.0.0.1:{free_port()}/hub/api"}
    file.write_text(json.dumps(json.loads(file.read_text()) | nowhere))
    hub.begin_job(job_id)
    wait(lambda: NO_HUB in hub.job_log(job_id), lambda: hub.job_log(job_id))
    hub.slurm.change(job_id, state="RUNNING", node=NODE)
    end = told(hub)
    assert (end["cause"], end["sentence"]) == ("unreachable", "The job ran, but its node cannot reach the hub.")
    assert "tell the operators" in end["advice"]
    assert any("Connection refused" in line for line in end["printed"])


def test_the_hub_does_not_reach_the_node(hub: RunningHub, job_id: str) -> None:
    """Its name leads the hub to an address where the server does not listen."""
    hub.begin_job(job_id)
    wait(lambda: reported(hub), lambda: hub.job_log(job_id))
    hub.slurm.change(job_id, state="RUNNING", node="127.0.0.2")
    end = told(hub)
    assert end["cause"] == "unreachable"
    assert end["sentence"] == "JupyterLab ran on its node, but the hub cannot reach it there."
    assert "the hub needs a way to the ports of that node" in end["advice"]
    assert hub.slurm.job(job_id)["state"] == "CANCELLED"


def test_the_server_does_not_answer(hub: RunningHub, job_id: str) -> None:
    hub.slurm.change(job_id, state="RUNNING", node=NODE)
    end = told(hub)
    assert end["cause"] == "unreachable"
    assert end["sentence"] == f"The job ran on {NODE}, but JupyterLab did not answer within 2 seconds."
    assert "safe start" in end["advice"]
    assert hub.slurm.job(job_id)["state"] == "CANCELLED"
