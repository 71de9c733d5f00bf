"""Slurm through its commands: what is asked, how answers are read, and that no failure means that a job is dead."""

import asyncio
import getpass
import json
import os
import time
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from spawners import process, slurm_text
from spawners import slurm as slurm_module
from spawners.launcher import Launcher, LauncherError, SelfLauncher
from spawners.options import READERS
from spawners.render import Job, Script, render
from spawners.request import RequestError, parse_request, resolve
from spawners.scheduler import JobState, PastJob, SchedulerError, Secrets, Snapshot, Spent, Usage
from spawners.site import Site, load_site
from spawners.slurm import Slurm
from tests.conftest import HOSTILE
from tests.fake_slurm import FakeSlurm

TOKEN = "\x1ftoken\x1f"
NONCE = "0123456789abcdef"
GPU = "gres/gpu"


class DirectLauncher:
    """Hands requests to sbatch and scancel of a fake Slurm without becoming anybody (tests may run as root)."""

    def __init__(self, fake: FakeSlurm) -> None:
        """`requests` keeps what was asked, without the user's process in between."""
        self._fake = fake
        self.requests: list[dict[str, object]] = []

    async def run(self, user: str, request: Mapping[str, object]) -> dict[str, Any]:
        """Do the least that an action needs."""
        self.requests.append({"user": user, **request})
        argv = {
            "submit": ("sbatch", "--parsable"),
            "test": ("sbatch", "--test-only"),
            "cancel": ("scancel", str(request.get("job_id"))),
        }[str(request["action"])]
        script = str(request.get("script", "")).encode()
        done = await process.run(str(self._fake.bin / argv[0]), *argv[1:], seconds=60, stdin=script)
        if done.returncode and request["action"] != "test":
            raise LauncherError(done.err)
        return {"job_id": done.out.strip(), "says": done.err}


@pytest.fixture
def launcher(fake_slurm: FakeSlurm) -> DirectLauncher:
    """A launcher of the fake Slurm."""
    return DirectLauncher(fake_slurm)


