"""What a job of a sweep does: real forks that run real notebooks, and what is left of each member."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from spawners import run_record as files
from spawners.run_values import reported_values
from spawners.site import Site
from spawners.sweep import Sweep, members_of
from spawners.sweep_grid import members
from spawners.sweep_node import imported
from spawners.sweep_record import CLAIM, SweepRecord, claim, member_folders, write_members, write_sweep
from tests.spawners.a_run import cell, notebook, submitted

ROOT = Path(__file__).parents[2]
Folder = Callable[..., Path]
REPORT = "from spawners.run_values import report\nreport(loss=epochs * rate)\nprint('epochs', epochs)\nepochs"


@pytest.fixture
def folder(tmp_path: Path, site: Site) -> Folder:
    """Write the folder of a sweep that Slurm is about to start."""

    def write(*sources: str, grid: Mapping[str, list[Any]]) -> Path:
        path = tmp_path / "sweep"
        path.mkdir(mode=0o700)
        notebook(path / files.INPUT, sources)
        record = SweepRecord(submitted=submitted(site, tmp_path / "n.ipynb", tmp_path), grid=dict(grid), jobs=1)
        write_members(path, record, members(grid))
        write_sweep(path, record)
        return path

    return write


def start(folder: Path) -> "subprocess.Popen[str]":
    """Start the job's program with the environment of a job."""
    return subprocess.Popen(
        [sys.executable, "-m", "spawners.sweep_node", str(folder)],
        cwd=ROOT,
        env=os.environ | {"SLURM_JOB_ID": "17", "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def outputs(member: Path) -> list[list[dict[str, Any]]]:
    """The outputs of each code cell."""
    return [one["outputs"] for one in json.loads((member / files.OUTPUT).read_bytes())["cells"] if "outputs" in one]


def test_each_member_is_a_run_of_its_own(folder: Folder, tmp_path: Path) -> None:
    """With its own values, outputs as a notebook has them, and what was imported loaded only once."""
    (tmp_path / "beside.py").write_text("import os\nLOADED = os.getpid()\n")
    (tmp_path / "data.csv").write_text("1,2\n")
    figure = "import matplotlib.pyplot as plt\nprint('before')\nplt.plot([1, 2])\nplt.show()\nprint('after')"
    sweep = folder(
        REPORT,
        "import beside, os\nprint(beside.LOADED != os.getpid(), open('data.csv').read(), os.environ['ONRAMP_RUN'])",
        figure,
        grid={"epochs": [1, 2], "rate": [0.5, 0.25]},
    )
    assert claim(member_folders(sweep)[3], "99")
    job = start(sweep)
    log, _ = job.communicate(timeout=300)

    assert job.returncode == 0, log
    assert "3 of the 3 members that this job took ran to their end." in log
    seen = members_of(Sweep(sweep), over=True)
    assert [member.state for member in seen] == ["COMPLETED"] * 3 + ["NOT_RUN"], log
    assert [member.values for member in seen] == [{"loss": 0.5}, {"loss": 0.25}, {"loss": 1.0}, {}]
    first = outputs(seen[2].folder)
    assert first[2][0]["text"] in ("epochs 2\n", ["epochs 2\n"])
    assert first[2][1]["output_type"] == "execute_result"
    assert first[2][1]["data"] in ({"text/plain": "2"}, {"text/plain": ["2"]})
    assert "".join(first[3][0]["text"]).startswith(f"True 1,2\n {seen[2].folder}")
    kinds = [one["output_type"] for one in first[4]]
    assert (kinds[0], kinds[-1]) == ("stream", "stream")
    assert any("image/png" in one.get("data", {}) for one in first[4])
    record = files.read_record(seen[0].folder)
    assert record.reported is not None
    assert (record.reported.job_id, record.reported.cells_done) == ("17", 5)
    assert (seen[0].folder / CLAIM).read_text() == "17\n"


def test_a_cell_finds_an_event_loop_as_in_a_kernel(folder: Folder) -> None:
    """Without one neither a panel nor `await` would be possible in a notebook that is swept."""
    task = "import asyncio\nasync def work():\n    return 7\ntask = asyncio.get_running_loop().create_task(work())"
    job = start(sweep := folder(task, "await task", "await nothing", grid={"epochs": [1]}))
    log, _ = job.communicate(timeout=120)
    (member,) = members_of(Sweep(sweep), over=True)
    assert (job.returncode, member.state) == (1, "FAILED"), log
    assert "The cell marked [5] failed, which begins with `await nothing`: NameError" in member.sentence
    assert outputs(member.folder)[3][0]["data"] in ({"text/plain": "7"}, {"text/plain": ["7"]})


def test_those_that_fail_are_said_and_the_others_go_on(folder: Folder) -> None:
    source = (
        "import sys\nif epochs == 1:\n    open('none.csv')\nif epochs == 2:\n    input('?')\n"
        "if epochs == 3:\n    sys.exit(3)"
    )
    sweep = folder(source, "print('end')", grid={"epochs": [1, 2, 3, 4]})
    job = start(sweep)
    log, _ = job.communicate(timeout=300)
    assert (job.returncode, "1 of the 4 members" in log) == (1, True), log
    seen = members_of(Sweep(sweep), over=True)
    assert [member.state for member in seen] == ["FAILED", "FAILED", "FAILED", "COMPLETED"]
    assert "The cell marked [3] failed, which begins with `import sys`: FileNotFoundError" in seen[0].sentence
    names = [one["ename"] for member in seen for one in outputs(member.folder)[2] if one["output_type"] == "error"]
    assert names == ["FileNotFoundError", "EOFError", "SystemExit"]
    assert outputs(seen[0].folder)[3] == []


def test_python_that_dies_takes_its_member_alone(folder: Folder) -> None:
    sweep = folder("import os\nif epochs < 2:\n    os.kill(os.getpid(), 9)", grid={"epochs": [1, 2]})
    job = start(sweep)
    log, _ = job.communicate(timeout=300)
    first, second = members_of(Sweep(sweep), over=True)
    assert (job.returncode, first.state, second.state) == (1, "FAILED", "COMPLETED"), log
    assert "Python itself was ended" in first.sentence


def test_slurm_ends_it_and_the_member_says_so(folder: Folder) -> None:
    sweep = folder("open('began', 'w').close()\nimport time\ntime.sleep(600)", grid={"epochs": [1, 2]})
    job = start(sweep)
    while not (sweep.parent / "began").exists():
        assert job.poll() is None
        time.sleep(0.1)
    job.send_signal(signal.SIGTERM)
    log, _ = job.communicate(timeout=60)
    assert job.returncode == 143, log
    assert [member.state for member in members_of(Sweep(sweep), over=True)] == ["STOPPED", "NOT_RUN"], log


def test_a_thread_that_an_import_has_begun_is_not_forked(folder: Folder, tmp_path: Path) -> None:
    """Its members are ordinary runs then: slower, and right."""
    (tmp_path / "threaded.py").write_text(
        "import threading, time\nthreading.Thread(target=time.sleep, args=(30,), daemon=True).start()\n"
    )
    sweep = folder("import threaded\n" + REPORT, grid={"epochs": [2]})
    job = start(sweep)
    log, _ = job.communicate(timeout=300)
    (member,) = member_folders(sweep)
    assert job.returncode == 0, log
    assert reported_values(member)["loss"] == pytest.approx(0.2)


def test_what_a_notebook_imports() -> None:
    cells = [
        cell("import numpy as np, os.path\nfrom sklearn.svm import SVC"),
        cell("%matplotlib inline\nimport nothing"),
        cell("try:\n    import torch\nexcept ImportError:\n    from . import x\nimport numpy"),
    ]
    found = imported(json.dumps({"cells": cells}).encode())
    assert found == ["numpy", "os.path", "sklearn.svm", "torch"]
