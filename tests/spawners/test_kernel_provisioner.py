"""A kernel in a job of its own: real ones, spoken to as Jupyter does; Slurm is played by small programs."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.manager import AsyncKernelManager
from tornado.web import HTTPError

from spawners.kernel_provisioner import KernelProvisioner
from spawners.site import Site
from spawners.site_parts import IdleRule
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_kernel import Cell, Jobs, client, here, manager

WHERE = "import os; print(os.environ['SLURM_JOB_ID'], os.environ['CUDA_VISIBLE_DEVICES'], os.getpid())"


@pytest.fixture(autouse=True)
def server(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """This process is a Jupyter in a job of its own, on this machine."""
    for name in [name for name in os.environ if name.startswith(("SLURM", "JPY", "JUPYTER"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "jupyter"))
    monkeypatch.setenv("ONRAMP_SITE", str(here(site, tmp_path)))
    monkeypatch.setenv("SLURM_JOB_ID", "99")
    monkeypatch.setenv("SLURM_JOB_ACCOUNT", "onboarding")
    monkeypatch.setenv("SLURMD_NODENAME", "localhost")
    monkeypatch.setenv("JUPYTERHUB_API_TOKEN", "the-servers-own-secret")


@pytest.fixture
def jobs(fake_slurm: FakeSlurm) -> Iterator[Jobs]:
    """The jobs of this test."""
    one = Jobs(fake_slurm)
    yield one
    one.kill()


@pytest.fixture
async def kernel(fake_slurm: FakeSlurm, jobs: Jobs) -> AsyncIterator[AsyncKernelManager]:
    """A kernel whose job waits in the queue."""
    one = manager(fake_slurm)
    await one.start_kernel()
    yield one
    await one.shutdown_kernel(now=True)


async def test_it_answers_at_once_and_says_what_it_waits_for(kernel: AsyncKernelManager, jobs: Jobs) -> None:
    async with client(kernel) as one:
        cell = Cell(one, WHERE)
        assert "Job 1 waits in the queue. Other jobs are ahead" in await cell.shows("display_data")
        jobs.fake.change("1", reason="Resources")
        assert "enough of the partition is free" in await cell.shows("update_display_data")
        jobs.run()
        await cell.shows("clear_output")
        assert (await cell.shows("stream")).split()[:2] == ["1", "0"]
        assert (await cell.reply())["status"] == "ok"


async def test_a_restart_stays_in_the_job(kernel: AsyncKernelManager, jobs: Jobs) -> None:
    jobs.run()
    async with client(kernel) as one:
        first = (await Cell(one, WHERE).shows("stream")).split()
        await kernel.restart_kernel()
        second = (await Cell(one, WHERE).shows("stream")).split()
        await kernel.restart_kernel(now=True)
        third = (await Cell(one, WHERE).shows("stream")).split()
    assert first[:2] == second[:2] == third[:2]
    assert len({first[2], second[2], third[2]}) == 3
    assert len(jobs.fake.calls("sbatch")) == 1


async def test_a_cell_is_interrupted_and_its_variables_stay(kernel: AsyncKernelManager, jobs: Jobs) -> None:
    jobs.run()
    async with client(kernel) as one:
        cell = Cell(one, "x = 7; print('begun', flush=True)\nimport time; time.sleep(600)")
        await cell.shows("stream")
        await kernel.interrupt_kernel()
        assert (await cell.reply())["ename"] == "KeyboardInterrupt"
        assert (await Cell(one, "print(x)").shows("stream")).strip() == "7"


async def test_shutting_it_down_ends_the_job(kernel: AsyncKernelManager, jobs: Jobs) -> None:
    job = jobs.run()
    async with client(kernel) as one:
        await Cell(one, WHERE).shows("stream")
    await kernel.shutdown_kernel()
    assert jobs.state() == "CANCELLED"
    assert await asyncio.to_thread(job.wait, 20) == 0


async def test_shutting_down_what_waits_takes_it_back(kernel: AsyncKernelManager, jobs: Jobs, tmp_path: Path) -> None:
    await kernel.shutdown_kernel()
    assert jobs.state() == "CANCELLED"
    assert list((tmp_path / "spool").iterdir()) == []


async def test_a_restart_while_it_waits_keeps_its_place(kernel: AsyncKernelManager, jobs: Jobs) -> None:
    await kernel.restart_kernel()
    assert jobs.state() == "PENDING"
    jobs.run()
    async with client(kernel) as one:
        assert (await Cell(one, WHERE).shows("stream")).startswith("1 0")
    assert len(jobs.fake.calls("sbatch")) == 1


async def test_an_interrupt_while_it_waits_cancels_the_job_and_says_so(kernel: AsyncKernelManager, jobs: Jobs) -> None:
    async with client(kernel) as one:
        cells = [Cell(one, WHERE), Cell(one, "never")]
        await cells[0].shows("display_data")
        await kernel.interrupt_kernel()
        assert "job 1 waited in the queue, so the job is cancelled" in (await cells[0].reply())["evalue"]
        assert (await cells[1].reply())["status"] == "error"
        assert jobs.state() == "CANCELLED"
        await dead(kernel)
        await kernel.restart_kernel()
        jobs.run("2")
        assert (await Cell(one, WHERE).shows("stream")).startswith("2 0")


async def test_when_the_job_goes_the_cell_is_told_why(kernel: AsyncKernelManager, jobs: Jobs) -> None:
    job = jobs.run()
    async with client(kernel) as one:
        cell = Cell(one, "print('begun', flush=True)\nimport time; time.sleep(600)")
        await cell.shows("stream")
        jobs.fake.change("1", state="TIMEOUT")
        job.terminate()
        assert "Job 1, in which this kernel ran, is over. Its time was up." in (await cell.reply())["evalue"]
    await dead(kernel)
    assert len(jobs.fake.calls("sbatch")) == 1


async def test_a_kernel_that_is_killed_may_be_started_again_in_its_job(kernel: AsyncKernelManager, jobs: Jobs) -> None:
    jobs.run()
    async with client(kernel) as one:
        pid = int((await Cell(one, WHERE).shows("stream")).split()[2])
        os.kill(pid, signal.SIGKILL)
        await dead(kernel)
        assert jobs.state() == "RUNNING"
        await kernel.restart_kernel(now=True)
        assert (await Cell(one, WHERE).shows("stream")).startswith("1 0")


async def test_nothing_secret_is_where_others_see_it(kernel: AsyncKernelManager, jobs: Jobs, tmp_path: Path) -> None:
    (letter,) = (tmp_path / "spool").glob("*.json")
    told = json.loads(letter.read_text())
    assert letter.stat().st_mode & 0o777 == 0o600
    secrets = [told["token"], kernel.session.key.decode(), str(kernel.curve_secretkey), "the-servers-own-secret"]
    (call,) = jobs.fake.calls("sbatch")
    seen = json.dumps([call["stdin"], call["argv"], call["environ"]])
    assert "--no-requeue" in call["stdin"]
    assert [secret for secret in secrets if secret in seen] == []
    jobs.run()
    async with client(kernel) as one:
        shown = await Cell(one, "import os; print(sorted(os.environ.items()))").shows("stream")
    # The test's own job is started with this process's environment; what the launcher gives is in `call`.
    assert told["token"] not in shown
    assert not letter.exists()


async def test_shortly_before_its_time_is_up_the_next_cell_says_so(kernel: AsyncKernelManager, jobs: Jobs) -> None:
    end = datetime.now() + timedelta(minutes=4)
    jobs.run(end=end.isoformat(timespec="seconds"))
    async with client(kernel) as one, asyncio.timeout(60):
        said = ""
        while not said:
            said = await told(one)
        assert f"The time of job 1 is up at {end:%H:%M}" in said
    assert provisioner(kernel).notice == {"why": "time", "ends": utc(end)}


async def test_one_that_nobody_uses_is_released_and_a_cell_that_waits_is_use(
    fake_slurm: FakeSlurm, jobs: Jobs, site: Site, tmp_path: Path
) -> None:
    here(site, tmp_path, idle=IdleRule(after=0.01, grace=0.01))
    kernel = manager(fake_slurm)
    await kernel.start_kernel()
    job = jobs.run()
    async with client(kernel) as one:
        assert (await Cell(one, "import time; time.sleep(4)").reply())["status"] == "ok"
        await dead(kernel)
    assert await asyncio.to_thread(job.wait, 20) == 0
    assert jobs.state() == "CANCELLED"
    await kernel.shutdown_kernel(now=True)


async def dead(kernel: AsyncKernelManager) -> None:
    """Wait until Jupyter sees that a kernel is dead."""
    while await kernel.is_alive():
        await asyncio.sleep(0.05)


def provisioner(kernel: AsyncKernelManager) -> KernelProvisioner:
    """Ours, of this kernel."""
    assert isinstance(kernel.provisioner, KernelProvisioner)
    return kernel.provisioner


async def told(client: AsyncKernelClient) -> str:
    """What was told on stderr below all cells so far and one more."""
    said, last = "", client.execute("pass")
    while True:
        message = await client.get_iopub_msg(timeout=30)
        content = message["content"]
        said += content["text"] if content.get("name") == "stderr" else ""
        if message["parent_header"].get("msg_id") == last and content.get("execution_state") == "idle":
            return said


def utc(moment: datetime) -> str:
    """A moment here as ISO 8601, in whole seconds."""
    return moment.astimezone(UTC).replace(microsecond=0).isoformat()


@pytest.mark.parametrize(
    ("profile", "words"),
    [("gpu-9", "Choose from: cpu, gpu-1."), ("gpu-8", "Choose from: cpu, gpu-1."), ("", "is missing")],
)
async def test_a_profile_that_there_is_not(fake_slurm: FakeSlurm, profile: str, words: str) -> None:
    with pytest.raises(HTTPError, match=words):
        await manager(fake_slurm, profile).start_kernel()
    assert fake_slurm.calls("sbatch") == []


async def test_what_slurm_refuses_is_said(fake_slurm: FakeSlurm, tmp_path: Path) -> None:
    fake_slurm.answer("sbatch", err="sbatch: error: Invalid account", code=1)
    with pytest.raises(HTTPError, match="Slurm did not take the kernel's job: sbatch: error: Invalid account"):
        await manager(fake_slurm).start_kernel()
    assert list((tmp_path / "spool").iterdir()) == []


async def test_outside_a_site_it_says_what_is_missing(fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONRAMP_SITE")
    with pytest.raises(HTTPError, match="set ONRAMP_SITE"):
        await manager(fake_slurm).start_kernel()


async def test_the_job_of_a_server_that_is_gone_ends(kernel: AsyncKernelManager, jobs: Jobs) -> None:
    """Its letter leads nowhere once nobody listens there."""
    assert kernel.provisioner is not None
    kernel.provisioner._job._listener.close()  # type: ignore[attr-defined]
    assert await asyncio.to_thread(jobs.run().wait, 20) == 1
