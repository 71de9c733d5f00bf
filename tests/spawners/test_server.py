"""A server is a Slurm job: what is submitted, refused, survived. A real hub, on a Slurm that the test plays."""

import json
import sqlite3
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from spawners.outage import AWAY
from tests.hub_config.browser import Browser
from tests.hub_config.running_hub import NODE, ORDINARY, RunningHub, hub, started, wait

__all__ = ["hub"]


@pytest.fixture
def alice(hub: RunningHub) -> Iterator[RunningHub]:
    """The hub, and no server of alice's left afterwards."""
    yield hub
    for name in ("sbatch", "squeue", "scancel", "sacct"):
        hub.slurm.heal(name)
    hub.api("DELETE", "users/alice/server")
    hub.end_jobs()
    wait(lambda: not hub.server("alice").get("pending"), hub.log)


def test_start_run_stop(alice: RunningHub) -> None:
    job_id = alice.start_server("alice", profile="cpu")
    call = alice.submitted()[-1]
    assert call["uid"] == ORDINARY.pw_uid
    assert "#SBATCH --comment=onramp:onramp:alice::" in call["stdin"]

    alice.run_job(job_id)
    assert alice.ready("alice")["ready"]
    assert alice.route("alice").startswith(f"http://{NODE}:")

    assert alice.api("DELETE", "users/alice/server").status == 204
    assert [job_id] == [call["argv"][-1] for call in alice.slurm.calls("scancel")][-1:]
    assert not alice.server("alice").get("ready")


def test_several_servers_of_one_person(alice: RunningHub) -> None:
    first = alice.start_server("alice", profile="cpu")
    second = alice.start_server("alice", "training", profile="gpu-1")
    assert "#SBATCH --comment=onramp:onramp:alice:training:" in alice.submitted()[-1]["stdin"]
    assert "#SBATCH --gres=gpu:1" in alice.submitted()[-1]["stdin"]
    alice.run_job(second)
    alice.ready("alice", "training")
    alice.run_job(first)
    alice.ready("alice")
    assert alice.route("alice") != alice.route("alice", "training")
    assert alice.api("DELETE", "users/alice/servers/training", {"remove": True}).status == 204
    assert alice.server("alice")["ready"]


def test_the_token_is_in_a_private_file_and_nowhere_else(alice: RunningHub) -> None:
    job_id = alice.start_server("alice", profile="cpu")
    file, token = alice.secrets(), alice.server_token()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600

    job = alice.run_job(job_id)
    alice.ready("alice")
    assert not file.exists()
    arguments = [path.read_bytes() for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    assert not any(token.encode() in words for words in arguments)
    assert token not in alice.log() + alice.job_log(job_id) + json.dumps(alice.submitted())
    assert job.poll() is None


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "server", {"user_options": {"profile": "nope"}}),
        ("POST", "server", {"profile": "nope"}),
        ("POST", "servers/new", {"user_options": {"profile": "nope"}}),
        ("PUT", "servers/new", {"user_options": {"profile": "nope"}}),
        ("PATCH", "server", {"user_options": {"profile": "nope"}}),
    ],
    ids=["POST", "POST, the old way", "POST, named", "PUT", "PATCH"],
)
@pytest.mark.parametrize("who", ["an administrator", "herself"])
def test_rest_lists_the_choices_and_submits_nothing(
    alice: RunningHub, method: str, path: str, body: object, who: str
) -> None:
    before = len(alice.submitted())
    token = alice.user_token("alice") if who == "herself" else None
    alice.api("POST", "users/alice")
    answer = alice.api(method, f"users/alice/{path}", body, token)
    assert (answer.status, "Choose from: cpu, gpu-1" in answer.message) == (400, True), answer.text
    assert len(alice.submitted()) == before
    assert "new" not in json.loads(alice.api("GET", "users/alice?include_stopped_servers=1").text)["servers"]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
@pytest.mark.parametrize("body", [["cpu"], "cpu", {"user_options": "cpu"}, {"user_options": ["cpu"]}], ids=ascii)
def test_options_are_an_object_and_nothing_else_is_stored(alice: RunningHub, method: str, body: object) -> None:
    alice.api("POST", "users/alice")
    before, stored = len(alice.submitted()), alice.server("alice").get("user_options")
    answer = alice.api(method, f"users/alice/{'servers/odd' if method == 'PUT' else 'server'}", body)
    assert (answer.status, "object" in answer.message) == (400, True), answer.text
    assert (len(alice.submitted()), alice.server("alice").get("user_options")) == (before, stored)
    assert alice.server("alice", "odd") == {}


