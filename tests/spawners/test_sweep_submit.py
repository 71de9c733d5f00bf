"""sweep: what is refused before Slurm is asked, what Slurm gets, and what is seen of it afterwards."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from spawners import run_record as files
from spawners.run_delete import delete_sweep
from spawners.run_record import Failure, Reported, RunError
from spawners.run_values import VALUES
from spawners.sweep import Sweep, best, cancel, find_sweep, look, sweeps
from spawners.sweep_record import CLAIM, claim, member_folders, parameters_of, read_sweep
from spawners.sweep_submit import submit, submit_again
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_run import client, notebook, on_a_server

GRID = {"epochs": [1, 2], "rate": [0.1, 0.2, 0.3]}
GPU = {"profile": "gpu-1", "time": 30}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, on a server of the local site."""
    return on_a_server(tmp_path, monkeypatch)


async def swept(
    fake: FakeSlurm, home: Path, grid: object = GRID, asked: dict[str, object] | None = None, **caps: Any
) -> Sweep:
    """A sweep of a small notebook."""
    path = notebook(home / "Train.ipynb", ["print(epochs)"])
    return await submit(path, asked or GPU, grid, client(fake), **{"gpu_hours": 4, **caps})


def finish(member: Path, outcome: str, *, loss: float | None = None, failure: Failure | None = None) -> None:
    """Let a member be over, as its job writes that down."""
    now = datetime.now(UTC)
    reported = Reported(started=now, ended=now, outcome=outcome, failure=failure)  # type: ignore[arg-type]
    files.write_record(member, files.read_record(member).model_copy(update={"reported": reported}))
    claim(member, "1")
    if loss is not None:
        (member / VALUES).write_text(f'{{"loss": {loss}}}')


async def test_one_array_and_a_folder_for_each_member(fake_slurm: FakeSlurm, home: Path) -> None:
    one = await swept(fake_slurm, home, jobs=2)

    (call,) = fake_slurm.calls("sbatch")
    assert "#SBATCH --array=0-1\n" in call["stdin"]
    assert f"#SBATCH --output={one.folder}/job-%A-%a.log\n" in call["stdin"]
    assert call["stdin"].endswith(f"exec /srv/onramp/venv/bin/python -I -m spawners.sweep_node {one.folder}\n")
    found = member_folders(one.folder)
    assert [parameters_of(member) for member in found][:2] == [{"epochs": 1, "rate": 0.1}, {"epochs": 1, "rate": 0.2}]
    assert len(found) == 6
    assert all((member / files.INPUT).read_bytes() == (home / "Train.ipynb").read_bytes() for member in found)
    assert (one.record.jobs, one.record.gpu_hours, one.name.endswith("-train-sweep")) == (2, 4, True)
    assert (await look(one, client(fake_slurm))).state == "PENDING"


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ({}, "The grid is empty"),
        ("epochs", "The grid is empty"),
        ({"epochs": []}, "'epochs' has no values"),
        ({"epochs": 3}, r"no list. Write grid={'epochs': [3]}"),
        ({"rate": "0.1"}, "no list"),
        ({"epoch": [1]}, "has no parameter 'epoch'. Choose from: epochs, rate."),
        ({"epochs": [1, "two"]}, "Parameter 'epochs' of Train.ipynb is 3, a number, and 'two' is a text."),
        (
            {"epochs": range(101), "rate": range(10)},
            "101 (epochs) × 10 (rate) are 1010 members, and a sweep has at most",
        ),
    ],
)
async def test_a_grid_that_is_none(fake_slurm: FakeSlurm, home: Path, grid: object, words: str) -> None:
    with pytest.raises(RunError) as error:
        await swept(fake_slurm, home, grid)
    assert words in str(error.value)
    assert not (home / "runs").exists()


@pytest.mark.parametrize(
    ("caps", "words"),
    [
        ({"gpu_hours": None}, "4 jobs × 30 minutes × 1 GPU = 2 GPU-hours. Give gpu_hours=2, or a lower time."),
        ({"gpu_hours": 1}, "= 2 GPU-hours, and gpu_hours is 1. Give time=15, fewer jobs, or gpu_hours=2."),
        ({"gpu_hours": -1}, "gpu_hours is -1; it is a number of hours"),
        ({"jobs": 7}, "jobs is 7, and 6 members are shared by 1 to 6 jobs."),
        ({"jobs": 0}, "jobs is 0"),
    ],
)
async def test_what_it_may_cost_is_reckoned_before(
    fake_slurm: FakeSlurm, home: Path, caps: dict[str, Any], words: str
) -> None:
    with pytest.raises(RunError) as error:
        await swept(fake_slurm, home, **caps)
    assert words in str(error.value)
    assert fake_slurm.calls("sbatch") == []


async def test_without_gpus_no_cap_is_needed(fake_slurm: FakeSlurm, home: Path) -> None:
    one = await swept(fake_slurm, home, asked={"profile": "cpu"}, gpu_hours=None)
    assert one.record.jobs == 4


