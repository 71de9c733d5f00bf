"""The panel of a run: every state as a sentence, progress by cells, the end of the log, ways to the result."""

import asyncio
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from notebooks import runs_panel
from notebooks.runs_panel import LINES, RunPanel
from spawners import run_record as files
from spawners.run import Run
from spawners.run_record import Record, Reported
from spawners.run_submit import submit
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_run import client, notebook

BASE = "/user/student1/"


@pytest.fixture
def slurm(fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> Slurm:
    """One client that asks again each time."""
    monkeypatch.setattr("spawners.slurm.FRESH_RUNNING", 0.05)
    monkeypatch.setattr("spawners.slurm.FRESH_WAITING", 0.05)
    return client(fake_slurm)


@pytest.fixture
async def run(tmp_path: Path, slurm: Slurm, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run that has been submitted, in a panel that looks often."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("ONRAMP_SITE", "local")
    monkeypatch.delenv(files.INSIDE, raising=False)
    monkeypatch.setattr(runs_panel, "LOOK", 0.05)
    return await submit(notebook(tmp_path / "train.ipynb", ["1"]), {"profile": "gpu-1"}, {}, slurm)


def panel(run: Run, slurm: Slurm, base_url: str | None = BASE) -> RunPanel:
    """The panel of a run in a home folder that is the server's root."""
    return RunPanel(run, slurm, home=run.folder.parents[1], base_url=base_url)


async def shows(panel: RunPanel, words: str) -> None:
    """Wait until the panel says something."""
    async with asyncio.timeout(20):
        while words not in panel.facts.value + panel.log.value:
            await asyncio.sleep(0.02)


async def test_from_the_queue_to_the_result(run: Run, slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    shown = panel(run, slurm)
    shown.start()
    await shows(shown, "Other jobs are ahead in the queue")
    assert (shown.bar.value, shown.count.value) == (0, "not begun")
    assert "None yet." in shown.facts.value

    fake_slurm.change("1", state="RUNNING", node="gpu1", start="1763640000")
    done = '{"cell_type": "code", "metadata": {"papermill": {"status": "completed"}}}'
    (run.folder / files.OUTPUT).write_text(f'{{"cells": [{done}, {{"cell_type": "code", "metadata": {{}}}}]}}')
    (run.folder / files.LOG).write_text("".join(f"line <{number}>\n" for number in range(100)))
    await shows(shown, "It runs on gpu1.")
    assert (shown.bar.value, shown.bar.max, shown.count.value) == (1, 2, "1 of 2")
    assert "line &lt;99&gt;" in shown.log.value
    assert f"line &lt;{99 - LINES}&gt;" not in shown.log.value

    (run.folder / files.ENVIRONMENT).write_text("numpy==2.0\n")
    reported = Reported(started=datetime.now(UTC), ended=datetime.now(UTC), outcome="completed", cells_done=2)
    files.write_record(run.folder, Record(submitted=run.record.submitted, reported=reported))
    fake_slurm.change("1", state="COMPLETED", end="1763640060", exit_code="0:0")
    await shows(shown, "It ended as it should.")
    assert "1 GPU minute in all" in shown.facts.value
    assert "Used 1 min of 1 h asked for. Next time --time 5 is enough" in shown.facts.value
    assert f'href="{BASE}lab/tree/runs/{run.name}/output.ipynb"' in shown.facts.value
    assert f'href="{BASE}files/runs/{run.name}/environment.txt?download=1"' in shown.facts.value
    async with asyncio.timeout(5):
        while shown._work:  # it has stopped to look
            await asyncio.sleep(0.02)


async def test_once_it_is_over_the_button_deletes_it(run: Run, slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    shown = panel(run, slurm)
    shown.start()
    await shows(shown, "In the queue")
    shown.button.click()
    fake_slurm.change("1", state="COMPLETED", end="1763640060", exit_code="0:0")
    await shows(shown, "It ended as it should.")
    assert (shown.button.description, shown.button.button_style) == ("Delete this run", "")
    shown.button.click()
    assert (shown.button.description, run.folder.exists()) == ("Really delete?", True)
    shown.button.click()
    await shows(shown, "is deleted: its result, its log and its record.")
    assert (shown.view.children, run.folder.exists()) == ((shown.facts,), False)


async def test_one_that_met_its_time_limit_is_resumed_and_watched_on(
    run: Run, slurm: Slurm, fake_slurm: FakeSlurm
) -> None:
    """Two clicks are one job; the button is there only where it helps."""
    shown = panel(run, slurm)
    shown.start()
    await shows(shown, "In the queue")
    assert shown.again.layout.display == "none"
    fake_slurm.change("1", state="TIMEOUT", start="1763640000", end="1763640060", exit_code="0:15")
    await shows(shown, "Out of time")
    assert shown.again.layout.display == ""
    shown.again.click()
    shown.again.click()
    await shows(shown, "Attempt 1")
    await shows(shown, "In the queue")
    assert "job 1, TIMEOUT, 1.0 GPU minutes" in shown.facts.value
    assert (len(fake_slurm.calls("sbatch")), shown.again.layout.display) == (2, "none")
    fake_slurm.change("2", state="COMPLETED", start="1763640100", end="1763640160", exit_code="0:0")
    await shows(shown, "It ended as it should.")
    assert "2 GPU minutes in all" in shown.facts.value


async def test_what_cannot_be_deleted_now_is_said(run: Run, slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    shown = panel(run, slurm)
    shown.start()
    fake_slurm.change("1", state="COMPLETED", end=str(int(time.time())), exit_code="0:0")
    slurm._poll.expire()
    await shows(shown, "It ended as it should.")
    (run.folder.parent / "elsewhere").mkdir()
    run.folder.rename(run.folder.parent / "elsewhere/run")
    run.folder.symlink_to(run.folder.parent / "elsewhere/run")
    shown.button.click()
    shown.button.click()
    async with asyncio.timeout(5):
        while "is a link" not in shown.note.value:
            await asyncio.sleep(0.02)
    assert (shown.button.description, shown.button.disabled) == ("Delete this run", False)


async def test_outside_a_server_it_names_files_and_links_nowhere(run: Run, slurm: Slurm) -> None:
    (run.folder / files.OUTPUT).write_text("{}")
    shown = panel(run, slurm, base_url=None)
    shown.start()
    await shows(shown, "output.ipynb")
    assert "href" not in shown.facts.value
    assert f"onramp runs show {run.name}" in str(shown._repr_mimebundle_()["text/plain"])


async def test_cancel_asks_once_whether_that_is_meant(run: Run, slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    shown = panel(run, slurm)
    shown.start()
    await shows(shown, "In the queue")
    shown.button.click()
    assert shown.button.description == "Really cancel?"
    assert fake_slurm.calls("scancel") == []
    shown.button.click()
    await shows(shown, "You cancelled it.")
    assert len(fake_slurm.calls("scancel")) == 1


async def test_slurm_away_is_said_and_the_panel_goes_on(run: Run, slurm: Slurm, fake_slurm: FakeSlurm) -> None:
    for command in ("squeue", "sacct"):
        fake_slurm.answer(command, err="slurm_load_jobs error: Unable to contact slurm controller", code=1)
    shown = panel(run, slurm)
    shown.start()
    await shows(shown, "Slurm cannot be asked just now")
    for command in ("squeue", "sacct"):
        fake_slurm.heal(command)
    slurm._poll.expire()
    await shows(shown, "Other jobs are ahead")
    assert shown._work


async def test_a_record_that_cannot_be_read_is_said(run: Run, slurm: Slurm) -> None:
    (run.folder / files.RECORD).write_text("{")
    shown = panel(run, slurm)
    shown.start()
    async with asyncio.timeout(5):
        while "cannot be read" not in shown.note.value:
            await asyncio.sleep(0.02)
