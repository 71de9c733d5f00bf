"""A run as it is now: from Slurm, from its folder, and from its folder alone when Slurm cannot be asked."""

import os
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spawners import run_record as files
from spawners.run import Run, View, cancel, find_run, look, look_at, runs, this_run
from spawners.run_record import Failure, Record, Reported, RunError
from spawners.run_submit import submit
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_run import client, notebook, on_a_server

DOWN = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, on a server of the local site."""
    return on_a_server(tmp_path, monkeypatch)


@pytest.fixture
def slurm(fake_slurm: FakeSlurm) -> Slurm:
    """One client, as a kernel has it."""
    return client(fake_slurm)


@pytest.fixture
async def run(home: Path, slurm: Slurm) -> Run:
    """A run that has been submitted."""
    return await submit(notebook(home / "train.ipynb", ["print(1)"]), {"profile": "gpu-1"}, {}, slurm)


def report(run: Run, **said: object) -> None:
    """What the job would have written."""
    values = {"job_id": "1", "node": "gpu1", "started": datetime.now(UTC), **said}
    reported = Reported.model_validate(values)
    files.write_record(run.folder, Record(submitted=run.record.submitted, reported=reported))


async def seen(run: Run, fake_slurm: FakeSlurm) -> View:
    """A look through a client that has cached nothing."""
    return await look(run, client(fake_slurm))


async def test_it_waits_for_a_reason(run: Run, fake_slurm: FakeSlurm) -> None:
    view = await seen(run, fake_slurm)
    assert (view.state, view.over, view.gpu_minutes) == ("PENDING", False, None)
    assert view.sentence == "Other jobs are ahead in the queue. It starts when its turn comes."


async def test_it_runs_cell_by_cell(run: Run, fake_slurm: FakeSlurm) -> None:
    fake_slurm.change("1", state="RUNNING", node="gpu1", reason="None", start="1763640000")
    done = '{"cell_type": "code", "metadata": {"papermill": {"status": "completed"}}}'
    more = '{"cell_type": "code", "metadata": {"papermill": {"status": "running"}}}, {"cell_type": "markdown"}'
    (run.folder / files.OUTPUT).write_text(f'{{"cells": [{done}, {more}]}}')
    view = await seen(run, fake_slurm)
    assert (view.state, view.sentence) == ("RUNNING", "It runs on gpu1.")
    assert (view.cells_done, view.cells_total) == (1, 2)
    assert view.gpu_minutes is not None


async def test_it_ended_as_it_should(run: Run, fake_slurm: FakeSlurm) -> None:
    report(run, ended=datetime.now(UTC), outcome="completed", cells_done=3, cells_total=3)
    fake_slurm.change(
        "1", state="COMPLETED", node="gpu1", start="1763640000", end="1763640120", exit_code="0:0", account="sme"
    )
    view = await seen(run, fake_slurm)
    assert view.sentence == "It ended as it should. 3 of 3 cells ran."
    assert (view.over, view.gpu_minutes) == (True, 2.0)


@pytest.mark.parametrize(
    ("ename", "advice"),
    [
        ("FileNotFoundError", "A run begins in {home}: put the file there"),
        ("ModuleNotFoundError", "not in the environment"),
        ("DeadKernelError", "too little memory (4000 MiB)"),
        ("ValueError", ""),
    ],
)
async def test_a_failed_cell_is_named_with_its_cause(
    run: Run, fake_slurm: FakeSlurm, home: Path, ename: str, advice: str
) -> None:
    failure = Failure(cell=2, line="load(path)", ename=ename, evalue="x")
    report(run, ended=datetime.now(UTC), outcome="failed", cells_done=1, cells_total=4, failure=failure)
    fake_slurm.change("1", state="FAILED", node="gpu1", exit_code="1:0")
    said = (await seen(run, fake_slurm)).sentence
    assert said.startswith(f"The cell marked [2] failed, which begins with `load(path)`: {ename}: x.")
    assert advice.format(home=home) in said
    assert said.endswith("1 of 4 cells ran. What was done until then is in output.ipynb.")


async def test_a_full_home_folder_is_known_by_the_exit_code(run: Run, fake_slurm: FakeSlurm) -> None:
    """The report found no room either."""
    fake_slurm.change("1", state="FAILED", node="gpu1", exit_code="28:0")
    assert (await seen(run, fake_slurm)).sentence.startswith("Your home folder is full, so the result could not")


async def test_a_job_out_of_time_keeps_what_was_done(run: Run, fake_slurm: FakeSlurm) -> None:
    report(run, ended=datetime.now(UTC), outcome="stopped", cells_done=1, cells_total=4)
    fake_slurm.change("1", state="TIMEOUT", node="gpu1")
    assert (await seen(run, fake_slurm)).sentence == (
        "Its time was up. 1 of 4 cells ran. What was done until then is in output.ipynb. "
        "It can be resumed: onramp runs resume, or the button of its panel."
    )


async def test_without_slurm_the_folder_tells_what_it_knows(run: Run, fake_slurm: FakeSlurm) -> None:
    for command in ("squeue", "sacct"):
        fake_slurm.answer(command, err=DOWN, code=1)
    waiting = await seen(run, fake_slurm)
    assert (waiting.state, waiting.over) == ("UNKNOWN", False)
    assert waiting.sentence == f"Its job has not begun. Slurm cannot be asked just now: {DOWN}"
    report(run, ended=datetime.now(UTC), outcome="completed")
    assert (await seen(run, fake_slurm)).sentence.startswith("Its own last word: completed. Slurm cannot be asked")


async def test_a_job_is_found_where_its_id_was_not_written_down(run: Run, fake_slurm: FakeSlurm) -> None:
    """Whoever promoted it was ended between sbatch and the note."""
    (run.folder / files.JOB_ID).unlink()
    assert (await seen(run, fake_slurm)).state == "PENDING"
    fake_slurm.purge("1")
    report(run)
    view = await seen(run, fake_slurm)
    assert (view.state, view.over) == ("UNKNOWN", False)


async def test_cancel_ends_it_once(run: Run, slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    assert "is cancelled" in await cancel(run, slurm)
    assert fake_slurm.job("1")["state"] == "CANCELLED"
    assert (await seen(run, fake_slurm)).sentence.startswith("You cancelled it. No cell had run yet. It can")
    assert f"is over already: You cancelled it. (uid {os.getuid()})".split(" (")[0] in await cancel(run, slurm)
    assert len(fake_slurm.calls("scancel")) == 1


async def test_cancel_without_slurm_says_so(run: Run, fake_slurm: FakeSlurm) -> None:
    for command in ("squeue", "sacct"):
        fake_slurm.answer(command, err=DOWN, code=1)
    with pytest.raises(RunError, match="cannot be cancelled now"):
        await cancel(run, client(fake_slurm))


async def test_runs_are_listed_and_found_by_a_part_of_their_name(home: Path, slurm: Slurm) -> None:
    with pytest.raises(RunError, match="There are no runs"):
        find_run("x")
    train = await submit(notebook(home / "train.ipynb", ["1"]), {"profile": "cpu"}, {}, slurm)
    other = await submit(notebook(home / "other.ipynb", ["1"]), {"profile": "cpu"}, {}, slurm)
    assert {run.name for run in runs()} == {train.name, other.name}
    assert find_run("train") == train
    assert find_run(other.name) == other
    assert find_run("") == runs()[0]
    with pytest.raises(RunError, match=r"No run is called 'nope'\. Choose from: "):
        find_run("nope")
    with pytest.raises(RunError, match="More than one run has"):
        find_run("20")
    assert find_run(train.name, whole=True) == train
    for name in ("train", ""):
        with pytest.raises(RunError, match=rf"No run is called '{name}'\. Choose from: "):
            find_run(name, whole=True)


async def test_many_ended_runs_are_one_question_and_none_the_second_time(
    home: Path, slurm: Slurm, fake_slurm: FakeSlurm
) -> None:
    """Accounting's last word is kept in run.json, beside what the job reported."""
    path = notebook(home / "train.ipynb", ["1"])
    several = [await submit(path, {"profile": "gpu-1"}, {"epochs": epochs}, slurm) for epochs in range(4)]
    report(several[0], ended=datetime.now(UTC), outcome="completed", cells_done=2, cells_total=2)
    for number in "123":
        fake_slurm.change(number, state="COMPLETED", node="gpu1", start="1763640000", end="1763640120", exit_code="0:0")
    before = await look_at(several, client(fake_slurm))
    assert [view.state for view in before if view] == ["COMPLETED", "COMPLETED", "COMPLETED", "PENDING"]
    assert len(fake_slurm.calls("sacct")) == 1

    for command in ("squeue", "sacct"):
        fake_slurm.answer(command, err=DOWN, code=1)
    after = await look_at(several, client(fake_slurm))
    assert [view.sentence for view in after[:3] if view] == [view.sentence for view in before[:3] if view]
    assert [view.gpu_minutes for view in after[:3] if view] == [2.0, 2.0, 2.0]
    assert [call["argv"][-1] for call in fake_slurm.calls("sacct")] == ["--jobs=1,2,3", "--jobs=4"]
    record = several[0].record
    assert record.accounting is not None
    assert record.reported is not None
    assert (record.accounting.state, record.accounting.node, record.reported.cells_done) == ("COMPLETED", "gpu1", 2)