@pytest.fixture
def slurm(fake_slurm: FakeSlurm, launcher: Launcher, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """The hub's client, with a fake Slurm that needs no rest."""
    with monkeypatch.context() as restless:
        restless.setattr(slurm_module, "FRESH_WAITING", 0.0)
        return Slurm(launcher, bin=str(fake_slurm.bin))


def a_script(site: Site, options: Mapping[str, object] | None = None) -> Script:
    """A server's script."""
    resources = resolve(parse_request({"profile": "gpu-1"} | dict(options or {}), site), site)
    job = Job(
        name="onramp-server",
        comment=f"onramp:hub1:student1::{NONCE}",
        output="/tmp/%j.log",
        chdir="/",
        argv=("true",),
    )
    return render(site, resources, job)


async def called(fake: FakeSlurm, name: str) -> None:
    """Wait until a command was called."""
    while not fake.calls(name):
        await asyncio.sleep(0.01)


def squeue_row(job_id: str, *, name: str = "n", comment: str = "c", state: str = "RUNNING") -> str:
    """One row as squeue would print it."""
    fields = (
        job_id,
        "alice",
        state,
        "None",
        "a",
        "p",
        "gpu1",
        "7",
        "1763630000",
        "1763640000",
        "N/A",
        name,
        comment,
    )
    return "".join(field + TOKEN for field in fields) + "\n"


# -- jobs and the shared poll


async def test_a_job_from_submit_to_its_end(slurm: Slurm, fake_slurm: FakeSlurm, site: Site) -> None:
    job_id = await slurm.submit("student1", a_script(site))
    waiting = (await slurm.jobs())[job_id]
    assert (waiting.state, waiting.reason, waiting.node) == ("PENDING", "Priority", None)
    assert waiting.comment == f"onramp:hub1:student1::{NONCE}"
    assert waiting.priority
    assert waiting.submitted

    fake_slurm.change(job_id, state="RUNNING", node="gpu1", reason="None", start="1763640000")
    slurm._poll.expire()
    running = (await slurm.jobs())[job_id]
    assert (running.running, running.node) == (True, "gpu1")
    assert running.start == datetime(2025, 11, 20, 12, 0, tzinfo=UTC)
    assert await slurm.ended(job_id) == {}

    await slurm.cancel("student1", job_id)
    assert (await slurm.jobs())[job_id].ended
    over = await slurm.ended(job_id, "12345")
    assert "It was cancelled" in slurm.explain(over[job_id])


async def test_many_callers_share_one_squeue(slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    answers = await asyncio.gather(*(slurm.jobs() for _ in range(500)))

    assert len(fake_slurm.calls("squeue")) == 1
    assert all(answer is answers[0] for answer in answers)
    await slurm.jobs()
    assert len(fake_slurm.calls("squeue")) == 1


async def test_one_caller_that_gives_up_does_not_take_the_poll_from_the_others(
    slurm: Slurm, fake_slurm: FakeSlurm
) -> None:
    fake_slurm.wait("squeue", 0.2)
    first, second = asyncio.create_task(slurm.jobs()), asyncio.create_task(slurm.jobs())
    await asyncio.sleep(0.05)
    first.cancel()

    assert not (await second).stale
    assert first.cancelled() or first.cancelling()
    assert len(fake_slurm.calls("squeue")) == 1


async def test_a_submission_and_a_cancellation_are_seen_at_once(slurm: Slurm, site: Site) -> None:
    await slurm.jobs()

    job_id = await slurm.submit("student1", a_script(site))
    assert job_id in await slurm.jobs()
    await slurm.cancel("student1", job_id)
    assert (await slurm.jobs())[job_id].state == "CANCELLED"


@pytest.mark.parametrize(
    ("state", "comment", "took", "seconds"),
    [
        ("PENDING", "onramp:h:u::n", 0.0, 1.0),
        ("RUNNING", "onramp:h:u::n", 0.0, 15.0),
        ("PENDING", "somebody else's", 0.0, 15.0),
        ("PENDING", "onramp:h:u::n", 2.0, 10.0),
        ("RUNNING", "onramp:h:u::n", 20.0, 30.0),
    ],
)
def test_polls_are_frequent_while_something_of_ours_waits_and_rare_when_slurm_is_slow(
    slurm: Slurm, state: str, comment: str, took: float, seconds: float
) -> None:
    job = JobState(job_id="1", user="u", name="n", comment=comment, state=state)
    slurm._took = took

    assert slurm._fresh(Snapshot({"1": job}, at=0)) == seconds


FAILURES: dict[str, dict[str, Any]] = {
    "controller": {"err": "slurm_load_jobs error: Unable to contact slurm controller (connect failure)", "code": 1},
    "munge": {"err": "squeue: error: Munge encode failed: Failed to access socket", "code": 1},
    "protocol": {"err": "slurm_load_jobs error: Protocol authentication error", "code": 1},
    "silent": {"code": 1},
    "killed": {"code": 137},
    "half a row": {"out": "\x1f"},
    "something else": {"out": "Usage: squeue [OPTIONS]\n"},
    "empty": {"out": ""},
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_no_failure_of_squeue_makes_a_job_disappear(
    slurm: Slurm, fake_slurm: FakeSlurm, site: Site, failure: str
) -> None:
    job_id = await slurm.submit("student1", a_script(site))
    good = await slurm.jobs()
    fake_slurm.answer("squeue", **FAILURES[failure])
    slurm._poll.expire()

    snapshot = await slurm.jobs()
    assert snapshot.stale
    assert snapshot.error
    assert dict(snapshot) == dict(good)
    assert snapshot.at == good.at
    fake_slurm.heal("squeue")
    slurm._poll.expire()
    assert not (await slurm.jobs()).stale
    assert job_id in await slurm.jobs()


async def test_a_slow_squeue_is_a_failure(slurm: Slurm, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slurm_module, "TIMEOUT", 0.05)
    fake_slurm.wait("squeue", 60)

    snapshot = await slurm.jobs()
    assert (snapshot.stale, snapshot.error) == (True, "squeue did not answer within 0 seconds.")


async def test_a_missing_squeue_is_a_failure(slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    (fake_slurm.bin / "squeue").unlink()

    assert "squeue could not be started" in (await slurm.jobs()).error


async def test_before_the_first_good_answer_nothing_is_known(slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    fake_slurm.answer("squeue", **FAILURES["controller"])

    assert (await slurm.jobs()).stale
    assert await slurm.jobs() == {}


async def test_an_empty_answer_is_good_when_accounting_says_that_all_is_over(
    slurm: Slurm, fake_slurm: FakeSlurm, site: Site
) -> None:
    job_id = await slurm.submit("student1", a_script(site))
    fake_slurm.change(job_id, state="COMPLETED")
    fake_slurm.answer("squeue")

    snapshot = await slurm.jobs()
    assert not snapshot.stale
    assert snapshot[job_id].ended


async def test_an_empty_answer_is_good_when_nothing_was_there(slurm: Slurm) -> None:
    assert not (await slurm.jobs()).stale


async def test_hidden_jobs_stay_unknown_while_accounting_is_down(
    slurm: Slurm, fake_slurm: FakeSlurm, site: Site
) -> None:
    job_id = await slurm.submit("student1", a_script(site))
    await slurm.jobs()
    fake_slurm.answer("squeue")
    fake_slurm.answer("sacct", err="sacct: error: slurm_persist_conn_open: No response", code=1)
    slurm._poll.expire()

    snapshot = await slurm.jobs()
    assert snapshot.stale
    assert job_id in snapshot
    with pytest.raises(SchedulerError, match="No response"):
        await slurm.ended(job_id)


async def test_a_job_that_accounting_does_not_know_is_unknown(slurm: Slurm) -> None:
    assert await slurm.ended("12345") == {}


async def test_the_hub_asks_for_all_jobs_and_a_user_only_for_their_own(slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    await slurm.jobs()
    await Slurm(bin=str(fake_slurm.bin)).jobs()

    hub, user = fake_slurm.calls("squeue")
    assert "--me" not in hub["argv"]
    assert "--me" in user["argv"]


async def test_nobody_is_acted_as_for_a_question(slurm: Slurm, fake_slurm: FakeSlurm, launcher: DirectLauncher) -> None:
    fake_slurm.answer("sshare", out="onboarding|||\n")
    await asyncio.gather(slurm.jobs(), slurm.ended("1"), slurm.accounts("student1"), slurm.usage("onboarding"))

    assert launcher.requests == []
    asked = [call for name in ("squeue", "sacct", "sacctmgr", "sshare") for call in fake_slurm.calls(name)]
    assert [call["uid"] for call in asked] == [os.getuid()] * 4


async def test_commands_get_a_clean_environment(
    slurm: Slurm, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONFIGPROXY_AUTH_TOKEN", "secret")
    monkeypatch.setenv("SQUEUE_FORMAT", "%i")
    monkeypatch.setenv("SLURM_CONF", "/somewhere/slurm.conf")
    await slurm.jobs()

    environ = fake_slurm.calls("squeue")[0]["environ"]
    assert environ["SLURM_TIME_FORMAT"] == "%s"
    assert environ["SLURM_CONF"] == "/somewhere/slurm.conf"
    assert not {"CONFIGPROXY_AUTH_TOKEN", "SQUEUE_FORMAT"} & set(environ)


async def test_no_more_than_eight_commands_run_at_once(
    slurm: Slurm, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, most = 0, 0
    real = process.run

    async def counted(*argv: str, **named: Any) -> Any:
        nonlocal running, most
        running += 1
        most = max(most, running)
        try:
            return await real(*argv, **named)
        finally:
            running -= 1

    monkeypatch.setattr(process, "run", counted)
    await asyncio.gather(*(slurm.ended(str(number)) for number in range(20)))
    assert most == 8


# -- who comes first


def in_line(job_id: str, **values: Any) -> JobState:
    """A job that waits for its turn."""
    known = {"user": "u", "name": "n", "comment": "", "state": "PENDING", "reason": "Priority", "partition": "gpu"}
    return JobState(job_id=job_id, **(known | {"priority": 100} | values))


LINE = (
    in_line("7", priority=300, reason="Resources"),
    in_line("8_[1-50%4]", priority=200),
    in_line("9", reason=None),
    in_line("12", partition="cpu,gpu"),
    in_line("1", priority=900, partition="cpu"),
    in_line("2", priority=900, reason="Dependency"),
    in_line("3", priority=900, reason="QOSMaxJobsPerUserLimit"),
    in_line("4", priority=0, reason="JobHeldUser"),
    in_line("5", priority=900, state="RUNNING", reason=None),
    in_line("6", priority=None),
)


@pytest.mark.parametrize(
    ("job", "ahead"),
    [
        (in_line("10"), 3),
        (in_line("20"), 4),
        (in_line("10", priority=999), 0),
        (in_line("10", priority=250, reason="Resources"), 1),
        (in_line("10", partition="cpu"), 1),
        (in_line("10", partition="empty"), 0),
        (in_line("10", reason="JobHeldUser", priority=0), None),
        (in_line("10", reason="AssocGrpGRESMinutes"), None),
        (in_line("10", priority=None), None),
        (in_line("10", partition=None), None),
        (in_line("10", state="RUNNING"), None),
    ],
)
def test_how_many_are_ahead(job: JobState, ahead: int | None) -> None:
    jobs = {one.job_id: one for one in (*LINE, job)}

    assert Snapshot(jobs, at=0, whole=True).ahead(job) == ahead
    assert Snapshot(jobs, at=0).ahead(job) is None
    assert Snapshot(jobs, at=0, whole=True, stale=True).ahead(job) is None


CONFIG = "OverTimeLimit           = 0 min\nPrivateData             = {}\nProctrackType           = (null)\n"


@pytest.mark.parametrize(
    ("answer", "ahead"),
    [
        ({"out": CONFIG.format("none")}, 1),
        ({"out": CONFIG.format("accounts,usage")}, 1),
        ({"out": CONFIG.format("accounts,jobs,usage")}, None),
        ({"out": CONFIG.format("jobs")}, None),
        ({"out": ""}, None),
        ({"err": "slurm_load_ctl_conf error: Unable to contact slurm controller", "code": 1}, None),
    ],
)
async def test_where_jobs_are_hidden_nobody_has_a_place(
    slurm: Slurm, fake_slurm: FakeSlurm, site: Site, answer: dict[str, Any], ahead: int | None
) -> None:
    fake_slurm.answer("scontrol", **answer)
    mine = [await slurm.submit("student1", a_script(site)) for _ in range(2)][1]
    for _ in range(3):
        slurm._poll.expire()
        snapshot = await slurm.jobs()

    assert snapshot.ahead(snapshot[mine]) == ahead
    assert (len(fake_slurm.calls("squeue")), len(fake_slurm.calls("scontrol"))) == (3, 1)


async def test_whose_jobs_are_hidden_is_not_asked_while_nothing_waits(slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    await slurm.jobs()

    assert not fake_slurm.calls("scontrol")


async def test_a_person_who_asks_for_their_own_jobs_learns_no_place(fake_slurm: FakeSlurm, site: Site) -> None:
    own = Slurm(bin=str(fake_slurm.bin))
    job_id = await Slurm(DirectLauncher(fake_slurm), bin=str(fake_slurm.bin)).submit("student1", a_script(site))

    snapshot = await own.jobs()
    assert snapshot.ahead(snapshot[job_id]) is None


# -- submit


async def test_sbatch_gets_the_script_on_stdin_and_nothing_else(
    slurm: Slurm, fake_slurm: FakeSlurm, site: Site
) -> None:
    script = a_script(site)
    await slurm.submit("student1", script)

    (call,) = fake_slurm.calls("sbatch")
    assert call["argv"] == ["--parsable"]
    assert call["stdin"] == script.text


# What passes the gate often enough to be interesting, and what never should.
words = st.from_regex(r"\A[a-z0-9]{1,5}\Z") | st.sampled_from(HOSTILE) | st.text(st.characters(), max_size=20)
asked = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(READERS, words)
    | {key: st.integers(1, 4) | words for key in ("gpus", "time", "nodes", "cpus_per_task")}
    | {"account": words, "reservation": words, "environment": st.just("onramp") | words, "safe_start": st.booleans()},
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(asked)
@example({"account": "onboarding", "reservation": "week-1", "gpus": "2", "time": 30, "safe_start": True})
def test_whatever_is_asked_the_argument_list_stays_the_same(fake_slurm: FakeSlurm, options: dict[str, object]) -> None:
    site = load_site("local")
    try:
        script = a_script(site, options)
    except RequestError:
        return
    asyncio.run(Slurm(DirectLauncher(fake_slurm), bin=str(fake_slurm.bin)).submit("student1", script))

    call = fake_slurm.calls("sbatch")[-1]
    assert call["argv"] == ["--parsable"]
    assert call["stdin"] == script.text


async def test_a_refusal_reaches_the_caller_in_slurms_words(slurm: Slurm, fake_slurm: FakeSlurm, site: Site) -> None:
    words = "sbatch: error: Batch job submission failed: Invalid account or account/partition combination specified"
    fake_slurm.answer("sbatch", err=words, code=1)

    with pytest.raises(SchedulerError) as raised:
        await slurm.submit("student1", a_script(site))
    assert str(raised.value) == words


async def test_a_script_for_pbs_is_refused_before_anything_is_called(
    slurm: Slurm, fake_slurm: FakeSlurm, site: Site
) -> None:
    script = a_script(site).model_copy(update={"scheduler": "pbs"})

    for ask in (slurm.submit, slurm.test):
        with pytest.raises(SchedulerError, match="but cannot submit them yet: what is missing"):
            await ask("student1", script)
    assert not fake_slurm.calls("sbatch")


async def test_a_caller_that_is_gone_before_the_id_is_known_leaves_no_job(
    slurm: Slurm, fake_slurm: FakeSlurm, site: Site
) -> None:
    fake_slurm.wait("sbatch", 0.2)
    task = asyncio.create_task(slurm.submit("student1", a_script(site)))
    await called(fake_slurm, "sbatch")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await called(fake_slurm, "scancel")
    await asyncio.gather(*slurm._cancelling)

    assert fake_slurm.job("1")["state"] == "CANCELLED"


async def test_secrets_go_to_the_launcher_only_and_are_taken_back_when_the_job_is_cancelled_unread(
    slurm: Slurm, launcher: DirectLauncher, site: Site, fake_slurm: FakeSlurm
) -> None:
    secrets = Secrets(runtime="/run/x", nonce=NONCE, values={"TOKEN": "s3cret"})
    job_id = await slurm.submit("student1", a_script(site), secrets)
    await slurm.cancel("student1", job_id)

    assert launcher.requests[0]["secrets"] == {"TOKEN": "s3cret"}
    assert launcher.requests[1] == {
        "user": "student1",
        "action": "cancel",
        "job_id": job_id,
        "runtime": "/run/x",
        "nonce": NONCE,
    }
    assert "s3cret" not in json.dumps([fake_slurm.calls(name) for name in ("sbatch", "squeue", "scancel")])
    assert "s3cret" not in repr(secrets) + str(secrets) + repr(vars(slurm))


def test_a_mistake_in_secrets_is_told_without_them() -> None:
    with pytest.raises(ValueError, match="values") as raised:
        Secrets.model_validate({"runtime": "/run/x", "nonce": NONCE, "values": {"TOKEN": ["s3cret"]}})
    assert "s3cret" not in str(raised.value)


async def test_a_users_own_client_submits_for_nobody_else(fake_slurm: FakeSlurm, site: Site) -> None:
    with pytest.raises(SchedulerError, match=f"This process is {getpass.getuser()}; it does nothing for student1"):
        await Slurm(SelfLauncher(str(fake_slurm.bin))).submit("student1", a_script(site))
    assert not fake_slurm.calls("sbatch")


async def test_when_it_would_start(slurm: Slurm, fake_slurm: FakeSlurm, site: Site) -> None:
    start = await slurm.test("student1", a_script(site))

    assert start == datetime(2026, 11, 20, 12).astimezone(UTC)
    fake_slurm.answer("sbatch", err="allocation failure: Requested node configuration is not available", code=1)
    assert await slurm.test("student1", a_script(site)) is None


# -- accounts and usage


async def test_the_default_account_comes_first(slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    fake_slurm.answer("sacctmgr", out="aaa|onboarding\nonboarding|onboarding\naaa|onboarding\nzzz|onboarding\n")

    assert await slurm.accounts("student1") == ("onboarding", "aaa", "zzz")
    assert "name=student1" in fake_slurm.calls("sacctmgr")[0]["argv"]


async def test_a_user_without_accounts(slurm: Slurm) -> None:
    assert await slurm.accounts("nobody") == ()


@pytest.mark.parametrize(
    ("row", "usage", "left"),
    [
        ("onboarding||gres/gpu=6000|cpu=99,gres/gpu=60", Usage(limits={GPU: 6000}, used={"cpu": 99, GPU: 60}), 5940),
        ("onboarding||cpu=5,gres/gpu=10,mem=7M|gres/gpu=60", Usage(limits={"cpu": 5, GPU: 10}, used={GPU: 60}), 0),
        (" onboarding|||cpu=99,gres/gpu=60", Usage(used={"cpu": 99, GPU: 60}), None),
        ("onboarding||gres/gpu=0|cpu=0", Usage(limits={GPU: 0}, used={"cpu": 0}), 0),
        ("onboarding||gres/gpu:h100=5|", Usage(limits={"gres/gpu:h100": 5}), None),
        ("onboarding||billing=5,node=2|billing=x,node=-1", Usage(limits={"billing": 5, "node": 2}), None),
    ],
)
async def test_minutes_of_an_account(
    slurm: Slurm, fake_slurm: FakeSlurm, row: str, usage: Usage, left: int | None
) -> None:
    fake_slurm.answer("sshare", out=f"other||gres/gpu=1|\nonboarding|student1||gres/gpu=7\n{row}\n")

    found = await slurm.usage("onboarding")
    assert found == usage
    assert found.gpu_minutes_left == left


@pytest.mark.parametrize("answer", [{"out": ""}, {"code": 1, "err": "sshare: error: no"}])
async def test_unknown_usage_is_an_error_and_not_zero(
    slurm: Slurm, fake_slurm: FakeSlurm, answer: dict[str, Any]
) -> None:
    fake_slurm.answer("sshare", **answer)

    with pytest.raises(SchedulerError):
        await slurm.usage("onboarding")


async def test_what_an_account_used_on_each_day(
    slurm: Slurm, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows as sacct prints them, with its times as we ask for them: over midnight, running, never started."""
    monkeypatch.setenv("TZ", "Europe/Vienna")
    time.tzset()
    rows = [
        ("2026-11-18T23:30:00", "2026-11-19T01:00:00", "billing=4,cpu=4,gres/gpu=2,mem=8G,node=1"),
        ("2026-11-19T10:00:00", "2026-11-19T10:30:00", "cpu=2,mem=4G,node=1"),
        ("Unknown", "Unknown", ""),
    ]
    # The token is drawn anew for each question, so the answer is read as the pure part reads it.
    text = "".join("".join(field + TOKEN for field in row) + "\n" for row in rows)

    days = slurm_text.read_daily_use(text, TOKEN)
    assert days == {
        date(2026, 11, 18): {"billing": 120, "cpu": 120, GPU: 60, "node": 30},
        date(2026, 11, 19): {"billing": 240, "cpu": 300, GPU: 120, "node": 90},
    }
    assert await slurm.daily_use("onboarding", 14) == {}
    asked = fake_slurm.calls("sacct")[0]["argv"]
    assert {"--allusers", "--truncate", "--accounts=onboarding", "--starttime=now-14days"} <= set(asked)
    monkeypatch.undo()
    time.tzset()


async def test_how_long_jobs_ran(slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    rows = [
        ["gpu", "1000000060", "1000000660", "120"],
        ["cpu", "2026-11-20T12:00:00", "2026-11-20T12:00:30", "5"],
        ["gpu", "None", "1000000660", "120"],
        ["gpu", "1000000060", "Unknown", "120"],
        ["gpu", "1000000060", "1000000660", "UNLIMITED"],
        ["gpu", "1000000060", "1000000060", "Partition_Limit"],
        ["gpu", "1000000660", "1000000060", "120"],
    ]
    fake_slurm.past(rows)

    assert await slurm.past(["cpu", "gpu"], 12) == (
        PastJob(partition="cpu", ran=30, limit=300),
        PastJob(partition="gpu", ran=600, limit=7200),
    )
    asked = fake_slurm.calls("sacct")[0]["argv"]
    assert {"--allusers", "--allocations", "--partition=cpu,gpu", "--starttime=now-12hours"} <= set(asked)


# -- reading what Slurm prints


def test_nobody_can_forge_a_row() -> None:
    forged = squeue_row("1", state="COMPLETED").replace(TOKEN, "\x1fguessed\x1f")
    text = squeue_row("1") + squeue_row("2", name=f"x\n{forged}", comment=f"{forged}|\x1f\n") + squeue_row("3")

    jobs = {job.job_id: job for job in slurm_text.read_squeue(text, TOKEN).values()}
    assert list(jobs) == ["1", "2", "3"]
    assert jobs["1"].state == "RUNNING"
    assert jobs["2"].comment == f"{forged}|\x1f\n"


@given(st.lists(st.tuples(st.text(), st.text()), max_size=5), st.integers(1, 400))
def test_any_name_and_comment_is_read_back_and_a_cut_answer_is_refused(texts: list[tuple[str, str]], cut: int) -> None:
    text = "".join(squeue_row(str(n), name=name, comment=comment) for n, (name, comment) in enumerate(texts))
    jobs = slurm_text.read_squeue(text, TOKEN)
    assert [job.name for job in jobs.values()] == [name for name, _ in texts]

    shorter = text[:-cut] if cut < len(text) else "x"
    if shorter.count(TOKEN) % len(slurm_text.SQUEUE_FIELDS) or not shorter.endswith((TOKEN, TOKEN + "\n")):
        with pytest.raises(SchedulerError):
            slurm_text.read_squeue(shorter, TOKEN)


def test_what_squeue_printed_before_is_not_read_again() -> None:
    before = slurm_text.read_squeue(squeue_row("1") + squeue_row("2"), TOKEN)
    after = slurm_text.read_squeue(squeue_row("1") + squeue_row("2", state="COMPLETED"), TOKEN, before)
    assert next(iter(after.values())) is next(iter(before.values()))
    assert [job.state for job in after.values()] == ["RUNNING", "COMPLETED"]


@pytest.mark.parametrize(
    ("text", "year"),
    [("1763640000", 2025), ("2026-11-20T12:00:00", 2026), ("N/A", None), ("Unknown", None), ("0", None), ("", None)],
)
def test_times(text: str, year: int | None) -> None:
    time = slurm_text.read_time(text)

    assert (time.year if time else None) == year


@pytest.mark.parametrize(
    ("nodes", "first"),
    [
        ("gpu1", "gpu1"),
        ("gpu[1-2],cpu1", "gpu1"),
        ("lrdn[0012-0015]", "lrdn0012"),
        ("nid001,nid002", "nid001"),
        ("None assigned", None),
        ("", None),
    ],
)
def test_the_first_node_in_accounting(nodes: str, first: str | None) -> None:
    fields = ("1", "alice", "COMPLETED", "None", "a", "p", nodes, "1", "1", "0:0", "1", "", "n", "c")
    text = "".join(field + TOKEN for field in fields) + "\n"

    assert slurm_text.read_sacct(text, TOKEN)["1"].node == first


async def test_what_a_job_used_is_read_from_it_and_its_steps(fake_slurm: FakeSlurm) -> None:
    fake_slurm.answer("sacct", out="")
    assert await Slurm(bin=str(fake_slurm.bin)).spent("1") == Spent()
    rows = [("1-00:00:01.500", ""), ("00:00.5", "1.50G"), ("23:00:00", "70K"), ("INVALID", "n/a")]
    told = slurm_text.read_spent("\n".join("".join(f"{field}|" for field in row) for row in rows), "|")
    assert told == Spent(cpu_seconds=86401.5, memory_bytes=3 * 1024**3 // 2)
