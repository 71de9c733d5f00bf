"""Which jobs the ledger makes a stray, and which it does not."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from spawners.accounts import Accounts
from spawners.door import Door
from spawners.ending import Ending
from spawners.ledger import Ledger
from spawners.scheduler import JobState
from spawners.site import Site
from spawners.slurm import Slurm
from spawners.strays import end_strays, live_servers
from tests.fake_slurm import FakeSlurm
from tests.spawners.test_slurm import launcher, slurm

__all__ = ["launcher", "slurm"]
NONCE = "0123456789abcdef"
STOPPED = Ending(cause="stopped", sentence="It was stopped.")


@pytest.fixture
def door(site: Site, slurm: Slurm, tmp_path: Path) -> Iterator[Door]:
    """A hub called north."""
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite", "north")
    yield Door(hub="north", site=site, scheduler=slurm, accounts=Accounts.identity(), ledger=ledger)
    ledger.close()


def a_job(fake: FakeSlurm, *, user: str = "a08abc00", comment: str = f"onramp:north:alice::{NONCE}") -> None:
    """Put job 1 into the queue."""
    fake.put("1", user=user, comment=comment)


def noted(door: Door, *, over: bool = True) -> None:
    """A start of alice's."""
    door.ledger.ask(nonce=NONCE, user="alice", server="", account="a08abc00", options={})
    if over:
        door.ledger.end("alice", "", STOPPED)


async def test_a_job_whose_start_is_over_is_cancelled(door: Door, fake_slurm: FakeSlurm) -> None:
    a_job(fake_slurm)
    noted(door)
    assert await end_strays(door) == ["Job 1 outlived the start of alice's server '': it is cancelled."]
    assert fake_slurm.job("1")["state"] == "CANCELLED"
    assert await end_strays(door) == []


async def test_what_cannot_be_cancelled_is_tried_again(door: Door, fake_slurm: FakeSlurm) -> None:
    a_job(fake_slurm)
    noted(door)
    fake_slurm.answer("scancel", err="scancel: error: Unable to contact slurm controller", code=1)
    (sentence,) = await end_strays(door)
    assert sentence.endswith("not cancelled yet: scancel: error: Unable to contact slurm controller")
    fake_slurm.heal("scancel")
    assert len(await end_strays(door)) == 1
    assert fake_slurm.job("1")["state"] == "CANCELLED"


async def test_a_start_that_is_not_over_keeps_its_job(door: Door, fake_slurm: FakeSlurm) -> None:
    a_job(fake_slurm)
    noted(door, over=False)
    assert await end_strays(door) == []


async def test_somebody_elses_job_with_our_comment_is_not_ours(door: Door, fake_slurm: FakeSlurm) -> None:
    a_job(fake_slurm, user="mallory")
    noted(door)
    assert await end_strays(door) == []
    assert fake_slurm.job("1")["state"] == "PENDING"


@pytest.mark.parametrize(
    "comment", ["", "onramp:north:alice::feed", "onramp:south:alice::" + NONCE, "onramp:northern:a::" + NONCE, NONCE]
)
async def test_a_job_that_the_ledger_never_knew_is_not_ours(door: Door, fake_slurm: FakeSlurm, comment: str) -> None:
    a_job(fake_slurm, comment=comment)
    noted(door)
    assert await end_strays(door) == []


@pytest.mark.parametrize(
    ("state", "live"),
    [("PENDING", True), ("RUNNING", True), ("SUSPENDED", True), ("COMPLETING", False), ("CANCELLED", False)],
)
def test_a_job_on_its_way_out_is_left_to_slurm(state: str, live: bool) -> None:
    job = JobState(job_id="1", user="a", name="onramp-server", comment=f"onramp:north:alice:x:{NONCE}", state=state)
    assert (list(live_servers({"1": job}, "north")) == [NONCE]) is live
