"""What the panel's widgets say and do, with Slurm's commands as small programs."""

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from functools import partial
from pathlib import Path

import pytest

from notebooks import panel as panel_module
from notebooks.panel import Panel
from notebooks.status import OUTSIDE, Status, ask, from_environment, status_within
from spawners.slurm import Slurm
from tests.notebooks.job import GPU_JOB


def text(panel: Panel) -> str:
    """What a reader sees, without markup."""
    without_style = re.sub(r"<style>.*?</style>", "", panel.facts.value, flags=re.DOTALL)
    return re.sub(r"<[^>]+>", " ", without_style + panel.note.value)


async def until(condition: Callable[[], bool]) -> None:
    """Wait for the panel's own task, 20 s at most."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


@pytest.fixture
async def panel(slurm_bin: Callable[..., Path]) -> AsyncIterator[Panel]:
    """A started panel of job 17 that has its first answer."""
    scheduler = Slurm(bin=str(slurm_bin()))
    shown = Panel(from_environment(GPU_JOB), partial(ask, scheduler=scheduler))
    shown.start()
    await until(lambda: "Slurm was asked at" in text(shown))
    yield shown
    shown.stop()


def test_outside_a_job_it_says_so_and_offers_nothing_to_press() -> None:
    shown = panel_module.panel()

    assert OUTSIDE in shown.facts.value
    assert (shown.facts,) == tuple(shown.view.children)
    assert shown._repr_mimebundle_()["text/plain"] == OUTSIDE


def test_before_slurm_answers_the_environment_is_shown() -> None:
    shown = Panel(from_environment(GPU_JOB), ask_never)

    assert "17, in partition gpu." in text(shown)
    assert "gpu1, with 2 CPUs and 3.9 GiB of memory." in text(shown)
    assert "Not known yet." in text(shown)


@pytest.fixture
def job(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process in job 17."""
    for name, value in GPU_JOB.items():
        monkeypatch.setenv(name, value)


@pytest.mark.usefixtures("job")
async def test_what_a_saved_notebook_shows_is_what_was_known_and_when(slurm_bin: Callable[..., Path]) -> None:
    """A cell that shows a panel ends with Slurm's first answer in it, and Slurm is not asked again at once."""
    folder = slurm_bin()
    shown = Panel(status_within(5, Slurm(bin=str(folder))), ask_never)
    saved = str(shown._repr_mimebundle_()["text/plain"])

    assert "Time left: 57 minutes, until " in saved
    assert re.fullmatch(r"As of: \d+ \w+ 20\d\d, \d\d:\d\d", saved.splitlines()[-1])
    assert re.search(r"Slurm was asked at \d\d:\d\d:\d\d on \d+ \w+ 20\d\d\.", text(shown))
    shown.start()
    await asyncio.sleep(0.1)
    assert "This panel stopped" not in text(shown)
    shown.stop()


@pytest.mark.usefixtures("job")
def test_a_slurm_that_hangs_holds_no_cell_for_long(slurm_bin: Callable[..., Path]) -> None:
    folder = slurm_bin()
    (folder / "squeue").write_text("#!/bin/sh\nexec sleep 60\n")
    saved = str(Panel(status_within(0.5, Slurm(bin=str(folder))), ask_never)._repr_mimebundle_()["text/plain"])

    assert "Time left: Not known yet." in saved
    assert "As of: " in saved


async def ask_never(known: Status) -> Status:
    """Fail if asked."""
    raise AssertionError(known)


async def test_it_shows_time_and_budget_by_itself(panel: Panel) -> None:
    assert "57 minutes, until" in text(panel)
    assert "GPU minutes left in account onboarding." in text(panel)
    assert not re.search(r"\b(None|nan|null)\b", text(panel))


async def test_a_table_with_named_rows(panel: Panel) -> None:
    rows = re.findall(r'<th scope="row">([^<]+)</th>', panel.facts.value)

    assert rows == ["Job", "Node", "GPUs", "Time left", "Budget", "Home"]
    assert "<caption>This server</caption>" in panel.facts.value


async def test_refresh_spares_slurm(panel: Panel, tmp_path: Path) -> None:
    for _ in range(20):
        panel.button.click()
    await until(lambda: "wait 10 seconds" in text(panel))

    assert (tmp_path / "bin/squeue.calls").read_text().splitlines(keepends=True) == ["squeue\n"]


async def test_refresh_asks_again_later(panel: Panel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(panel_module, "AT_MOST", 0.0)
    panel.button.click()
    await until(lambda: (tmp_path / "bin/sshare.calls").read_text().count("sshare") == 2)


async def test_a_click_from_another_thread_reaches_the_panel(panel: Panel) -> None:
    """JupyterLab sends widget messages to a kernel's subshell, which is a thread of its own."""
    await asyncio.to_thread(panel.button.click)
    await until(lambda: "wait 10 seconds" in text(panel))


async def test_a_newer_panel_stops_the_older(panel: Panel) -> None:
    newer = Panel(from_environment(GPU_JOB), ask_twice_the_time)
    newer.start()
    await until(lambda: not panel._work)

    assert "a newer one is open" in text(panel)
    assert Panel.current is newer
    newer.stop()


async def ask_twice_the_time(known: Status) -> Status:
    """Know nothing new."""
    return known


async def test_the_countdown_does_not_ask_slurm(
    slurm_bin: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(panel_module, "REDRAW", 0.01)
    monkeypatch.setattr(panel_module, "ASK", 100.0)
    folder = slurm_bin()
    shown = Panel(from_environment(GPU_JOB), partial(ask, scheduler=Slurm(bin=str(folder))))
    drawn: list[str] = []
    shown.facts.observe(lambda change: drawn.append(change["new"]), "value")
    shown.start()
    await until(lambda: "Slurm was asked at" in text(shown))
    await asyncio.sleep(0.3)
    shown.stop()

    assert (folder / "squeue.calls").read_text() == "squeue\n"


async def test_an_error_is_said_and_not_swallowed() -> None:
    shown = Panel(from_environment(GPU_JOB), ask_never)
    shown.start()
    await until(lambda: "This panel stopped" in text(shown))
    shown.stop()


async def test_what_slurm_says_is_text_not_markup(slurm_bin: Callable[..., Path]) -> None:
    shown = Panel(Status(job_id="17", partition="<b onclick=x>", problem="<script>"), ask_never)

    assert "<b onclick" not in shown.facts.value
    assert "<script>" not in shown.facts.value
