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

from spawners.kernel_life import READ
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
    """A kernel in which no cell was run yet."""
    one = manager(fake_slurm)
    await one.start_kernel()
    yield one
    await one.shutdown_kernel(now=True)


@pytest.fixture
async def one(kernel: AsyncKernelManager) -> AsyncIterator[AsyncKernelClient]:
    """Its page."""
    async with client(kernel) as page:
        yield page


async def test_who_only_reads_asks_for_no_job(kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs) -> None:
    """What pages ask by themselves, an interrupt, both restarts: nothing of it is a cell."""
    one.comm_info()
    one.complete("pri")
    await kernel.interrupt_kernel()
    await kernel.restart_kernel()
    await kernel.restart_kernel(now=True)
    one.comm_info()
    await one.wait_for_ready(timeout=30)
    assert await kernel.is_alive()
    assert (provisioner(kernel).notice, provisioner(kernel).busy) == (None, ())
    await kernel.shutdown_kernel()
    assert [jobs.fake.calls(command) for command in ("sbatch", "scancel", "squeue", "sacct")] == [[], [], [], []]


async def test_the_first_cell_asks_and_says_what_it_waits_for(one: AsyncKernelClient, jobs: Jobs) -> None:
    completion = one.complete("pri")
    cells = [Cell(one, WHERE), Cell(one, "6 * 7")]
    assert await cells[0].shows("display_data") == "Slurm is asked for a job."
    assert "Job 1 waits in the queue. Other jobs are ahead" in await cells[0].shows("update_display_data", "ahead")
    jobs.fake.change("1", reason="Resources")
    await cells[0].shows("update_display_data", "enough of the partition is free")
    jobs.run()
    await cells[0].shows("clear_output")
    assert (await cells[0].shows("stream")).split()[:2] == ["1", "0"]
    assert await cells[1].shows("execute_result") == "42"
    answers = [await one.get_shell_msg(timeout=30) for _ in range(3)]
    (completed,) = [one for one in answers if one["parent_header"]["msg_id"] == completion]
    assert "print" in completed["content"]["matches"]
    assert len(jobs.fake.calls("sbatch")) == 1


async def test_a_restart_stays_in_the_job(kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs) -> None:
    first = (await begun(one, jobs)).split()
    await kernel.restart_kernel()
    second = (await Cell(one, WHERE).shows("stream")).split()
    await kernel.restart_kernel(now=True)
    third = (await Cell(one, WHERE).shows("stream")).split()
    assert first[:2] == second[:2] == third[:2]
    assert len({first[2], second[2], third[2]}) == 3
    assert len(jobs.fake.calls("sbatch")) == 1


async def test_a_cell_is_interrupted_and_its_variables_stay(
    kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs
) -> None:
    await begun(one, jobs)
    cell = Cell(one, "x = 7; print('begun', flush=True)\nimport time; time.sleep(600)")
    await cell.shows("stream")
    await kernel.interrupt_kernel()
    assert (await cell.reply())["ename"] == "KeyboardInterrupt"
    assert (await Cell(one, "print(x)").shows("stream")).strip() == "7"


async def test_shutting_it_down_ends_the_job(kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs) -> None:
    await begun(one, jobs)
    await kernel.shutdown_kernel()
    assert jobs.state() == "CANCELLED"
    assert await asyncio.to_thread(jobs.processes["1"].wait, 20) == 0


@pytest.mark.parametrize("moment", ["it waits", "it is asked for"])
async def test_shutting_down_what_waits_takes_it_back(
    kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs, tmp_path: Path, moment: str
) -> None:
    cell = Cell(one, WHERE)
    if moment == "it waits":
        await jobs.asked()
    else:
        jobs.fake.wait("sbatch", 1)
        await cell.shows("display_data", "Slurm is asked for a job.")
    await kernel.shutdown_kernel()
    assert jobs.state() == "CANCELLED"
    assert list((tmp_path / "spool").iterdir()) == []


