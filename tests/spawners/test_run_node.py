"""What a run's job does: real papermill, a real kernel, and the record that is left, however it ends."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from textwrap import dedent
from typing import IO, Any

import pytest
import yaml

from spawners import run_record as files
from spawners.request import parse_request, resolve
from spawners.run_record import Record, Reported, Submitted
from spawners.run_words import NO_SPACE
from spawners.site import Site
from tests.spawners.a_run import notebook

ROOT = Path(__file__).parents[2]
JOB = {"SLURM_JOB_ID": "17", "SLURMD_NODENAME": "gpu1", "CUDA_VISIBLE_DEVICES": "0"}
Folder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path, site: Site) -> Folder:
    """Write the folder of a run that Slurm is about to start, beside its notebook."""

    def write(*sources: str, values: dict[str, object] | None = None, language: str = "") -> Path:
        path = tmp_path / "run"
        path.mkdir(mode=0o700)
        notebook(path / files.INPUT, sources, language=language)
        (path / files.PARAMETERS).write_text(yaml.safe_dump(values or {}))
        submitted = Submitted(
            notebook=str(tmp_path / "n.ipynb"),
            sha256="0" * 64,
            cwd=str(tmp_path),
            site="local",
            profile="gpu-1",
            resources=resolve(parse_request({"profile": "gpu-1"}, site, purpose="run"), site),
            at=datetime.now(UTC),
        )
        files.write_record(path, Record(submitted=submitted))
        return path

    return write


def start(folder: Path, *prefix: str, log: IO[str] | None = None) -> "subprocess.Popen[str]":
    """Start the job's program with the environment of a job, which holds more than a kernel should see."""
    environment = os.environ | JOB | {"PYTHONPATH": str(ROOT), "PYTHONSTARTUP": "/nowhere", "IPYTHONDIR": "/nowhere"}
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", "spawners.run_node", str(folder)],
        cwd=ROOT,
        env=environment,
        stdout=log or subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def finish(folder: Path) -> tuple[int, str, Reported]:
    """Run a job to its end: its code, its log, its report."""
    job = start(folder)
    log, _ = job.communicate(timeout=120)
    reported = files.read_record(folder).reported
    assert reported is not None
    return job.returncode, log, reported


def output(folder: Path) -> list[dict[str, Any]]:
    """The code cells of the output notebook."""
    cells: list[dict[str, Any]] = json.loads((folder / files.OUTPUT).read_bytes())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_a_notebook_runs_to_its_end(folder: Folder, tmp_path: Path) -> None:
    """With typed parameters, beside its data, on this environment's kernel whatever kernel it names."""
    (tmp_path / "data.csv").write_text("a,b\n1,2\n")
    run = folder(
        "print('epochs', epochs, rate, open('data.csv').read())",
        "import os\nprint(os.environ['ONRAMP_RUN'], os.environ['ONRAMP_SITE'], os.environ['CUDA_VISIBLE_DEVICES'])",
        "print(sorted(set(os.environ) & {'PYTHONSTARTUP', 'PYTHONPATH'}), __import__('sys').executable)",
        values={"epochs": 7, "rate": "a 'quoted' \"text\"\nin two lines"},
        language="python",
    )
    code, log, reported = finish(run)

    assert code == 0, log
    assert "epochs 7 a 'quoted' \"text\"\nin two lines a,b\n1,2" in log
    assert f"{run} local 0" in log
    assert f"[] {sys.executable}" in log
    assert (reported.outcome, reported.verified, reported.failure) == ("completed", False, None)
    assert (reported.job_id, reported.node) == ("17", "gpu1")
    assert (reported.cells_done, reported.cells_total) == (5, 5)
    assert reported.output_sha256 == sha256((run / files.OUTPUT).read_bytes()).hexdigest()
    assert reported.environment_sha256 == sha256((run / files.ENVIRONMENT).read_bytes()).hexdigest()
    assert files.cells(run) == (5, 5)


def test_a_failing_cell_ends_it_and_is_named(folder: Folder) -> None:
    code, log, reported = finish(folder("x = 1", "# a comment\nopen('none.csv')", "print('never')"))

    assert code == 1
    assert "onramp: The cell marked [3] failed, which begins with `open('none.csv')`: FileNotFoundError" in log
    assert "never" not in log
    assert reported.outcome == "failed"
    assert (reported.cells_done, reported.cells_total) == (2, 4)
    assert reported.failure is not None
    assert (reported.failure.cell, reported.failure.ename) == (3, "FileNotFoundError")


def test_a_dead_python_is_no_completed_cell(folder: Folder) -> None:
    run = folder("x = 1", "import os\nos.kill(os.getpid(), 9)", "print('never')")
    code, log, reported = finish(run)

    assert code == 1
    assert "Python itself was ended, most often because the job had too little memory (4000 MiB)" in log
    assert (reported.cells_done, reported.cells_total) == (2, 4)
    assert reported.failure is not None
    assert (reported.failure.cell, reported.failure.line) == (3, "import os")
    assert [cell["metadata"]["papermill"]["status"] for cell in output(run)][2:] == ["failed", "pending"]


def test_slurm_ends_it_and_what_was_done_is_kept(folder: Folder) -> None:
    run = folder("print('done')", "import time\nprint('waits', flush=True)\ntime.sleep(600)")
    job = start(run)
    assert job.stdout is not None
    while "waits" not in job.stdout.readline():
        assert job.poll() is None
    time.sleep(0.2)
    job.send_signal(signal.SIGTERM)
    job.communicate(timeout=60)

    reported = files.read_record(run).reported
    assert reported is not None
    assert (job.returncode, reported.outcome) == (143, "stopped")
    assert (reported.cells_done, reported.cells_total) == (2, 3)
    assert output(run)[1]["outputs"][0]["text"] in ("done\n", ["done\n"])


def test_two_runs_at_once_beside_each_other_never_meet(folder: Folder, tmp_path: Path, open_folder: Path) -> None:
    """Their kernels' sockets lie apart, and none of them in the folder of the notebooks; each waits for the other."""
    meet = f"""
        import os, time
        open(f"{open_folder}/{{epochs}}", "w").close()
        while len(os.listdir("{open_folder}")) < 2:
            time.sleep(0.05)
        print(epochs)"""
    first = folder(dedent(meet), values={"epochs": 1}).rename(tmp_path / "first")
    second = folder(dedent(meet), values={"epochs": 2})
    jobs = [start(first), start(second)]
    logs = [job.communicate(timeout=120)[0] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], logs
    assert [log.splitlines()[0] for log in logs] == ["1", "2"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["first", "run"]


def test_a_full_disk_keeps_the_cells_before_it(folder: Folder, tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk: what is saved then is the notebook before that cell."""
    run = folder("print('first')", "print('x' * 3_000_000)", "print('never')")
    job = start(run, "prlimit", "--fsize=1000000")
    log, _ = job.communicate(timeout=120)
    assert job.returncode == 1, log
    assert output(run)[1]["outputs"][0]["text"] in ("first\n", ["first\n"])
    assert output(run)[3]["outputs"] == []
    reported = files.read_record(run).reported
    assert reported is not None
    assert (reported.outcome, reported.cells_done) == ("failed", 2)


def test_a_log_without_room_is_told_by_the_exit_code(folder: Folder) -> None:
    run = folder("print('first')")
    with open("/dev/full", "w") as log:
        job = start(run, log=log)
        assert job.wait(120) == NO_SPACE
