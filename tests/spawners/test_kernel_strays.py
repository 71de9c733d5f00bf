"""Which waiting kernels nobody wants any more."""

import json

import pytest

from spawners.kernel_strays import end_strays
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.spawners.test_slurm import launcher, slurm

__all__ = ["launcher", "slurm"]
COMMENT = "onramp:kernel:alice:1:0123456789abcdef"


def put(fake: FakeSlurm, job_id: str, *, user: str = "alice", state: str = "PENDING", comment: str = COMMENT) -> None:
    """A job as squeue shows it."""
    job = {"job_id": job_id, "user": user, "comment": comment, "state": state, "node": "n/a"}
    (fake.state / "jobs" / job_id).write_text(json.dumps(job))


@pytest.mark.parametrize("server", [None, "CANCELLED", "FAILED"])
async def test_one_that_waits_for_a_server_that_is_over(
    slurm: Slurm, fake_slurm: FakeSlurm, server: str | None
) -> None:
    if server:
        put(fake_slurm, "1", state=server, comment="onramp:north:alice::feed")
    put(fake_slurm, "2")
    assert await end_strays(slurm, "alice") == ["Job 2 waited for a kernel of a server that is gone: it is cancelled."]
    assert fake_slurm.job("2")["state"] == "CANCELLED"


@pytest.mark.parametrize(
    "kept",
    [
        {"state": "RUNNING"},
        {"user": "bob"},
        {"comment": "onramp:kernel:alice:none:0123456789abcdef"},
        {"comment": "onramp:cluster:alice:1:0123456789abcdef"},
        {"comment": "onramp:kernel:alicia:1:0123456789abcdef"},
        {"comment": ""},
    ],
)
async def test_every_other_job_is_left_alone(slurm: Slurm, fake_slurm: FakeSlurm, kept: dict[str, str]) -> None:
    put(fake_slurm, "2", **kept)
    assert await end_strays(slurm, "alice") == []


async def test_a_server_that_lives_keeps_its_kernels(slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    put(fake_slurm, "1", state="RUNNING", comment="onramp:north:alice::feed")
    put(fake_slurm, "2")
    assert await end_strays(slurm, "alice") == []


async def test_nothing_is_known_while_slurm_is_away(slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    put(fake_slurm, "2")
    await slurm.jobs()
    fake_slurm.answer("squeue", err="slurm_load_jobs error: Unable to contact slurm controller", code=1)
    slurm.expect("2")
    assert await end_strays(slurm, "alice") == []


async def test_what_slurm_does_not_cancel_is_said(slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    put(fake_slurm, "2")
    fake_slurm.answer("scancel", err="scancel: error: Unable to contact slurm controller", code=1)
    (said,) = await end_strays(slurm, "alice")
    assert said.endswith("it is not cancelled yet: scancel: error: Unable to contact slurm controller")