async def test_a_restart_while_it_waits_keeps_its_place(
    kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs
) -> None:
    Cell(one, WHERE)
    await jobs.asked()
    await kernel.restart_kernel()
    assert jobs.state() == "PENDING"
    jobs.run()
    assert (await Cell(one, WHERE).shows("stream")).startswith("1 0")
    assert len(jobs.fake.calls("sbatch")) == 1


async def test_an_interrupt_while_it_waits_cancels_the_job_and_the_next_cell_asks_again(
    kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs
) -> None:
    cells = [Cell(one, WHERE), Cell(one, "never")]
    await jobs.asked()
    await kernel.interrupt_kernel()
    said = (await cells[0].reply())["evalue"]
    assert "job 1 waited in the queue, so the job is cancelled. The next cell that you run asks for a job" in said
    assert (await cells[1].reply())["status"] == "error"
    assert jobs.state() == "CANCELLED"
    assert await kernel.is_alive()
    assert len(jobs.fake.calls("sbatch")) == 1
    assert (await begun(one, jobs, "2")).startswith("2 0")


async def test_an_interrupt_while_it_is_asked_for_cancels_it_too(
    kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs
) -> None:
    jobs.fake.wait("sbatch", 1)
    cell = Cell(one, WHERE)
    await cell.shows("display_data", "Slurm is asked for a job.")
    await kernel.interrupt_kernel()
    assert "so the job is cancelled" in (await cell.reply())["evalue"]
    assert jobs.state() == "CANCELLED"


async def test_a_restart_while_it_is_asked_why_the_job_went_asks_for_no_other(
    kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs
) -> None:
    """Accounting knows late how a job ended; the cell that is run meanwhile is told, and the next one asks."""
    await begun(one, jobs)
    jobs.processes["1"].terminate()
    while not jobs.fake.calls("sacct"):
        await asyncio.sleep(0.05)
    await kernel.restart_kernel()
    cell = Cell(one, WHERE)
    await asyncio.sleep(0.5)
    jobs.fake.change("1", state="TIMEOUT")
    assert "Its time was up." in (await cell.reply())["evalue"]
    assert await kernel.is_alive()
    assert len(jobs.fake.calls("sbatch")) == 1
    assert (await begun(one, jobs, "2")).startswith("2 0")


async def test_a_job_that_is_cancelled_while_it_waits_is_asked_for_again_by_the_next_cell(
    kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs
) -> None:
    cell = Cell(one, WHERE)
    await jobs.asked()
    jobs.fake.change("1", state="CANCELLED")
    assert "was to run, is over. It was cancelled." in (await cell.reply())["evalue"]
    assert await kernel.is_alive()
    assert (await begun(one, jobs, "2")).startswith("2 0")


async def test_when_the_job_goes_the_cell_is_told_why_and_a_restart_asks_for_nothing(
    kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs
) -> None:
    await begun(one, jobs)
    cell = Cell(one, "print('begun', flush=True)\nimport time; time.sleep(600)")
    await cell.shows("stream")
    jobs.fake.change("1", state="TIMEOUT")
    jobs.processes["1"].terminate()
    said = (await cell.reply())["evalue"]
    assert "Job 1, in which this kernel ran, is over. Its time was up." in said
    assert "Its variables are lost. Restart the kernel" in said
    assert (await Cell(one, "late").reply())["evalue"] == said
    await dead(kernel)
    await kernel.restart_kernel()
    await asyncio.sleep(1.5 * READ)
    assert await kernel.is_alive()
    assert len(jobs.fake.calls("sbatch")) == 1
    assert (await begun(one, jobs, "2")).startswith("2 0")


async def test_a_kernel_that_is_killed_may_be_started_again_in_its_job(
    kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs
) -> None:
    os.kill(int((await begun(one, jobs)).split()[2]), signal.SIGKILL)
    await dead(kernel)
    assert jobs.state() == "RUNNING"
    await kernel.restart_kernel(now=True)
    assert (await Cell(one, WHERE).shows("stream")).startswith("1 0")