async def test_a_second_click_is_the_same_sweep_and_another_grid_is_not(fake_slurm: FakeSlurm, home: Path) -> None:
    first = await swept(fake_slurm, home)
    assert await swept(fake_slurm, home) == first
    assert len(fake_slurm.calls("sbatch")) == 1
    assert await swept(fake_slurm, home, {"epochs": [1]}) != first
    assert len(sweeps()) == 2
    assert find_sweep(first.name) == first
    assert find_sweep("sweep") is None


async def test_what_slurm_refuses_is_kept(fake_slurm: FakeSlurm, home: Path) -> None:
    fake_slurm.answer("sbatch", err="sbatch: error: Invalid job array specification", code=1)
    with pytest.raises(RunError, match=r"Slurm did not take the sweep: .*Invalid job array specification"):
        await swept(fake_slurm, home)
    (one,) = sweeps()
    seen = await look(one, client(fake_slurm))
    assert (seen.state, seen.over, "Invalid job array" in seen.sentence) == ("NOT_SUBMITTED", True, True)


async def test_it_is_seen_as_one_with_its_members(fake_slurm: FakeSlurm, home: Path) -> None:
    """While jobs of the array are there it runs; then accounting says how they ended, and what it cost."""
    one = await swept(fake_slurm, home)
    slurm = client(fake_slurm)
    fake_slurm.change("1", shown="1_0", state="RUNNING", node="gpu1")
    found = member_folders(one.folder)
    for number, member in enumerate(found[:4]):
        finish(member, "completed", loss=1 / (number + 1))
    finish(found[4], "failed", loss=0.0, failure=Failure(cell=2, line="boom()", ename="ValueError", evalue="no"))
    seen = await look(one, slurm)
    assert (seen.state, seen.over, seen.sentence) == ("RUNNING", False, "1 job runs on gpu1.")
    assert [member.state for member in seen.members] == ["COMPLETED"] * 4 + ["FAILED", "PENDING"]
    assert "[2] failed, which begins with `boom()`: ValueError: no" in seen.members[4].sentence
    assert best(seen.members, "loss").name == "0004"
    assert best(seen.members, "loss", largest=True).name == "0001"
    with pytest.raises(RunError, match=r"has reported 'accuracy'\. Reported are: loss"):
        best(seen.members, "accuracy")
    with pytest.raises(RunError, match="is not over"):
        await submit_again(one, slurm)

    fake_slurm.change("1", state="FAILED", hidden="yes", start="1800000000", end="1800000600")
    seen = await look(one, client(fake_slurm))
    assert (seen.state, seen.over, seen.gpu_minutes) == ("FAILED", True, 10)
    assert seen.members[5].state == "NOT_RUN"
    assert seen.sentence.startswith("4 of 6 members ran to their end.")


async def test_only_those_that_failed_are_tried_again(fake_slurm: FakeSlurm, home: Path) -> None:
    one = await swept(fake_slurm, home)
    found = member_folders(one.folder)
    for member in found[:5]:
        finish(member, "completed", loss=0.5)
    finish(found[5], "failed", failure=Failure(ename="ValueError"))
    fake_slurm.change("1", state="FAILED", hidden="yes", start="1800000000", end="1800001800")

    with pytest.raises(RunError, match=r"1 job × 30 minutes × 1 GPU = 0.5 GPU-hours and 0.50 are used already"):
        await submit_again(one, client(fake_slurm), gpu_hours=0.9)
    assert await submit_again(one, client(fake_slurm)) == one
    assert "#SBATCH --array=0-0\n" in fake_slurm.calls("sbatch")[1]["stdin"]
    assert [(member / CLAIM).exists() for member in found] == [True] * 5 + [False]
    assert files.read_record(found[5]).reported is None
    assert (one.folder / files.JOB_ID).read_text() == "1\n2\n"


async def test_cancelled_and_deleted(fake_slurm: FakeSlurm, home: Path) -> None:
    one = await swept(fake_slurm, home)
    with pytest.raises(RunError, match="is not over"):
        await delete_sweep(one, client(fake_slurm))
    assert "is cancelled" in await cancel(one, client(fake_slurm))
    assert fake_slurm.calls("scancel")[0]["argv"] == ["1"]
    fake_slurm.hide("1")
    seen = await look(one, client(fake_slurm))
    assert (seen.state, seen.over) == ("CANCELLED", True)
    await delete_sweep(one, client(fake_slurm))
    assert not one.folder.exists()
    assert os.listdir(home / "runs") == []


async def test_a_script_is_no_notebook(fake_slurm: FakeSlurm, home: Path) -> None:
    with pytest.raises(RunError, match=r"train\.py is a script"):
        await submit(home / "train.py", GPU, GRID, client(fake_slurm))


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is not the folder of a sweep"):
        read_sweep(tmp_path)
    (tmp_path / "sweep.json").write_text("{")
    with pytest.raises(RunError, match="cannot be read"):
        read_sweep(tmp_path)
