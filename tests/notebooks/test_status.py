"""Status from a job's environment and from Slurm's commands, here small programs that answer as Slurm does."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from notebooks.status import OUTSIDE, Status, ask, from_environment
from spawners.slurm import Slurm
from tests.notebooks.job import CPU_JOB, GPU_JOB, ROOT

RAW = re.compile(r"\b(None|nan|null|undefined)\b")


def test_a_gpu_job() -> None:
    expected = Status(
        job_id="17",
        partition="gpu",
        account="onboarding",
        node="gpu1",
        cpus=2,
        mem=4000,
        gpus=("0",),
        driver=from_environment({}).driver,
    )

    assert expected == from_environment(GPU_JOB)


def test_the_words_name_stand_ins() -> None:
    status = from_environment({**GPU_JOB, "CUDA_VISIBLE_DEVICES": "0,1"}).model_copy(update={"stand_ins": ("1",)})

    assert "GPUs: 2 GPUs, devices 0, 1. Device 1 is a stand-in" in str(status)


def test_memory_per_cpu_is_multiplied() -> None:
    job = {**CPU_JOB, "SLURM_MEM_PER_CPU": "1500"}
    del job["SLURM_MEM_PER_NODE"]

    assert from_environment(job).mem == 3000


@pytest.mark.parametrize("site", ["", "nowhere", "/no/such/site.yaml"])
def test_a_site_that_cannot_be_read_stops_nobody(site: str) -> None:
    assert from_environment({**GPU_JOB, "ONRAMP_SITE": site}).gpus == ("0",)


async def test_slurm_adds_time_and_budget(slurm_bin: Callable[..., Path]) -> None:
    status = await ask(from_environment(GPU_JOB), Slurm(bin=str(slurm_bin(minutes=57))))

    assert status.problem is None
    assert status.time_left is not None
    assert 57 * 60 < status.time_left <= 57.5 * 60
    assert (status.gpu_minutes_used, status.gpu_minutes_limit) == (60, 6000)
    assert "Time left: 57 minutes, until " in str(status)
    assert "5\N{NO-BREAK SPACE}940 of 6\N{NO-BREAK SPACE}000 GPU minutes left in account onboarding." in str(status)


async def test_what_room_files_have_is_said(slurm_bin: Callable[..., Path]) -> None:
    status = await ask(from_environment(GPU_JOB), Slurm(bin=str(slurm_bin())))

    assert status.rooms["home"].limit == shutil.disk_usage(Path.home()).total
    assert re.search(r"^Home: .+ free of .+, shared with others", str(status), re.MULTILINE)


@pytest.mark.parametrize("refuses", [("squeue",), ("sshare",), ("squeue", "sshare")])
async def test_slurm_does_not_answer(slurm_bin: Callable[..., Path], refuses: tuple[str, ...]) -> None:
    status = await ask(from_environment(GPU_JOB), Slurm(bin=str(slurm_bin(refuses=refuses))))

    assert ("squeue" in refuses) == (status.end is None)
    assert ("sshare" in refuses) == (status.gpu_minutes_used is None)
    assert "Unable to contact slurm controller" in str(status)
    assert not RAW.search(str(status))


async def test_an_answer_is_kept_while_slurm_is_away(slurm_bin: Callable[..., Path], tmp_path: Path) -> None:
    first = await ask(from_environment(GPU_JOB), Slurm(bin=str(slurm_bin())))
    second = await ask(first, Slurm(bin=str(tmp_path / "nothing")))

    assert first.end == second.end
    assert second.problem is not None


async def test_outside_a_job_slurm_is_not_asked(slurm_bin: Callable[..., Path]) -> None:
    folder = slurm_bin()
    status = await ask(from_environment({}), Slurm(bin=str(folder)))

    assert str(status) == OUTSIDE
    assert not list(folder.glob("*.calls"))


def test_what_is_not_known_is_never_shown_raw() -> None:
    assert not RAW.search(str(Status(job_id="17")))


def test_time_left_is_never_negative() -> None:
    assert Status(job_id="17", end=datetime(2020, 1, 1, tzinfo=UTC)).time_left == 0


def test_the_facade_answers_in_a_running_event_loop() -> None:
    """A notebook's cells run inside the kernel's loop, where `asyncio.run` is refused."""
    program = "import asyncio, onramp\nasync def cell(): print(onramp.status())\nasyncio.run(cell())"
    environment = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}

    run = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True)

    assert f"{OUTSIDE}\n" == run.stdout


def test_the_facade_loads_no_hub() -> None:
    program = "import onramp, sys; print([name for name in ('jupyterhub', 'batchspawner') if name in sys.modules])"

    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)

    assert run.stdout == "[]\n"
