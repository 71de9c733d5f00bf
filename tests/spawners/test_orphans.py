"""Which waiting kernels and Dask workers nobody wants any more."""

import pytest

from spawners.orphans import end_orphans
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.spawners.test_slurm import launcher, slurm

__all__ = ["launcher", "slurm"]
WAITS = {"user": "alice", "comment": "onramp:kernel:alice:1:0123456789abcdef"}
SERVER = {"user": "alice", "comment": "onramp:north:alice::feed"}


@pytest.mark.parametrize("server", [None, "CANCELLED", "FAILED"])
@pytest.mark.parametrize(("kind", "what"), [("kernel", "a kernel"), ("cluster", "a Dask cluster")])
async def test_one_that_waits_for_a_server_that_is_over(
    slurm: Slurm, fake_slurm: FakeSlurm, server: str | None, kind: str, what: str
) -> None:
    if server:
        fake_slurm.put("1", **SERVER, state=server)
    fake_slurm.put("2", user="alice", comment=f"onramp:{kind}:alice:1:0123456789abcdef")
    assert await end_orphans(slurm, "alice") == [f"Job 2 waited for {what} of a server that is gone: it is cancelled."]
    assert fake_slurm.job("2")["state"] == "CANCELLED"


@pytest.mark.parametrize(
    "kept",
    [
        {"state": "RUNNING"},
        {"user": "bob"},
        {"comment": "onramp:kernel:alice:none:0123456789abcdef"},
        {"comment": "onramp:run:alice:1:0123456789abcdef"},
        {"comment": "onramp:kernel:alicia:1:0123456789abcdef"},
        {"comment": "onramp:cluster"},
        {"comment": ""},
    ],
)
@pytest.mark.parametrize("server", [None, "1"])
async def test_every_other_job_is_left_alone(
    slurm: Slurm, fake_slurm: FakeSlurm, kept: dict[str, str], server: str | None
) -> None:
    fake_slurm.put("2", **WAITS | kept)
    assert await end_orphans(slurm, "alice", server) == []


async def test_a_server_that_lives_keeps_its_kernels(slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    fake_slurm.put("1", **SERVER, state="RUNNING")
    fake_slurm.put("2", **WAITS)
    assert await end_orphans(slurm, "alice") == []


async def test_whoever_names_a_server_ends_nothing_of_another(slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    """A hub may not be shown every server: it knows of one that it is over."""
    fake_slurm.put("2", **WAITS)
    assert await end_orphans(slurm, "alice", "7") == []
    assert len(await end_orphans(slurm, "alice", "1")) == 1


async def test_nothing_is_known_while_slurm_is_away(slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    fake_slurm.put("2", **WAITS)
    await slurm.jobs()
    fake_slurm.answer("squeue", err="slurm_load_jobs error: Unable to contact slurm controller", code=1)
    slurm.expect("2")
    assert await end_orphans(slurm, "alice") == []


async def test_what_slurm_does_not_cancel_is_said(slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    fake_slurm.put("2", **WAITS)
    fake_slurm.answer("scancel", err="scancel: error: Unable to contact slurm controller", code=1)
    (said,) = await end_orphans(slurm, "alice")
    assert said.endswith("it is not cancelled yet: scancel: error: Unable to contact slurm controller")
