"""What a run's job does: real papermill, a real kernel, and the record that is left, however it ends."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import threading
import time
from array import array
from collections.abc import Callable
from datetime import UTC, datetime
from fcntl import ioctl
from hashlib import sha256
from pathlib import Path
from termios import FIONREAD
from textwrap import dedent
from typing import IO, Any

import pytest
import yaml

from spawners import run_record as files
from spawners.run_attempts import put_by
from spawners.run_record import MOST_SHOWN, Record, Reported
from spawners.run_requeue import begun_again
from spawners.run_words import NO_SPACE
from spawners.site import Site
from tests.spawners.a_run import notebook, submitted

ROOT = Path(__file__).parents[2]
JOB = {"SLURM_JOB_ID": "17", "SLURMD_NODENAME": "gpu1", "CUDA_VISIBLE_DEVICES": "0"}
Folder = Callable[..., Path]
# What a pipe takes before whoever writes has to wait.
PIPE = 65536


@pytest.fixture
def folder(tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch) -> Folder:
    """Write the folder of a run that Slurm is about to start, beside its notebook."""

    monkeypatch.setenv("HOME", str(tmp_path))

    def write(*sources: str, values: dict[str, object] | None = None, language: str = "") -> Path:
        path = tmp_path / "run"
        path.mkdir(mode=0o700)
        notebook(path / files.INPUT, sources, language=language)
        (path / files.PARAMETERS).write_text(yaml.safe_dump(values or {}))
        files.write_record(path, Record(submitted=submitted(site, tmp_path / "n.ipynb", tmp_path)))
        return path

    return write


def start(folder: Path, *prefix: str, log: IO[str] | None = None) -> "subprocess.Popen[str]":
    """Start the job's program with the environment of a job, which holds more than a kernel should see."""
    environment = os.environ | JOB | {"PYTHONPATH": str(ROOT), "PYTHONSTARTUP": "/nowhere", "IPYTHONDIR": "/nowhere"}
    environment.pop("PYTHONUNBUFFERED", None)  # a job's Python is isolated from such settings
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


def test_output_has_an_end_and_what_was_shown_before_is_kept(folder: Folder) -> None:
    run = folder("print('first')", "while True:\n    print('x' * 99_999, flush=True)", "print('never')")
    code, log, reported = finish(run)
    assert code == 1
    assert "TooMuchOutput: more than 50 MiB in all. It was ended there" in log
    assert log.startswith("first\n")
    assert 0.99 * MOST_SHOWN <= len(log) < MOST_SHOWN + 1000
    assert sum(len("".join(one["text"])) for cell in output(run) for one in cell["outputs"]) == MOST_SHOWN
    assert (reported.outcome, reported.cells_done) == ("failed", 2)


def test_what_it_used_is_reported(folder: Folder) -> None:
    """The kernel's CPU time and memory count, and it is looked at once more at the end."""
    spends = (
        "import time\nkept = b'x' * 200_000_000\nend = time.process_time() + 1\nwhile time.process_time() < end: pass"
    )
    code, log, reported = finish(folder(spends))
    assert (code, reported.use is not None) == (0, True), log
    assert reported.use is not None
    assert reported.use.cpu_seconds > 1
    assert reported.use.memory_bytes > 200_000_000


def test_a_log_without_room_is_told_by_the_exit_code(folder: Folder) -> None:
    run = folder("print('first')")
    with open("/dev/full", "w") as log:
        job = start(run, log=log)
        assert job.wait(120) == NO_SPACE


WAITS = """print('after', box.size, type(box) is Box, math.floor(2.5))
import os, time
while not os.path.exists('go'):
    print('waits', flush=True)
    time.sleep(0.2)"""
STEPS = (
    "import math\nclass Box:\n    size = 3",
    "box = Box()\nbox.size = epochs\nprint('slow work')",
    "box;",
    WAITS,
)


def until_waits(job: "subprocess.Popen[str]") -> str:
    """What a job prints until its last cell waits."""
    assert job.stdout is not None
    log = ""
    while "waits" not in log:
        line = job.stdout.readline()
        assert line, log
        log += line
    return log


@pytest.fixture
def stopped(folder: Folder) -> Path:
    """A run with a checkpoint that Slurm ended in the cell after it, after a warning."""
    run = folder(*STEPS, values={"epochs": 7})
    content = json.loads((run / files.INPUT).read_bytes())
    content["cells"][3]["metadata"]["tags"] = ["checkpoint"]
    (run / files.INPUT).write_text(json.dumps(content))
    job = start(run)
    log = until_waits(job)
    job.send_signal(signal.SIGUSR1)
    late = threading.Timer(60, job.kill)  # nothing more is printed then, and the test fails
    late.start()
    while "the time limit is near" not in log:
        line = job.stdout.readline() if job.stdout else ""
        assert line, log
        log += line
    late.cancel()
    job.send_signal(signal.SIGTERM)
    log += job.communicate(timeout=60)[0]
    assert job.returncode == 143, log
    # No Slurm takes jobs here; how the next one is submitted is tested where one does.
    assert "It does not go on by itself: Slurm did not take the job" in log
    return run