async def test_an_id_that_is_none_spoils_no_other(home: Path, slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    path = notebook(home / "train.ipynb", ["1"])
    good, bad = [await submit(path, {"profile": "gpu-1"}, {"epochs": epochs}, slurm) for epochs in range(2)]
    (bad.folder / files.JOB_ID).write_text("--help")
    fake_slurm.change("1", state="COMPLETED", end="1763640120", exit_code="0:0")
    views = await look_at([good, bad], client(fake_slurm))
    assert [view.state for view in views if view] == ["COMPLETED", "PENDING"]  # found by its comment
    assert [call["argv"][-1] for call in fake_slurm.calls("sacct")] == ["--jobs=1"]


async def test_an_end_a_moment_ago_is_not_kept_yet(run: Run, fake_slurm: FakeSlurm) -> None:
    """The job may still be writing what it has to say."""
    fake_slurm.change("1", state="TIMEOUT", node="gpu1", end=str(int(time.time())))
    assert (await seen(run, fake_slurm)).state == "TIMEOUT"
    assert run.record.accounting is None


async def test_a_folder_that_cannot_be_written_is_looked_at_all_the_same(
    run: Run, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_slurm.change("1", state="COMPLETED", end="1763640120", exit_code="0:0")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    assert (await seen(run, fake_slurm)).state == "COMPLETED"


async def test_a_broken_record_is_said(run: Run, fake_slurm: FakeSlurm) -> None:
    (run.folder / files.RECORD).write_text("{")
    with pytest.raises(RunError, match=r"run\.json cannot be read"):
        await seen(run, fake_slurm)


def test_the_log_is_read_from_its_end(tmp_path: Path) -> None:
    assert Run(tmp_path).log() == ""
    (tmp_path / files.LOG).write_text("x" * 100 + "end")
    assert Run(tmp_path).log(size=4) == "xend"


def test_a_notebook_knows_its_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert this_run() is None
    monkeypatch.setenv(files.INSIDE, str(tmp_path))
    assert this_run() == Run(tmp_path)


def test_a_file_is_replaced_as_a_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a"
    files.write_whole(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        files.write_whole(path, "new")
    assert [(p.name, p.read_text()) for p in tmp_path.iterdir()] == [("a", "old")]
