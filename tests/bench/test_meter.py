"""What the meter reads from /proc; nothing here measures time."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.bench.meter import processes, spent


@pytest.mark.parametrize(("name", "counts"), [("onramp-server", True), ("onramp-grade", False)])
def test_a_process_of_a_job_is_known_by_its_environment(name: str, counts: bool, tmp_path: Path) -> None:
    work = "while time.process_time() < 0.05: pass"  # more than the clock's tick
    sleeper = (sys.executable, "-c", f"import sys, time\n{work}\nprint(flush=True); sys.stdin.read()")
    with subprocess.Popen(
        sleeper,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={"A": "1", "SLURM_JOB_ID": "7", "SLURM_JOB_NAME": name},
    ) as job:
        # What else runs on this machine, jobs of other tests among it, comes and goes.
        (tmp_path / str(job.pid)).symlink_to(f"/proc/{job.pid}")
        assert job.stdout is not None
        job.stdout.read(1)
        found = spent(tmp_path)
        assert found["processes"] == counts
        assert found["cpu"] > 0
        assert found["job_cpu"] == counts * found["cpu"]
        job.communicate()
    assert spent(tmp_path)["processes"] == 0


def test_the_dead_the_first_and_oneself_are_left_out(tmp_path: Path) -> None:
    fields = " ".join(["0"] * 10 + ["100", "50", "25", "25"] + ["0"] * 4 + ["0"])
    for pid, state in (("1", "S"), ("7", "Z"), ("8", "S"), (str(os.getpid()), "R")):
        (tmp_path / pid).mkdir()
        (tmp_path / pid / "stat").write_text(f"{pid} (a ) b) {state} {fields}")
        (tmp_path / pid / "environ").write_bytes(b"A=1\0")

    (one,) = processes(tmp_path)

    assert (one.of_job, one.cpu) == (False, 200 / os.sysconf("SC_CLK_TCK"))
