"""Why a server is gone, as pages are told, and how it is started again. A real hub, on a Slurm that the test plays."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.hub_config.browser import Browser
from tests.hub_config.running_hub import NODE, ORDINARY, RunningHub, hub, wait

__all__ = ["hub"]


@pytest.fixture
def alice(hub: RunningHub) -> Iterator[Browser]:
    """Alice, signed in; no server of hers is left afterwards."""
    browser = Browser(hub.base)
    browser.sign_in("alice")
    yield browser
    hub.api("DELETE", "users/alice/server")
    hub.end_jobs()
    over(hub)


def over(hub: RunningHub) -> None:
    """Wait until nothing of alice's server is left."""
    wait(lambda: not ({"pending", "ready"} & {key for key, on in hub.server("alice").items() if on}), hub.log)


def told(browser: Browser, path: str = "alice") -> dict[str, str]:
    """What a page of the server is told, which knows no secret of the hub's pages."""
    answer: dict[str, str] = json.loads(browser.get(f"api/onramp/ending/{path}").text)
    return answer


def died(hub: RunningHub, options: dict[str, Any], *, printed: str = "", **job: str) -> None:
    """Let a start of alice's die before its server answers."""
    job_id = hub.start_server("alice", **options)
    hub.print_as(job_id, printed)
    secrets = hub.secrets()
    hub.slurm.change(job_id, node=NODE, **job)
    over(hub)
    assert not secrets.exists()


def test_a_running_server_that_ends_says_why_and_is_resumed(hub: RunningHub, alice: Browser) -> None:
    job_id = hub.start_server("alice", profile="gpu-1", time=30)
    assert told(alice)["ended"] is None
    hub.run_job(job_id)
    hub.ready("alice")
    assert told(alice)["ended"] is None
    hub.slurm.change(job_id, state="TIMEOUT")
    end = told(alice)  # and not only once the hub has polled
    assert (end["cause"], end["sentence"]) == ("time", "Its time was up.")
    over(hub)
    assert end["again"] == "/hub/spawn/alice?opt-profile=gpu-1&opt-time=30"

    page = alice.get("user/alice/lab/tree/work.ipynb")
    assert "Its time was up." in page.text
    assert "Start again for up to 1 hour" in page.text
    assert "A tab that was closed saves nothing more." in page.text
    assert "Its time was up." not in alice.get("user/bob/").text

    hub.end_jobs()
    before = len(hub.submitted())
    form = {"profile": "gpu-1", "time": "30"}
    answer = alice.post("spawn/alice?next=%2Fhub%2Fuser%2Falice%2Flab%2Ftree%2Fwork.ipynb", form)
    assert urlsplit(answer.url).path == "/hub/spawn-pending/alice"
    assert "next=%2Fhub%2Fuser%2Falice%2Flab%2Ftree%2Fwork.ipynb" in answer.url
    (script,) = [call["stdin"] for call in hub.submitted()[before:]]
    assert "#SBATCH --time=30\n" in script
    assert "#SBATCH --gres=gpu:1\n" in script


def test_a_page_of_a_server_starts_it_again_by_one_address(hub: RunningHub, alice: Browser) -> None:
    died(hub, {"profile": "gpu-1", "safe_start": True}, state="NODE_FAIL")
    before = len(hub.submitted())
    answer = alice.get(told(alice)["again"].removeprefix("/hub/") + "&next=%2Fuser%2Falice%2Flab%2Fx.ipynb")
    assert urlsplit(answer.url).path == "/hub/spawn-pending/alice"
    (script,) = [call["stdin"] for call in hub.submitted()[before:]]
    assert "--safe-start" in script


@pytest.mark.parametrize("uid", [0, ORDINARY.pw_uid])
def test_who_cancelled_it(hub: RunningHub, alice: Browser, uid: int) -> None:
    died(hub, {"profile": "cpu"}, state="CANCELLED", ended_as=f"CANCELLED by {uid}")
    by = f"under its own account, {ORDINARY.pw_name}" if uid else "by an operator of the site (root)"
    assert f"It was cancelled {by}" in told(alice)["sentence"]


def test_a_stop_says_by_whom(hub: RunningHub, alice: Browser) -> None:
    for token, who in ((hub.user_token("alice"), "alice"), (None, "tests")):
        hub.start_server("alice", profile="cpu")
        assert hub.api("DELETE", "users/alice/server", token=token).status == 204
        over(hub)
        assert told(alice)["sentence"] == f"It was stopped from the hub by {who}."
        assert f"it was stopped from the hub by {who}." in alice.get("home").text


def test_memory_where_only_the_log_tells(hub: RunningHub, alice: Browser) -> None:
    log = "slurmstepd: error: Job 7 exceeded memory limit, being killed\n<script>alert(1)</script>\x1b[31m\n"
    died(hub, {"profile": "cpu"}, printed=log, state="FAILED", reason="NonZeroExitCode", exit_code="0:9")
    page = alice.get("spawn-pending/alice")
    assert "It needed more memory than it had." in page.text
    assert "Start again with 4 GB of memory" in page.text
    assert "being killed\n&lt;script&gt;alert(1)&lt;/script&gt;</pre>" in page.text


def test_a_broken_environment(hub: RunningHub, alice: Browser) -> None:
    """The job is run, by a shell that says in its own words that there is no such Python."""
    python = hub.folder / "venv/bin/python"
    python.rename(python.with_name("gone"))
    job_id = hub.start_server("alice", profile="cpu")
    secrets = hub.secrets()
    assert hub.run_job(job_id).wait(60) == 127
    hub.slurm.change(job_id, state="FAILED", exit_code="127:0")
    over(hub)
    python.with_name("gone").rename(python)
    assert not secrets.exists()
    page = alice.get("user/alice/")
    assert "The environment it was to run in is broken." in page.text
    assert f"exec: {python}: not found" in page.text
    assert "Start safely, without your own settings" in page.text


def test_others_are_told_nothing(hub: RunningHub, alice: Browser) -> None:
    died(hub, {"profile": "cpu"}, state="NODE_FAIL")
    bob = Browser(hub.base)
    bob.sign_in("bob")
    assert [one.get("api/onramp/ending/alice").status for one in (bob, Browser(hub.base))] == [404, 403]
    assert alice.get("api/onramp/ending/alice/never").status == 404
    assert alice.get("api/onramp/ending/alice").status == 200


def test_what_the_site_does_not_take_any_more_is_refused_readably(hub: RunningHub, alice: Browser) -> None:
    answer = alice.post("spawn/alice?next=%2Fhub%2Fhome", {"profile": "gone"})
    assert (answer.status, "Choose from: cpu, gpu-1" in answer.text) == (400, True)