def test_a_servers_own_token_starts_and_changes_no_server(alice: RunningHub) -> None:
    alice.start_server("alice", profile="cpu")
    token, before = alice.server_token(), len(alice.submitted())
    for method, path in (("POST", "servers/more"), ("PUT", "servers/more"), ("PATCH", "server")):
        body = {"user_options": {"profile": "gpu-1"}}
        assert alice.api(method, f"users/alice/{path}", body, token).status in (403, 404)
    assert len(alice.submitted()) == before


@pytest.mark.parametrize("key", ["profile", "account", "time", "qos", "unheard-of"])
def test_no_hostile_value_reaches_slurm(alice: RunningHub, hostile: str, key: str) -> None:
    before = len(alice.submitted())
    options = {"profile": "cpu", key: hostile}
    answer = alice.api("POST", "users/alice/server", {"user_options": options})
    assert answer.status in (400, 413), answer.text
    assert len(alice.submitted()) == before


@pytest.mark.parametrize("key", ["ip", "port", "debug", "default_url", "notebook_dir", "--hold"])
def test_attributes_of_the_spawner_are_no_options(alice: RunningHub, key: str) -> None:
    answer = alice.api("POST", "users/alice/server", {"user_options": {"profile": "cpu", key: "x"}})
    assert (answer.status, f"Unknown option '{key}'" in answer.message) == (400, True)


def test_form_and_url_pass_the_same_gate(alice: RunningHub) -> None:
    browser = Browser(alice.base)
    assert browser.sign_in("alice").status == 200
    before = len(alice.submitted())
    for answer in (
        browser.get("spawn?opt-profile=nope"),
        browser.get("spawn?opt-profile=cpu&opt-profile=gpu-1"),
        browser.get("spawn?opt-profile=cpu&opt-partition=gpu"),
        browser.post("spawn", {"profile": "nope"}),
        browser.post("spawn", {"profile": "cpu", "colour": "blue"}),
    ):
        assert (answer.status, "Choose from" in answer.text) == (400, True)
        assert "What do you need?" in answer.text
    assert len(alice.submitted()) == before


def test_sbatch_refuses_in_its_own_words(alice: RunningHub) -> None:
    words = "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified"
    alice.slurm.answer("sbatch", err=words, code=1)
    answer = alice.api("POST", "users/alice/server", {"user_options": {"profile": "cpu"}})
    assert (answer.status, "Invalid account or account/partition" in answer.message) == (400, True)


def test_a_start_while_slurm_is_away_is_told_so_and_can_be_made_again(alice: RunningHub) -> None:
    words = "sbatch: error: Batch job submission failed: Unable to contact slurm controller (connect failure)"
    alice.slurm.answer("sbatch", err=words, code=1)
    answer = alice.api("POST", "users/alice/server", {"user_options": {"profile": "cpu"}})
    assert (answer.status, answer.message) == (503, AWAY)
    alice.slurm.heal("sbatch")
    assert alice.start_server("alice", profile="cpu")


def test_nobody_without_an_account_starts_anything(hub: RunningHub) -> None:
    hub.api("POST", "users/mallory")
    answer = hub.api("POST", "users/mallory/server", {"user_options": {"profile": "cpu"}})
    assert (answer.status, "is not in the table of accounts" in answer.message) == (400, True)


def test_a_queued_server_says_why_and_is_cancelled(alice: RunningHub) -> None:
    browser = Browser(alice.base)
    browser.sign_in("alice")
    job_id = alice.start_server("alice", profile="gpu-1")
    page = browser.get("spawn-pending/alice")
    assert "Your server is starting" in page.text
    assert alice.api("DELETE", "users/alice/server").status == 204
    assert alice.slurm.job(job_id)["state"] == "CANCELLED"
    assert not alice.server("alice").get("pending")


def test_a_start_that_is_stopped_while_slurm_takes_its_job_leaves_none(alice: RunningHub) -> None:
    alice.slurm.wait("sbatch", 3)
    before, jobs = len(alice.submitted()), alice._job_ids()
    with ThreadPoolExecutor() as pool:
        asked = pool.submit(alice.api, "POST", "users/alice/server", {"user_options": {"profile": "cpu"}})
        wait(lambda: len(alice.submitted()) > before, alice.log)
        assert alice.api("DELETE", "users/alice/server").status == 204
        asked.result(30)
    # Slurm gives the job its id only now, and nobody is left who would stop it.
    wait(lambda: alice._job_ids() > jobs, alice.log)
    (job_id,) = alice._job_ids() - jobs
    wait(lambda: alice.slurm.job(job_id)["state"] == "CANCELLED", alice.log)
    assert not alice.server("alice").get("pending")


