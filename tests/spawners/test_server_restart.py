"""A hub that dies loses no server and leaves none behind. A real hub, killed, on a Slurm that the test plays."""

import os
import signal
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import Any

import pytest

from tests.hub_config.browser import Browser
from tests.hub_config.running_hub import NODE, ORDINARY, RunningHub, hub, wait

__all__ = ["hub"]
OLD = "2026-01-01 00:00:00.000000"


@pytest.fixture
def alice(hub: RunningHub) -> Iterator[RunningHub]:
    """The hub, and nothing of alice's left afterwards."""
    yield hub
    for name in ("sbatch", "squeue", "scancel", "sacct"):
        hub.slurm.heal(name)
    for name in ("server", "servers/training"):
        hub.api("DELETE", f"users/alice/{name}")
    hub.end_jobs()
    for file in (hub.folder / "spool" / ORDINARY.pw_name).glob("*.json"):
        file.unlink()
    wait(lambda: not ledger(hub, "SELECT nonce FROM starts WHERE ended IS NULL"), hub.log)


def ledger(hub: RunningHub, statement: str, *values: object) -> list[tuple[Any, ...]]:
    """What the hub's ledger holds, or what happens to it."""
    with closing(sqlite3.connect(hub.state / "ledger.sqlite")) as db, db:
        return db.execute(statement, values).fetchall()


def causes(hub: RunningHub) -> list[str]:
    return [cause for (cause,) in ledger(hub, "SELECT cause FROM starts WHERE cause IS NOT NULL ORDER BY ended")]


def restart(hub: RunningHub, how: signal.Signals = signal.SIGKILL) -> None:
    hub.stop(how)
    hub.start()


def works(hub: RunningHub, token: str) -> bool:
    return hub.api("GET", "user", None, token).status == 200


def over(hub: RunningHub) -> bool:
    """Alice's server is neither up nor on its way up or down."""
    server = hub.server("alice")
    return not server.get("ready") and not server.get("pending")


def _asked(hub: RunningHub, times: int) -> bool:
    return len(hub.slurm.calls("squeue")) > times


def test_killed_twice_with_a_running_and_a_waiting_server(alice: RunningHub) -> None:
    running = alice.start_server("alice", profile="cpu")
    tokens = [alice.server_token()]
    alice.run_job(running)
    alice.ready("alice")
    route = alice.route("alice")
    waiting = alice.start_server("alice", "training", profile="gpu-1")
    tokens.append(alice.server_token())
    before = [len(alice.slurm.calls(name)) for name in ("sbatch", "scancel")]

    for how in (signal.SIGKILL, signal.SIGKILL, signal.SIGTERM):
        restart(alice, how)
        assert alice.server("alice", "training")["pending"] == "spawn"
        assert alice.ready("alice")
    browser = Browser(alice.base)
    browser.sign_in("alice")
    assert "Your server is starting" in browser.get("spawn-pending/alice/training").text

    # The hub is away while the job begins, too.
    alice.stop(signal.SIGKILL)
    alice.run_job(waiting)
    alice.start()
    assert alice.ready("alice", "training")["user_options"] == {"profile": "gpu-1"}
    assert (alice.route("alice"), alice.route("alice", "training") != route) == (route, True)
    assert [works(alice, token) for token in tokens] == [True, True]
    assert ledger(alice, "SELECT count(began) FROM starts WHERE ended IS NULL") == [(2,)]
    assert [len(alice.slurm.calls(name)) for name in ("sbatch", "scancel")] == before

    for name in ("server", "servers/training"):
        assert alice.api("DELETE", f"users/alice/{name}").status == 204
    assert [alice.slurm.job(job_id)["state"] for job_id in (running, waiting)] == ["CANCELLED", "CANCELLED"]
    assert [works(alice, token) for token in tokens] == [False, False]


def test_a_start_taken_up_again_is_stopped_like_any_other(alice: RunningHub) -> None:
    job_id = alice.start_server("alice", profile="gpu-1")
    token = alice.server_token()
    restart(alice)
    assert alice.api("DELETE", "users/alice/server").status == 204
    assert alice.slurm.job(job_id)["state"] == "CANCELLED"
    assert over(alice)
    assert not works(alice, token)