def test_a_warning_that_comes_while_it_prints_is_not_lost(folder: Folder) -> None:
    """The log takes no more for a while, so that the signal comes in the middle of a print."""
    job = start(folder("print('x' * 300_000, flush=True)\nprint('the end')"))
    assert job.stdout is not None
    printed = array("i", [0])
    while printed[0] < PIPE:
        assert job.poll() is None
        ioctl(job.stdout, FIONREAD, printed)
    job.send_signal(signal.SIGUSR1)
    time.sleep(0.2)  # nothing tells that it has come: what is printed may not go on before
    log, _ = job.communicate(timeout=60)
    assert (job.returncode, log.count("onramp: the time limit is near."), log.count("x")) == (0, 1, 300_000), log[-500:]
    assert "the end" in log


def test_a_signal_that_does_not_wake_python_is_heeded(folder: Folder) -> None:
    """As one that comes just before Python begins to wait: here another thread gets it, and the first one waits on."""
    run = folder("import time\nprint('waits', flush=True)\ntime.sleep(600)")
    job = start(run)
    until_waits(job)
    other = max(int(task.name) for task in Path(f"/proc/{job.pid}/task").iterdir())
    assert other != job.pid
    assert ctypes.CDLL(None).tgkill(job.pid, other, signal.SIGTERM) == 0
    job.communicate(timeout=60)
    reported = files.read_record(run).reported
    assert (job.returncode, reported and reported.outcome) == (143, "stopped")


def test_a_start_that_slurm_thinks_dead_changes_nothing_of_the_next(folder: Folder) -> None:
    """As on a node that is only cut off: the job goes on there, while it was put back and begins on another."""
    run = folder("import time\nprint('waits', flush=True)\ntime.sleep(600)")
    job = start(run)
    until_waits(job)
    begun_again(run, files.read_record(run))
    taken = files.read_record(run)
    job.send_signal(signal.SIGTERM)
    log, _ = job.communicate(timeout=60)
    assert (job.returncode, "this run goes on elsewhere" in log) == (143, True)
    assert files.read_record(run) == taken


def next_attempt(run: Path) -> None:
    """Put the attempt by, as resume does before it submits the next."""
    record = files.read_record(run)
    put_by(run, record)
    files.write_record(run, Record(submitted=record.submitted, resumed=datetime.now(UTC)))


def test_after_a_checkpoint_it_goes_on_where_it_was(stopped: Path, tmp_path: Path) -> None:
    """Variables are loaded, definitions made again, outputs taken over; what was slow does not run again."""
    reported = files.read_record(stopped).reported
    assert reported is not None
    assert (reported.cells_done, reported.cells_total, reported.outcome) == (5, 6, "stopped")
    next_attempt(stopped)
    (tmp_path / "go").touch()
    code, log, reported = finish(stopped)

    assert code == 0, log
    assert "onramp: it goes on after the cell marked [5]; box loaded." in log
    assert "after 7 True 2" in log
    assert "slow work" not in log
    assert (reported.outcome, reported.cells_done, reported.resumed_from) == ("completed", 6, 5)
    cells = output(stopped)
    assert [cell["execution_count"] for cell in cells] == [1, 2, 3, 4, 5, 6]
    assert "slow work" in str(cells[3]["outputs"])
    assert files.cells(stopped) == (6, 6)


def test_a_checkpoint_that_cannot_be_used_is_said_and_all_runs_again(stopped: Path, tmp_path: Path) -> None:
    (kept,) = stopped.glob("checkpoint-*.pickle")
    kept.write_bytes(b"changed")
    next_attempt(stopped)
    (tmp_path / "go").touch()
    code, log, _ = finish(stopped)
    assert code == 0, log
    assert "the checkpoint cannot be used (the checkpoint is not what was saved: its sha256 is another), so all" in log
    assert "slow work" in log
    assert [cell["execution_count"] for cell in output(stopped)] == [1, 2, 3, 4, 5, 6]


def test_what_cannot_be_kept_is_said_and_the_run_goes_on(folder: Folder) -> None:
    run = folder("rows = lambda: 1", "rows;", "print('the end')")
    content = json.loads((run / files.INPUT).read_bytes())
    content["cells"][2]["metadata"]["tags"] = ["checkpoint"]
    (run / files.INPUT).write_text(json.dumps(content))
    code, log, _ = finish(run)
    assert code == 0, log
    assert "onramp: the checkpoint at the cell marked [3] was not saved: " in log
    assert "the end" in log
