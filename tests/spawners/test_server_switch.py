"""Another job instead of the queued one: whatever goes wrong, the place in the queue is kept. A real hub."""

import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import pytest

from spawners.outage import AWAY
from tests.hub_config.browser import Answer
from tests.hub_config.running_hub import ORDINARY, RunningHub, hub, wait

__all__ = ["hub"]
CPU = {"user_options": {"profile": "cpu"}}


@pytest.fixture
def alice(hub: RunningHub) -> Iterator[RunningHub]:
    """The hub, and nothing of alice's left afterwards."""
    yield hub
    for name in ("sbatch", "squeue", "scancel", "sacct"):
        hub.slurm.heal(name)
    hub.api("DELETE", "users/alice/server")
    wait(lambda: not hub.server("alice").get("pending"), hub.log)
    hub.end_jobs()
    for file in (hub.folder / "spool" / ORDINARY.pw_name).glob("*.json"):
        file.unlink()


def instead(hub: RunningHub, body: object = CPU, server: str = "") -> Answer:
    return hub.api("POST", f"onramp/instead/alice{server}", body)


def states(hub: RunningHub) -> dict[str, str]:
    """The states of all jobs by id."""
    return {job_id: hub.slurm.job(job_id)["state"] for job_id in hub._job_ids()}


def alive(hub: RunningHub) -> list[tuple[Any, ...]]:
    """The jobs and options of the starts that are not over, as the ledger has them."""
    with closing(sqlite3.connect(hub.state / "ledger.sqlite")) as db:
        return db.execute("SELECT job_id, options FROM starts WHERE ended IS NULL").fetchall()


def other(hub: RunningHub, job_id: str) -> str:
    """The one job that came after another."""
    (newer,) = {one for one in states(hub) if int(one) > int(job_id)}
    return newer


def test_the_other_job_takes_the_place_and_its_server_starts(alice: RunningHub) -> None:
    queued = alice.start_server("alice", profile="gpu-1")
    token = alice.server_token()
    assert instead(alice).status == 204
    newer = other(alice, queued)

    assert (alice.slurm.job(queued)["state"], alice.slurm.job(newer)["state"]) == ("CANCELLED", "PENDING")
    assert alive(alice) == [(newer, '{"profile": "cpu"}')]
    # It is one start all the while: its token and its page stay, and its options are what a next start has.
    assert alice.server("alice")["pending"] == "spawn"
    assert alice.server("alice")["user_options"] == {"profile": "cpu"}
    assert alice.server_token() == token
    alice.scripts[newer] = alice.submitted()[-1]["stdin"]
    alice.run_job(newer)
    assert alice.ready("alice")


BAD: list[tuple[object, str]] = [
    ({"user_options": {"profile": "huge"}}, "Choose from: cpu, gpu-1"),
    ({"user_options": {"profile": "cpu", "colour": "blue"}}, "Unknown option 'colour'"),
    ({"user_options": "cpu"}, "and nothing else"),
    ({"user_options": {}, "server": "x"}, "and nothing else"),
    ([], "and nothing else"),
    (None, "and nothing else"),
]


def test_what_is_not_valid_changes_nothing(alice: RunningHub) -> None:
    alice.start_server("alice", profile="gpu-1")
    before, jobs = alive(alice), states(alice)
    for body, part in BAD:
        answer = instead(alice, body)
        assert (answer.status, part in answer.message) == (400, True), answer.text
    assert (alive(alice), states(alice)) == (before, jobs)


def test_while_slurm_is_away_the_place_in_the_queue_stays(alice: RunningHub) -> None:
    alice.start_server("alice", profile="gpu-1")
    before, jobs = alive(alice), states(alice)
    alice.slurm.answer("sbatch", err="sbatch: error: Unable to contact slurm controller", code=1)
    answer = instead(alice)

    assert (answer.status, answer.message) == (503, f"Your place in the queue stays. {AWAY}")
    assert (alive(alice), states(alice)) == (before, jobs)


def test_a_job_that_slurm_refuses_takes_no_place(alice: RunningHub) -> None:
    queued = alice.start_server("alice", profile="gpu-1")
    before, jobs = alive(alice), states(alice)
    words = "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy"
    alice.slurm.answer("sbatch", err=words, code=1)
    answer = instead(alice)

    assert (answer.status, answer.message) == (400, f"Your place in the queue stays. {words}")
    assert (alive(alice), states(alice)) == (before, jobs)
    # What was only tried is never told as this server's last start.
    assert alice.api("DELETE", "users/alice/server").status == 204
    assert "stopped" in alice.api("GET", "onramp/ending/alice").text
    assert alice.slurm.job(queued)["state"] == "CANCELLED"


def test_a_job_that_begins_meanwhile_is_kept(alice: RunningHub) -> None:
    queued = alice.start_server("alice", profile="gpu-1")
    alice.slurm.wait("sbatch", 2)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(instead, alice)
        calls = len(alice.submitted())
        wait(lambda: len(alice.submitted()) > calls, alice.log)
        alice.run_job(queued)
        answer = asked.result(30)

    assert (answer.status, "so nothing was changed" in answer.message) == (409, True), answer.text
    assert alice.slurm.job(other(alice, queued))["state"] == "CANCELLED"
    assert alice.ready("alice")["user_options"] == {"profile": "gpu-1"}


def test_without_a_good_poll_nothing_is_given_up(alice: RunningHub) -> None:
    queued = alice.start_server("alice", profile="gpu-1")
    alice.slurm.wait("sbatch", 2)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(instead, alice)
        calls = len(alice.submitted())
        wait(lambda: len(alice.submitted()) > calls, alice.log)
        alice.slurm.answer("squeue", err="slurm_load_jobs error: Unable to contact slurm controller", code=1)
        assert asked.result(30).status == 409

    assert alice.slurm.job(queued)["state"] == "PENDING"
    assert alice.slurm.job(other(alice, queued))["state"] == "CANCELLED"


def test_two_clicks_make_one_change(alice: RunningHub) -> None:
    queued = alice.start_server("alice", profile="gpu-1")
    alice.slurm.wait("sbatch", 1)
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: instead(alice), range(2)))

    assert sorted(answer.status for answer in answers) == [204, 409]
    assert alice.slurm.job(other(alice, queued))["state"] == "PENDING"


def test_a_stop_while_it_changes_leaves_no_job(alice: RunningHub) -> None:
    queued = alice.start_server("alice", profile="gpu-1")
    alice.slurm.wait("sbatch", 2)
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(instead, alice)
        calls = len(alice.submitted())
        wait(lambda: len(alice.submitted()) > calls, alice.log)
        assert alice.api("DELETE", "users/alice/server").status == 204
        assert asked.result(30).status in (204, 409)

    wait(lambda: alice.slurm.job(other(alice, queued))["state"] == "CANCELLED", alice.log)
    assert alice.slurm.job(queued)["state"] == "CANCELLED"
    assert alive(alice) == []


def test_only_what_is_queued_can_change(alice: RunningHub) -> None:
    assert (instead(alice, server="/nothing").status, alice.api("POST", "onramp/instead/mallory", CPU).status) == (
        404,
        404,
    )
    job_id = alice.start_server("alice", profile="cpu")
    alice.run_job(job_id)
    alice.ready("alice")

    assert instead(alice).status == 409
    bob = alice.user_token("bob")
    assert alice.api("POST", "onramp/instead/alice", CPU, bob).status in (403, 404)
    assert alice.server("alice")["ready"]