def test_two_clicks_on_stop_end_one_server_once(alice: RunningHub) -> None:
    job_id = alice.start_server("alice", profile="gpu-1")
    before = len(alice.slurm.calls("scancel"))
    with ThreadPoolExecutor() as pool:
        answers = list(pool.map(lambda _: alice.api("DELETE", "users/alice/server").status, range(2)))
    assert set(answers) <= {202, 204}, answers
    wait(lambda: not alice.server("alice").get("pending"), alice.log)
    assert alice.slurm.job(job_id)["state"] == "CANCELLED"
    assert len(alice.slurm.calls("scancel")) == before + 1


def test_a_job_that_dies_is_explained(alice: RunningHub) -> None:
    browser = Browser(alice.base)
    browser.sign_in("alice")
    job_id = alice.start_server("alice", profile="cpu")
    secrets, token = alice.secrets(), alice.server_token()
    alice.slurm.change(job_id, state="NODE_FAIL", node=NODE, exit_code="0:1")
    wait(lambda: not alice.server("alice").get("pending"), alice.log)
    page = browser.get("spawn-pending/alice")
    assert "Your server did not start" in page.text
    assert "node" in page.text.lower()
    assert "Traceback" not in page.text
    # A node that fails cannot delete what the job never read, so the hub does; the token is worth nothing any more.
    assert (secrets.exists(), alice.api("GET", "user", None, token).status) == (False, 403)


def test_what_waits_for_a_killed_server_is_cancelled(alice: RunningHub) -> None:
    """Dask workers in the queue, which nobody there could cancel any more."""
    job_id = alice.start_server("alice", profile="cpu")
    alice.run_job(job_id)
    alice.ready("alice")
    for number, server in (("71", job_id), ("72", "99")):
        alice.slurm.put(number, user=ORDINARY.pw_name, comment=f"onramp:cluster:{ORDINARY.pw_name}:{server}:feed")
        alice.own(alice.slurm.state / "jobs" / number)
    alice.end_jobs()
    alice.slurm.change(job_id, state="FAILED", exit_code="0:9")
    wait(lambda: alice.slurm.job("71")["state"] == "CANCELLED", alice.log, 60)
    assert alice.slurm.job("72")["state"] == "PENDING"


def test_a_slurm_that_does_not_answer_costs_no_server(alice: RunningHub) -> None:
    job_id = alice.start_server("alice", profile="cpu")
    alice.run_job(job_id)
    alice.ready("alice")
    for words, code in (("squeue: fatal: Could not establish a configuration source", 1), ("", 0)):
        alice.slurm.answer("squeue", err=words, code=code)
        seen = len(alice.slurm.calls("squeue"))
        wait(partial(_asked, alice, seen + 1), alice.log, 60)
        assert alice.server("alice")["ready"]


def _asked(hub: RunningHub, times: int) -> bool:
    return len(hub.slurm.calls("squeue")) > times


def test_a_server_whose_time_is_over_is_noticed(alice: RunningHub) -> None:
    job_id = alice.start_server("alice", profile="cpu")
    token = alice.server_token()
    alice.run_job(job_id)
    alice.ready("alice")
    alice.slurm.change(job_id, state="TIMEOUT")
    wait(lambda: not alice.server("alice").get("ready"), alice.log)
    wait(lambda: alice.api("GET", "user", None, token).status == 403, alice.log)


def test_servers_outlive_the_hub() -> None:
    with started() as hub:
        job_id = hub.start_server("alice", profile="cpu")
        token = hub.server_token()
        hub.run_job(job_id)
        hub.ready("alice")
        route = hub.route("alice")
        hub.stop()
        assert not hub.slurm.calls("scancel")

        hub.start()
        assert hub.ready("alice")
        assert hub.route("alice") == route
        assert hub.api("GET", "user", None, token).status == 200
        assert hub.api("DELETE", "users/alice/server").status == 204
        assert hub.slurm.job(job_id)["state"] == "CANCELLED"
        # Its token ends with it, although this hub never knew the token.
        assert hub.api("GET", "user", None, token).status == 403


def test_options_that_an_older_hub_stored_are_checked_at_the_start() -> None:
    with started() as hub:
        hub.api("POST", "users/alice")
        hub.api("PATCH", "users/alice/server", {"user_options": {"profile": "cpu"}})
        hub.stop()
        with sqlite3.connect(hub.state / "jupyterhub.sqlite") as db:
            db.execute("UPDATE spawners SET user_options = ?", ('{"profile": "cpu", "colour": "blue"}',))
        hub.start()
        answer = hub.api("POST", "users/alice/server")
        assert (answer.status, "Unknown option 'colour'" in answer.message) == (400, True)
        assert not hub.submitted()
