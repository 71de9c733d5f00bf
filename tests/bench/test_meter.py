"""What the meter reads from /proc; nothing here measures time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.meter import processes, spent


@pytest.mark.parametrize(("name", "counts"), [("onramp-server", True), ("onramp-grade", False)])
def test_a_process_of_a_job_is_known_by_its_environment(name: str, counts: bool) -> None:
    work = "while time.process_time() < 0.05: pass"  # more than the clock's tick
    sleeper = (sys.executable, "-c", f"import sys, time\n{work}\nprint(flush=True); sys.stdin.read()")
    jobs = spent()["processes"]
    with subprocess.Popen(
        sleeper,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"A": "1", "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": name},
    ) as job:
        assert job.stdout is not None
        job.stdout.read(1)
        found = spent()
        assert found["processes"] == jobs + counts
        assert counts is False or 0 < found["job_cpu"] <= found["cpu"]
        job.communicate()
    assert spent()["processes"] == jobs


def test_the_dead_the_first_and_oneself_are_left_out(tmp_path: Path) -> None:
    fields = " ".join(["0"] * 10 + ["100", "50", "25", "25"] + ["0"] * 4 + ["0"])
    for pid, state in (("1", "S"), ("7", "Z"), ("8", "S"), (str(os.getpid()), "R")):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "stat").write_text(f"{pid} (a ) b) {state} {fields}")
        (tmp_path / pid / "environ").write_bytes(b"A=1\0")

    (one,) = processes(tmp_path)

    assert (one.of_job, one.cpu) == (False, 200 / os.sysconf("SC_CLK_TCK"))