def test_killed_before_the_job_id_was_noted(alice: RunningHub) -> None:
    job_id = alice.start_server("alice", profile="cpu")
    token, submitted = alice.server_token(), len(alice.submitted())
    alice.stop(signal.SIGKILL)
    ledger(alice, "UPDATE starts SET job_id = NULL WHERE ended IS NULL")
    alice.start()
    alice.run_job(job_id)
    assert alice.ready("alice")
    assert (len(alice.submitted()), works(alice, token)) == (submitted, True)


def test_killed_before_there_was_a_job(alice: RunningHub) -> None:
    browser = Browser(alice.base)
    browser.sign_in("alice")
    job_id = alice.start_server("alice", profile="cpu")
    token = alice.server_token()
    alice.stop(signal.SIGKILL)
    alice.slurm.purge(job_id)
    ledger(alice, "DELETE FROM starts WHERE ended IS NOT NULL")  # those would now be younger than this one
    ledger(alice, "UPDATE starts SET job_id = NULL, asked = ? WHERE ended IS NULL", OLD)
    alice.start()
    wait(lambda: over(alice), alice.log)
    # The ledger knows a little before the page does.
    said = "The hub was stopped before Slurm had your job."
    wait(lambda: said in browser.get("spawn-pending/alice").text, alice.log)
    assert not works(alice, token)


def test_ended_while_the_hub_was_away(alice: RunningHub) -> None:
    job_id = alice.start_server("alice", profile="cpu")
    token = alice.server_token()
    alice.run_job(job_id)
    alice.ready("alice")
    alice.stop(signal.SIGKILL)
    alice.slurm.change(job_id, state="TIMEOUT")
    alice.start()
    # The hub answers first, and asks Slurm then.
    wait(lambda: over(alice), alice.log)
    assert not works(alice, token)
    assert causes(alice)[-1].startswith("Its time was up.")


def test_a_server_that_jupyterhub_has_forgotten_is_ended(alice: RunningHub) -> None:
    job_id = alice.start_server("alice", "training", profile="cpu")
    alice.stop(signal.SIGKILL)
    with closing(sqlite3.connect(alice.state / "jupyterhub.sqlite")) as db, db:
        db.execute("DELETE FROM spawners WHERE name = 'training'")
    alice.start()
    wait(lambda: alice.slurm.job(job_id)["state"] == "CANCELLED", alice.log)
    assert causes(alice)[-1] == "JupyterHub does not know this server any more."


def test_a_person_blocked_meanwhile_keeps_nothing(alice: RunningHub) -> None:
    jobs = [alice.start_server("alice", profile="cpu")]
    tokens = [alice.server_token()]
    alice.run_job(jobs[0])
    alice.ready("alice")
    jobs.append(alice.start_server("alice", "training", profile="gpu-1"))
    tokens.append(alice.server_token())
    alice.stop(signal.SIGKILL)
    file = alice.state / "settings.yaml"
    before = file.read_text()
    file.write_text(before + "auth: {config: {blocked_users: [alice]}}\n")
    alice.start()
    wait(lambda: {alice.slurm.job(job_id)["state"] for job_id in jobs} == {"CANCELLED"}, alice.log)
    assert [works(alice, token) for token in tokens] == [False, False]
    file.write_text(before)
    restart(alice)


def test_a_job_that_could_not_be_cancelled_is_cancelled_later(alice: RunningHub) -> None:
    job_id = alice.start_server("alice", profile="gpu-1")
    token = alice.server_token()
    alice.slurm.answer("scancel", err="scancel: error: Unable to contact slurm controller", code=1)
    assert alice.api("DELETE", "users/alice/server").status in (202, 204)
    wait(lambda: over(alice), alice.log)
    assert (alice.slurm.job(job_id)["state"], works(alice, token)) == ("PENDING", False)
    alice.slurm.heal("scancel")
    restart(alice)
    wait(lambda: alice.slurm.job(job_id)["state"] == "CANCELLED", alice.log)


def test_a_paused_server_is_not_dead(alice: RunningHub) -> None:
    job_id = alice.start_server("alice", profile="cpu")
    job = alice.run_job(job_id)
    alice.ready("alice")
    cancelled = len(alice.slurm.calls("scancel"))
    os.killpg(job.pid, signal.SIGSTOP)
    try:
        alice.slurm.change(job_id, state="SUSPENDED")
        restart(alice)
        wait(lambda: bool(alice.server("alice").get("ready")), alice.log)
        wait(partial(_asked, alice, len(alice.slurm.calls("squeue")) + 1), alice.log)
        assert alice.server("alice")["ready"]
    finally:
        os.killpg(job.pid, signal.SIGCONT)
    assert len(alice.slurm.calls("scancel")) == cancelled


