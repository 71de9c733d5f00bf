"""What a job uses of what it was given, on this machine's own processes and files of the kernel's form."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from spawners import node_usage
from spawners.node_usage import Meter, Process, Sample, cpus_used, given_memory, memory_limit, memory_used, processes

JOB = {"SLURM_JOB_ID": "17"}
MIB = 1 << 20


@pytest.fixture
def cgroup(tmp_path: Path) -> Path:
    """The files of a job's cgroup as Slurm makes it; the process is in a step of the job."""
    (tmp_path / "proc/self").mkdir(parents=True)
    (tmp_path / "proc/self/cgroup").write_text("0::/system.slice/slurmstepd.scope/job_17/step_batch/user/task_0\n")
    job = tmp_path / "sys/fs/cgroup/system.slice/slurmstepd.scope/job_17"
    job.mkdir(parents=True)
    (job / "memory.max").write_text(f"{2000 * MIB}\n")
    (job / "memory.current").write_text(f"{900 * MIB}\n")
    (job / "memory.stat").write_text(f"anon {500 * MIB}\ninactive_file {300 * MIB}\nactive_file {50 * MIB}\n")
    return job


def test_files_that_may_go_are_not_used_memory(cgroup: Path, tmp_path: Path) -> None:
    assert memory_used(JOB, (), tmp_path) == 550 * MIB


def test_without_a_cgroup_of_its_own_the_processes_are_added_up(cgroup: Path, tmp_path: Path) -> None:
    found = (Process(1, 0, "a", 0, 3 * MIB), Process(2, 1, "b", 0, 4 * MIB))
    assert memory_used({"SLURM_JOB_ID": "7"}, found, tmp_path) == 7 * MIB
    assert memory_used({}, found, tmp_path) == 7 * MIB
    assert memory_used(JOB, found, tmp_path / "elsewhere") == 7 * MIB


@pytest.mark.parametrize(
    ("environ", "enforced", "expected"),
    [
        (JOB, "2097152000", 2000),
        (JOB | {"SLURM_MEM_PER_NODE": "1000"}, "2097152000", 1000),
        (JOB | {"SLURM_MEM_PER_NODE": "1000"}, "max", 1000),
    ],
    ids=["enforced", "given, and less", "given"],
)
def test_memory_limit(cgroup: Path, tmp_path: Path, environ: dict[str, str], enforced: str, expected: int) -> None:
    (cgroup / "memory.max").write_text(f"{enforced}\n")
    assert memory_limit(environ, tmp_path) == expected * MIB


def test_no_limit_is_the_whole_node(tmp_path: Path) -> None:
    assert memory_limit({}, tmp_path) == psutil.virtual_memory().total


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"SLURM_MEM_PER_NODE": "4000", "SLURM_MEM_PER_CPU": "1"}, 4000),
        ({"SLURM_MEM_PER_CPU": "1000", "SLURM_CPUS_ON_NODE": "3"}, 3000),
        ({"SLURM_MEM_PER_GPU": "5000", "SLURM_GPUS_ON_NODE": "2"}, 10000),
        ({"SLURM_MEM_PER_NODE": "0"}, None),
        ({"SLURM_MEM_PER_CPU": "many", "SLURM_CPUS_ON_NODE": "3"}, None),
        ({}, None),
    ],
)
def test_given_memory(environ: dict[str, str], expected: int | None) -> None:
    assert given_memory(environ) == expected


def test_a_process_that_left_the_tree_belongs_to_the_job() -> None:
    """A program that was started with nohup, whose shell is gone, is known by the job's number."""
    start = (
        "from subprocess import DEVNULL, Popen\n"
        "print(Popen(['sleep', '60'], stdout=DEVNULL, stderr=DEVNULL, start_new_session=True).pid)"
    )
    out = subprocess.run((sys.executable, "-c", start), env=JOB, capture_output=True, text=True, check=True).stdout
    pid = int(out)
    try:
        assert pid in {process.pid for process in processes("17")}
        assert pid not in {process.pid for process in processes("18")}
        assert pid not in {process.pid for process in processes(None)}
        assert os.getpid() in {process.pid for process in processes("18")}
    finally:
        os.kill(pid, 9)


def test_cpus_used() -> None:
    a, b = Process(1, 0, "a", 5.0, 0), Process(2, 1, "b", 100.0, 0)
    before = Sample(10.0, (a, b), (), 0)
    assert cpus_used(before, Sample(12.0, (a._replace(cpu=8.0), b), (), 0)) == 1.5
    assert cpus_used(before, Sample(12.0, (a._replace(cpu=8.0),), (), 0)) == 0.0
    assert cpus_used(before, before) == 0.0


async def test_a_meter_measures_children_and_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    meter = Meter({"SLURM_CPUS_PER_TASK": "1", "SLURM_MEM_PER_NODE": "4000"})
    first = await meter.usage() or {}
    assert first is await meter.usage()
    assert (first["cpus"], first["gpus"], first["memory_limit_bytes"]) == (1, [], 4000 * MIB)
    monkeypatch.setattr(node_usage, "FRESH", 0.0)
    meter = Meter({})
    before = await meter.usage() or {}
    spends = "x = b'1' * 50_000_000\nsum(range(30_000_000))\nprint(flush=True)\ninput()"
    with subprocess.Popen((sys.executable, "-c", spends), stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()
        after = await meter.usage() or {}
        child.communicate(b"\n")
    assert isinstance(before["memory_bytes"], int)
    assert isinstance(after["memory_bytes"], int)
    assert isinstance(after["cpu_percent"], float)
    assert after["memory_bytes"] - before["memory_bytes"] > 40 * MIB
    assert after["cpu_percent"] > 0
