"""The job of a kernel as its server follows it: the words for each thing that may become of it."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from spawners import kernel_job
from spawners.kernel_job import KernelJob
from spawners.kernel_plan import KernelError, plan_kernel
from spawners.site import Site
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_kernel import ME, OwnLauncher, here


class Heard:
    """Keeps what is heard of a job."""

    def __init__(self) -> None:
        self.all: list[tuple[str, str]] = []

    def waits(self, why: str) -> None:
        self.all.append(("waits", why))

    def started(self, connection: Mapping[str, Any]) -> None:
        self.all.append(("started", str(connection)))

    def exited(self, code: int) -> None:
        self.all.append(("exited", str(code)))

    def looked(self, busy: Sequence[str]) -> None:
        self.all.append(("looked", str(busy)))

    def ends(self, when: datetime) -> None:
        self.all.append(("ends", str(when)))

    def lost(self) -> None:
        self.all.append(("lost", ""))

    def gone(self, why: str) -> None:
        self.all.append(("gone", why))

    async def until(self, kind: str, words: str = "") -> str:
        """Wait until something of this kind is heard; its words."""
        while True:
            for found, said in self.all:
                if found == kind and words in said:
                    return said
            await asyncio.sleep(0.01)


@pytest.fixture
def heard() -> Heard:
    """What was heard."""
    return Heard()


@pytest.fixture
async def job(
    heard: Heard, fake_slurm: FakeSlurm, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[KernelJob]:
    """A job that waits in the queue."""
    monkeypatch.setenv("SLURMD_NODENAME", "localhost")
    monkeypatch.setattr(kernel_job, "FIRST", 0.05)
    monkeypatch.setattr(kernel_job, "LONGEST", 0.1)
    plan = plan_kernel("gpu-1", ME, {"ONRAMP_SITE": str(here(site, tmp_path))})
    one = KernelJob(plan, Slurm(OwnLauncher(fake_slurm), bin=str(fake_slurm.bin)), heard)
    await one.submit(None, "/", {})
    yield one
    await one.end()


async def test_why_it_waits_is_said_in_slurms_place(job: KernelJob, heard: Heard, fake_slurm: FakeSlurm) -> None:
    await heard.until("waits", "Job 1 waits in the queue. Other jobs are ahead in the queue.")
    fake_slurm.change("1", reason="AssocGrpGRESMinutes")
    await heard.until("waits", "GPU minutes")
    fake_slurm.change("1", state="RUNNING", node="gpu2")
    await heard.until("waits", "Job 1 has a node, gpu2, and starts the kernel.")
    assert not job.runs


async def test_a_slurm_that_is_away_costs_nothing(job: KernelJob, heard: Heard, fake_slurm: FakeSlurm) -> None:
    await heard.until("waits", "Job 1 waits in the queue.")
    heard.all.clear()
    fake_slurm.answer("squeue", err="slurm_load_jobs error: Unable to contact slurm controller", code=1)
    await heard.until("waits", "Slurm does not answer just now. The job keeps its place in the queue.")
    fake_slurm.heal("squeue")
    await heard.until("waits", "Job 1 waits in the queue.")


async def test_one_that_is_cancelled_while_it_waits(job: KernelJob, heard: Heard, fake_slurm: FakeSlurm) -> None:
    fake_slurm.change("1", state="CANCELLED")
    said = await heard.until("gone")
    assert said.startswith("Job 1, in which this kernel was to run, is over. It was cancelled.")
    assert heard.all.index(("lost", "")) < heard.all.index(("gone", said))


async def test_one_that_slurm_forgot_is_asked_of_accounting(
    job: KernelJob, heard: Heard, fake_slurm: FakeSlurm
) -> None:
    fake_slurm.change("1", state="NODE_FAIL", hidden="yes")
    assert "Its node failed" in await heard.until("gone")


async def test_one_that_runs_and_never_calls_is_ended(
    job: KernelJob, heard: Heard, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its node does not reach the server's."""
    monkeypatch.setattr(kernel_job, "CALLS_WITHIN", 0.0)
    fake_slurm.change("1", state="RUNNING", node="gpu2")
    assert "need a way to the ports of this one" in await heard.until("gone")
    assert fake_slurm.job("1")["state"] == "CANCELLED"


async def test_while_it_waits_no_patience_is_lost(
    job: KernelJob, heard: Heard, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kernel_job, "CALLS_WITHIN", 0.0)
    for reason in ("Resources", "Priority", "Resources"):
        fake_slurm.change("1", reason=reason)
        heard.all.clear()
        await heard.until("waits", "Job 1")
    assert fake_slurm.job("1")["state"] == "PENDING"


async def test_ending_it_leaves_neither_job_nor_letter(job: KernelJob, fake_slurm: FakeSlurm, tmp_path: Path) -> None:
    assert len(list((tmp_path / "spool").glob("*.json"))) == 1
    await job.end()
    assert fake_slurm.job("1")["state"] == "CANCELLED"
    assert list((tmp_path / "spool").glob("*.json")) == []


@pytest.mark.parametrize(
    ("err", "words"),
    [
        ("sbatch: error: Unable to contact slurm controller (connect failure)", "Try again in a few minutes"),
        ("sbatch: error: QOSMaxSubmitJobPerUserLimit", "QOSMaxSubmitJobPerUserLimit"),
    ],
)
async def test_what_slurm_says_when_it_takes_none(
    job: KernelJob, heard: Heard, fake_slurm: FakeSlurm, err: str, words: str
) -> None:
    fake_slurm.answer("sbatch", err=err, code=1)
    with pytest.raises(KernelError, match=words):
        await KernelJob(replace(job._plan, nonce="0" * 16), job._scheduler, heard).submit(None, "/", {})
