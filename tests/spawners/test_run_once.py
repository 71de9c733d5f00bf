"""A second click within seconds makes no second job; what differs, was refused, or is meant again later, does."""

import asyncio
from datetime import timedelta
from pathlib import Path

import pytest

from spawners import run_record as files
from spawners.run import runs
from spawners.run_record import RunError
from spawners.run_submit import submit
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_run import client, notebook, on_a_server

GPU = {"profile": "gpu-1"}


@pytest.fixture(autouse=True)
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A notebook in a home folder, on a server of the local site."""
    return notebook(on_a_server(tmp_path, monkeypatch) / "train.ipynb", ["1"])


async def test_two_clicks_are_one_job(fake_slurm: FakeSlurm, path: Path) -> None:
    slurm = client(fake_slurm)
    made = await asyncio.gather(*(submit(path, GPU, {"epochs": 5}, slurm) for _ in range(3)))
    assert await submit(path, GPU, {"epochs": 5}, client(fake_slurm)) in made
    assert set(made) == set(runs())
    assert (len(runs()), len(fake_slurm.calls("sbatch"))) == (1, 1)


async def test_whatever_differs_is_another_run(fake_slurm: FakeSlurm, path: Path) -> None:
    slurm = client(fake_slurm)
    await submit(path, GPU, {"epochs": 5}, slurm)
    await submit(path, GPU, {"epochs": 6}, slurm)
    await submit(path, GPU | {"time": 5}, {"epochs": 5}, slurm)
    await submit(path, {"profile": "cpu"}, {"epochs": 5}, slurm)
    notebook(path, ["2"])
    await submit(path, GPU, {"epochs": 5}, slurm)
    assert (len(runs()), len(fake_slurm.calls("sbatch"))) == (5, 5)


async def test_the_same_again_later_is_meant(
    fake_slurm: FakeSlurm, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await submit(path, GPU, {}, client(fake_slurm))
    monkeypatch.setattr("spawners.run_once.SECOND_CLICK", timedelta(0))
    await submit(path, GPU, {}, client(fake_slurm))
    assert len(fake_slurm.calls("sbatch")) == 2


async def test_what_was_cancelled_is_meant_again(fake_slurm: FakeSlurm, path: Path) -> None:
    slurm = client(fake_slurm)
    first = await submit(path, GPU, {}, slurm)
    job_id = (first.folder / files.JOB_ID).read_text().strip()
    fake_slurm.change(job_id, state="CANCELLED", node="gpu1")
    second = await submit(path, GPU, {}, client(fake_slurm))
    assert second != first
    assert len(fake_slurm.calls("sbatch")) == 2


async def test_what_was_refused_is_tried_again(fake_slurm: FakeSlurm, path: Path) -> None:
    fake_slurm.answer("sbatch", err="sbatch: error: Unable to contact slurm controller (connect failure)", code=1)
    with pytest.raises(RunError, match="Slurm is away"):
        await submit(path, GPU, {}, client(fake_slurm))
    fake_slurm.heal("sbatch")
    await submit(path, GPU, {}, client(fake_slurm))
    assert len(fake_slurm.calls("sbatch")) == 2


async def test_a_broken_run_beside_it_is_no_hindrance(fake_slurm: FakeSlurm, path: Path) -> None:
    (broken := path.parent / "runs/20990101-000000-x").mkdir(parents=True)
    (broken / files.RECORD).write_text("{")
    await submit(path, GPU, {}, client(fake_slurm))
    assert len(fake_slurm.calls("sbatch")) == 1