async def test_nothing_secret_is_where_others_see_it(
    kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs, tmp_path: Path
) -> None:
    cell = Cell(one, "import os; print(sorted(os.environ.items()))")
    await jobs.asked()
    (letter,) = (tmp_path / "spool").glob("*.json")
    told = json.loads(letter.read_text())
    assert letter.stat().st_mode & 0o777 == 0o600
    secrets = [told["token"], kernel.session.key.decode(), str(kernel.curve_secretkey), "the-servers-own-secret"]
    (call,) = jobs.fake.calls("sbatch")
    seen = json.dumps([call["stdin"], call["argv"], call["environ"]])
    assert "--no-requeue" in call["stdin"]
    assert [secret for secret in secrets if secret in seen] == []
    jobs.run()
    # The test's own job is started with this process's environment; what the launcher gives is in `call`.
    assert told["token"] not in await cell.shows("stream")
    assert not letter.exists()


async def test_shortly_before_its_time_is_up_the_next_cell_says_so(
    kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs
) -> None:
    end = datetime.now() + timedelta(minutes=4)
    await begun(one, jobs, end=end.isoformat(timespec="seconds"))
    async with asyncio.timeout(60):
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
    async with client(kernel) as one:
        cell = Cell(one, "import time; time.sleep(4)")
        job = await jobs.begin()
        assert (await cell.reply())["status"] == "ok"
        await dead(kernel)
    assert await asyncio.to_thread(job.wait, 20) == 0
    assert jobs.state() == "CANCELLED"
    await kernel.shutdown_kernel(now=True)


async def begun(client: AsyncKernelClient, jobs: Jobs, job_id: str = "1", **seen: str) -> str:
    """Run a cell that asks for a job, and let that begin; where it runs."""
    cell = Cell(client, WHERE)
    await jobs.begin(job_id, **seen)
    return await cell.shows("stream")


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


async def test_what_slurm_refuses_is_said_below_the_cell_and_the_next_one_asks_again(
    kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs, tmp_path: Path
) -> None:
    jobs.fake.answer("sbatch", err="sbatch: error: Invalid account", code=1)
    cells = [Cell(one, WHERE), Cell(one, "never")]
    said = "Slurm did not take the kernel's job: sbatch: error: Invalid account. The next cell that you run asks"
    assert said in await cells[0].shows("error")
    assert [(await cell.reply())["status"] for cell in cells] == ["error", "error"]
    assert list((tmp_path / "spool").iterdir()) == []
    assert await kernel.is_alive()
    jobs.fake.heal("sbatch")
    cell = Cell(one, WHERE)
    await jobs.begin()
    assert (await cell.shows("stream")).startswith("1 0")


async def test_what_cannot_be_asked_for_any_more_is_said_below_the_cell(
    one: AsyncKernelClient, jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The site's file is not what it was when the notebook was opened."""
    Path(os.environ["ONRAMP_SITE"]).write_text("not a site")
    assert "here.yaml" in (await Cell(one, WHERE).reply())["evalue"]
    assert jobs.fake.calls("sbatch") == []


async def test_outside_a_site_it_says_what_is_missing(fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ONRAMP_SITE")
    with pytest.raises(HTTPError, match="set ONRAMP_SITE"):
        await manager(fake_slurm).start_kernel()


async def test_the_job_of_a_server_that_is_gone_ends(
    kernel: AsyncKernelManager, one: AsyncKernelClient, jobs: Jobs
) -> None:
    """Its letter leads nowhere once nobody listens there."""
    Cell(one, WHERE)
    await jobs.asked()
    provisioner(kernel)._life._job._listener.close()  # type: ignore[union-attr]
    assert await asyncio.to_thread(jobs.run().wait, 20) == 1