def test_a_squeue_that_hides_jobs_costs_a_restarted_hub_no_server(alice: RunningHub) -> None:
    job_id = alice.start_server("alice", profile="cpu")
    alice.run_job(job_id)
    alice.ready("alice")
    alice.stop(signal.SIGKILL)
    alice.slurm.answer("squeue")
    asked = len(alice.slurm.calls("squeue"))
    alice.start()
    wait(partial(_asked, alice, asked + 4), alice.log, 60)
    assert alice.server("alice")["ready"]


@pytest.mark.parametrize(
    ("state", "cause"), [("PENDING", "put it back into the queue"), ("COMPLETING", "Slurm ended its job.")]
)
def test_a_requeued_server_is_ended_and_said(alice: RunningHub, state: str, cause: str) -> None:
    job_id = alice.start_server("alice", profile="cpu")
    token = alice.server_token()
    alice.run_job(job_id)
    alice.ready("alice")
    alice.slurm.change(job_id, state=state, node="n/a", reason="BeginTime")
    wait(lambda: over(alice), alice.log)
    assert alice.slurm.job(job_id)["state"] == "CANCELLED"
    assert not works(alice, token)
    assert cause in causes(alice)[-1]


@pytest.mark.parametrize(
    ("accounted", "cause"), [("TIMEOUT", "Its time was up."), ("REQUEUED", "put it back into the queue")]
)
def test_how_a_job_ends_that_completes_is_known_to_accounting(alice: RunningHub, accounted: str, cause: str) -> None:
    job_id = alice.start_server("alice", profile="cpu")
    alice.run_job(job_id)
    alice.ready("alice")
    now = datetime.now(UTC).isoformat(timespec="seconds")
    alice.slurm.change(job_id, state="COMPLETING", ended_as=accounted, end=now)
    wait(lambda: over(alice), alice.log)
    assert cause in causes(alice)[-1]


def test_a_start_requeued_after_it_had_begun_is_ended_and_said(alice: RunningHub) -> None:
    browser = Browser(alice.base)
    browser.sign_in("alice")
    job_id = alice.start_server("alice", profile="cpu")
    asked = len(alice.slurm.calls("squeue"))
    alice.slurm.change(job_id, state="RUNNING", node=NODE)
    wait(partial(_asked, alice, asked + 1), alice.log)
    alice.slurm.change(job_id, state="PENDING", node="n/a")
    wait(lambda: over(alice), alice.log)
    assert "put it back into the queue" in browser.get("spawn-pending/alice").text
    assert alice.slurm.job(job_id)["state"] == "CANCELLED"


def test_a_number_that_slurm_gives_out_again_is_not_taken_for_the_servers_job(alice: RunningHub) -> None:
    job_id = alice.start_server("alice", profile="gpu-1")
    own = alice.slurm.job(job_id)["comment"]
    alice.slurm.change(job_id, comment=own[:-4] + ("0000" if not own.endswith("0000") else "1111"))
    wait(lambda: over(alice), alice.log)
    assert causes(alice)[-1].startswith("Slurm no longer knows the job.")


def test_a_ledger_that_cannot_be_written_refuses_a_start(alice: RunningHub) -> None:
    full = "CREATE TRIGGER full BEFORE INSERT ON starts BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    before = len(alice.submitted())
    ledger(alice, full)
    answer = alice.api("POST", "users/alice/server", {"user_options": {"profile": "cpu"}})
    ledger(alice, "DROP TRIGGER full")
    assert (answer.status, "database or disk is full" in answer.message) == (500, True), answer.text
    assert len(alice.submitted()) == before


def test_a_ledger_that_cannot_be_renewed_costs_no_server(alice: RunningHub) -> None:
    full = "CREATE TRIGGER full BEFORE UPDATE ON starts BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
    job_id = alice.start_server("alice", profile="cpu")
    ledger(alice, full)
    token = alice.server_token()
    alice.run_job(job_id)
    alice.ready("alice")
    restart(alice)
    assert (alice.ready("alice")["ready"], works(alice, token)) == (True, True)
    ledger(alice, "DROP TRIGGER full")
