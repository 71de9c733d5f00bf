"""One server's job, seen through the poll that all share: alive until Slurm itself says that it ended."""

import getpass

import pytest

from spawners import slurm as slurm_module
from spawners.server_watch import JobWatch
from spawners.site import Site
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.spawners.test_slurm import NONCE, DirectLauncher, a_script

POLLS = 5  # more than it takes to believe that a job is gone


@pytest.fixture
def slurm(fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """The hub's client, with a fake Slurm that needs no rest and is asked anew by every look."""
    monkeypatch.setattr(slurm_module, "FRESH_WAITING", 0.0)
    monkeypatch.setattr(slurm_module, "FRESH_RUNNING", 0.0)
    monkeypatch.setattr(slurm_module, "REST", 0.0)
    return Slurm(DirectLauncher(fake_slurm), bin=str(fake_slurm.bin))


async def two(slurm: Slurm, fake: FakeSlurm, site: Site) -> list[str]:
    """Two jobs that run, both shown once."""
    ids = [await slurm.submit("student1", a_script(site)) for _ in range(2)]
    for job_id in ids:
        fake.change(job_id, state="RUNNING", node="gpu1", start="1763640000")
    return ids


async def looks(watch: JobWatch) -> JobWatch:
    """The watch after some polls."""
    for _ in range(POLLS):
        await watch.look()
    return watch


async def test_a_job_that_is_hidden_among_others_lives(slurm: Slurm, fake_slurm: FakeSlurm, site: Site) -> None:
    hidden, shown = await two(slurm, fake_slurm, site)
    watch, other = (JobWatch(slurm, job_id, nonce=NONCE) for job_id in (hidden, shown))
    await looks(watch)
    fake_slurm.hide(hidden)

    await looks(watch)
    await looks(other)
    assert (watch.gone, other.gone) == (False, False)
    assert watch.job is not None
    assert (watch.job.running, watch.job.node) == (True, "gpu1")


async def test_a_hidden_job_that_nobody_expects_lives_as_well(slurm: Slurm, fake_slurm: FakeSlurm, site: Site) -> None:
    """As after a restart of the hub, with a client that has seen nothing yet."""
    hidden, _ = await two(slurm, fake_slurm, site)
    fake_slurm.hide(hidden)
    watch = await looks(JobWatch(Slurm(DirectLauncher(fake_slurm), bin=str(fake_slurm.bin)), hidden, nonce=NONCE))

    assert not watch.gone
    assert watch.job is not None
    assert watch.job.user == getpass.getuser()


async def test_all_hidden_jobs_are_one_question_to_accounting(slurm: Slurm, fake_slurm: FakeSlurm, site: Site) -> None:
    ids = [await slurm.submit("student1", a_script(site)) for _ in range(6)]
    watches = [JobWatch(slurm, job_id, nonce=NONCE) for job_id in ids]
    for watch in watches:
        await watch.look()
    for job_id in ids[1:]:
        fake_slurm.hide(job_id)
    before = [len(fake_slurm.calls(name)) for name in ("squeue", "sacct")]
    for watch in watches:
        await watch.look()

    polls, questions = (
        len(fake_slurm.calls(name)) - old for name, old in zip(("squeue", "sacct"), before, strict=True)
    )
    assert questions <= polls
    assert [watch.gone for watch in watches] == [False] * 6


async def test_a_hidden_job_that_ends_is_over(slurm: Slurm, fake_slurm: FakeSlurm, site: Site) -> None:
    hidden, _ = await two(slurm, fake_slurm, site)
    fake_slurm.hide(hidden)
    watch = await looks(JobWatch(slurm, hidden, nonce=NONCE))
    fake_slurm.change(hidden, state="TIMEOUT")

    assert (await looks(watch)).ending().cause == "time"


async def test_a_begin_that_accounting_has_not_heard_of_is_no_requeue(
    slurm: Slurm, fake_slurm: FakeSlurm, site: Site
) -> None:
    hidden, _ = await two(slurm, fake_slurm, site)
    watch = await looks(JobWatch(slurm, hidden, nonce=NONCE))
    fake_slurm.hide(hidden)
    fake_slurm.change(hidden, ended_as="PENDING")

    assert not (await looks(watch)).gone


async def test_a_hidden_job_stays_while_accounting_is_away(slurm: Slurm, fake_slurm: FakeSlurm, site: Site) -> None:
    hidden, shown = await two(slurm, fake_slurm, site)
    watch, other = (JobWatch(slurm, job_id, nonce=NONCE) for job_id in (hidden, shown))
    await looks(watch)
    fake_slurm.hide(hidden)
    fake_slurm.answer("sacct", err="sacct: error: slurm_persist_conn_open: No response", code=1)
    fake_slurm.change(shown, state="SUSPENDED")

    assert not (await looks(watch)).gone
    # And costs nobody else the news of theirs.
    await other.look()
    assert other.job is not None
    assert (other.job.state, other.unanswered) == ("SUSPENDED", False)


async def test_a_job_that_neither_knows_is_gone(slurm: Slurm, fake_slurm: FakeSlurm, site: Site) -> None:
    forgotten, _ = await two(slurm, fake_slurm, site)
    watch = await looks(JobWatch(slurm, forgotten, nonce=NONCE))
    fake_slurm.purge(forgotten)

    assert (await looks(watch)).gone
