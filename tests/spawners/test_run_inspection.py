"""An inspection asks accounting what a run used, says so, and leaves a page."""

from pathlib import Path

import pytest

from spawners.run import Run, look
from spawners.run_inspection import inspect
from spawners.run_record import REPORT
from spawners.run_submit import submit
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_run import client, notebook, on_a_server

START, END = "1763640000", "1763640600"


@pytest.fixture
async def run(fake_slurm: FakeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that has been submitted."""
    home = on_a_server(tmp_path, monkeypatch)
    return await submit(notebook(home / "train.ipynb", ["1"]), {"profile": "gpu-1"}, {}, client(fake_slurm))


async def test_what_accounting_measured_is_told_and_left_as_a_page(run: Run, fake_slurm: FakeSlurm) -> None:
    fake_slurm.change("1", state="COMPLETED", start=START, end=END, totalcpu="05:00.000", maxrss="512000K")
    slurm = client(fake_slurm)
    told = dict(await inspect(run, await look(run, slurm), slurm))
    assert told["Time"].startswith("Used 10 min of 1 h asked for.")
    assert told["CPUs"].startswith("0.5 of ")
    assert told["Memory"].startswith("At most 500 MiB of ")
    assert "At most 500 MiB of" in (run.folder / REPORT).read_text()


async def test_where_accounting_is_away_or_the_disk_is_full_the_rest_is_told(run: Run, fake_slurm: FakeSlurm) -> None:
    fake_slurm.change("1", state="COMPLETED", start=START, end=END)
    slurm = client(fake_slurm)
    seen = await look(run, slurm)
    fake_slurm.answer("sacct", err="sacct: error: slurmdbd is away", code=1)
    (run.folder / REPORT).mkdir()
    assert "CPUs" not in (told := dict(await inspect(run, seen, slurm)))
    assert "Time" in told


async def test_while_it_is_not_over_there_is_nothing(run: Run, fake_slurm: FakeSlurm) -> None:
    slurm = client(fake_slurm)
    assert await inspect(run, await look(run, slurm), slurm) == []
    assert not (run.folder / REPORT).exists()
