"""A run that is over is deleted: its own folder, below the folder of runs, and nothing else."""

import os
from pathlib import Path

import pytest

from spawners import run_record as files
from spawners.run import Run, runs
from spawners.run_delete import delete
from spawners.run_record import RunError
from spawners.run_submit import submit
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_run import client, notebook, on_a_server

DOWN = "slurm_load_jobs error: Unable to contact slurm controller (connect failure)"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, on a server of the local site."""
    return on_a_server(tmp_path, monkeypatch)


@pytest.fixture
async def run(home: Path, fake_slurm: FakeSlurm) -> Run:
    """A run that waits in the queue."""
    return await submit(notebook(home / "train.ipynb", ["1"]), {"profile": "gpu-1"}, {}, client(fake_slurm))


async def test_what_is_over_goes_with_all_that_it_left(run: Run, fake_slurm: FakeSlurm, home: Path) -> None:
    fake_slurm.change("1", state="FAILED", exit_code="1:0")
    (run.folder / "model").mkdir()
    (run.folder / "model/weights").write_text("")
    assert await delete(run, client(fake_slurm)) == f"{run.name} is deleted: its result, its log and its record."
    assert list((home / "runs").iterdir()) == []
    assert (home / "train.ipynb").exists()


@pytest.mark.parametrize("state", ["PENDING", "RUNNING", "COMPLETING", "SOMETHING_NEW"])
async def test_what_is_not_over_is_kept(run: Run, fake_slurm: FakeSlurm, state: str) -> None:
    fake_slurm.change("1", state=state)
    with pytest.raises(RunError, match=f"its job 1 is {state}. Cancel it first: onramp runs cancel {run.name}"):
        await delete(run, client(fake_slurm))
    assert run.record


async def test_where_slurm_cannot_be_asked_nothing_is_deleted(run: Run, fake_slurm: FakeSlurm) -> None:
    for command in ("squeue", "sacct"):
        fake_slurm.answer(command, err=DOWN, code=1)
    with pytest.raises(RunError, match="cannot be deleted now: Slurm cannot be asked whether its job is over"):
        await delete(run, client(fake_slurm))
    assert run.record


async def test_what_slurm_never_took_or_no_longer_knows_goes(run: Run, home: Path, fake_slurm: FakeSlurm) -> None:
    fake_slurm.purge("1")
    await delete(run, client(fake_slurm))
    fake_slurm.answer("sbatch", err=DOWN, code=1)
    with pytest.raises(RunError, match="Slurm is away"):
        await submit(home / "train.ipynb", {"profile": "gpu-1"}, {}, client(fake_slurm))
    (refused,) = runs()
    fake_slurm.answer("squeue", err=DOWN, code=1)
    await delete(refused, client(fake_slurm))
    assert runs() == []


async def test_a_broken_record_hides_no_job_that_runs(run: Run, fake_slurm: FakeSlurm) -> None:
    (run.folder / files.RECORD).write_text("{")
    with pytest.raises(RunError, match="its job 1 is PENDING"):
        await delete(run, client(fake_slurm))
    fake_slurm.change("1", state="CANCELLED")
    await delete(run, client(fake_slurm))
    assert not run.folder.exists()


async def test_links_lead_nowhere(run: Run, home: Path, fake_slurm: FakeSlurm) -> None:
    """One in the folder goes alone, and one in the place of a folder is no run."""
    precious = home / "precious"
    precious.mkdir()
    (precious / "data").write_text("mine")
    (precious / files.RECORD).write_text((run.folder / files.RECORD).read_text())
    (run.folder / "data").symlink_to(precious)
    fake_slurm.change("1", state="COMPLETED")
    await delete(run, client(fake_slurm))

    link = home / "runs/20260101-000000-link"
    link.symlink_to(precious)
    with pytest.raises(RunError, match="is a link, and the folder of no run"):
        await delete(Run(link), client(fake_slurm))
    for folder in (precious, home / "runs/../precious"):
        with pytest.raises(RunError, match="is not below"):
            await delete(Run(folder), client(fake_slurm))
    assert (precious / "data").read_text() == "mine"
    assert link.is_symlink()


async def test_the_folder_of_runs_may_be_a_link_to_a_larger_disk(run: Run, home: Path, fake_slurm: FakeSlurm) -> None:
    (home / "runs").rename(home / "scratch")
    (home / "runs").symlink_to(home / "scratch")
    fake_slurm.change("1", state="COMPLETED")
    await delete(run, client(fake_slurm))
    assert list((home / "scratch").iterdir()) == []


async def test_what_cannot_be_deleted_is_named(
    run: Run, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network file system holds on to a file that is open elsewhere."""
    fake_slurm.change("1", state="COMPLETED")

    def busy(path: str, *, dir_fd: int | None = None) -> None:
        raise OSError(16, "Device or resource busy", path)

    with monkeypatch.context() as patch:
        patch.setattr(os, "unlink", busy)
        with pytest.raises(RunError, match=r"cannot be deleted as a whole: Device or resource busy: \S+\. Try again"):
            await delete(run, client(fake_slurm))
