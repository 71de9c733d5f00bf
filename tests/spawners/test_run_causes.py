"""Why a run failed, as a person reads it. A folder of tests/spawners/failures is a test.

It holds what accounting, the log and the job said, and the sentence. Where it also holds a cell.txt, a real kernel is
made to fail again, as it was recorded.
"""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from spawners.resources import Request, fill
from spawners.run_causes import CAUSES, cause_of
from spawners.run_record import Failure, Record, Reported, Submitted
from spawners.run_words import sentence
from spawners.scheduler import JobState
from spawners.site import Site
from tests.spawners.test_run_node import Folder, finish, folder

__all__ = ["folder"]
FOLDERS = sorted(path for path in Path(__file__).with_name("failures").iterdir())
REAL = [path for path in FOLDERS if (path / "cell.txt").exists()]


def name(path: Path) -> str:
    """A test is called as its folder."""
    return path.name


def failure(path: Path) -> Failure | None:
    """What the job reported; None where Slurm ended it without a word of its own."""
    recorded = path / "failure.json"
    return Failure.model_validate_json(recorded.read_bytes()) if recorded.exists() else None


def said(path: Path, site: Site) -> str:
    """What is said of a failure."""
    resources = fill(Request(purpose="run", profile="gpu-1"), site)
    submitted = Submitted(
        notebook="/home/alice/train.ipynb",
        sha256="",
        cwd="/home/alice",
        site="local",
        profile="gpu-1",
        resources=resources,
        at=datetime.now(UTC),
    )
    reported = Reported(started=datetime.now(UTC), outcome="failed", failure=failure(path))
    job = JobState.model_validate_json((path / "job.json").read_bytes())
    return sentence(Record(submitted=submitted, reported=reported), job, (1, 3), log=(path / "job.log").read_text())


@pytest.mark.parametrize("path", FOLDERS, ids=name)
def test_the_sentence(path: Path, site: Site) -> None:
    assert said(path, site) + "\n" == (path / "said.txt").read_text()


def test_each_cause_of_the_table_is_recorded() -> None:
    found = {cause_of(told, (path / "job.log").read_text()) for path in FOLDERS if (told := failure(path))}
    assert {cause.name for cause in found if cause} == {cause.name for cause in CAUSES}


@pytest.mark.parametrize("path", REAL, ids=name)
def test_it_is_what_really_happens(path: Path, folder: Folder) -> None:
    recorded = failure(path)
    assert recorded is not None
    code, log, reported = finish(folder((path / "cell.txt").read_text()))
    assert (code, reported.failure is not None) == (1, True), log
    assert reported.failure is not None
    assert (reported.failure.ename, reported.failure.line) == (recorded.ename, recorded.line)
    assert cause_of(reported.failure, log) == cause_of(recorded, (path / "job.log").read_text())


@pytest.mark.parametrize("ename", ["ValueError", "ZeroDivisionError", "KeyError", "AssertionError", "é" * 500, ""])
def test_what_is_not_in_the_table_has_no_advice(ename: str) -> None:
    assert cause_of(Failure(ename=ename, evalue="x")) is None


def test_a_log_says_nothing_where_python_said_it_itself() -> None:
    """A warning that was printed long before is not the cause."""
    assert cause_of(Failure(ename="KeyError", evalue="'a'"), "CUDA out of memory\n") is None
    assert cause_of(Failure(ename="DeadKernelError"), "CUDA out of memory\n" + "x\n" * 50) is CAUSES[-1]
