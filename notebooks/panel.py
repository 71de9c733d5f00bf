"""The panel: a small view of this server's job, node, GPUs, time left and budget. A view only."""

import asyncio
import html
import time
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

import ipywidgets as widgets

from notebooks.status import OUTSIDE, Status, ask, status_within
from spawners.slurm import Slurm

# Seconds. The time left is counted down here; Slurm serves everybody, so it is asked seldom,
# and a reader who presses Refresh again and again gets the last answer.
REDRAW = 30.0
ASK = 300.0
AT_MOST = 10.0
# So long a cell waits for Slurm's first answer, which is what a saved notebook shows of the panel.
FIRST = 5.0

# JupyterLab's own colours, so that the panel follows its light and dark themes; fallbacks for other viewers.
CSS = """<style>
.onramp-panel { border: 1px solid var(--jp-border-color1, #8888); border-radius: 4px; padding: 8px 12px; }
.onramp-panel { max-width: 48rem; }
.onramp-panel .widget-html-content { color: var(--jp-content-font-color1, inherit); line-height: 1.5; }
.onramp-panel table { border-collapse: collapse; }
.onramp-panel caption { font-weight: 600; text-align: left; padding: 0 0 4px; }
.onramp-panel th, .onramp-panel td { text-align: left; vertical-align: top; padding: 2px 0; }
.onramp-panel th { font-weight: 600; white-space: nowrap; padding-right: 20px; }
.onramp-panel .widget-hbox { align-items: center; flex-wrap: wrap; gap: 0 8px; }
@media (max-width: 640px) { .onramp-panel th, .onramp-panel td { display: block; } }
</style>"""


class Panel:
    """A table of plain sentences, a Refresh button, and a line that says how fresh they are."""

    current: ClassVar["Panel | None"] = None

    def __init__(self, known: Status, update: Callable[[Status], Awaitable[Status]]) -> None:
        """`known` is shown at once; `update` asks Slurm and returns a newer Status."""
        self.facts = widgets.HTML(tooltip="")
        self.note = widgets.HTML(tooltip="")
        self.button = widgets.Button(description="Refresh", tooltip="Ask Slurm for time left and budget")
        self.button.on_click(self._click)
        self._known, self._update = known, update
        self._asked = float("-inf") if known.asked is None else time.monotonic()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: set[Future[None]] = set()
        bar = [widgets.HBox([self.button, self.note])] if known.job_id else []
        self.view = widgets.VBox([self.facts, *bar])
        self.view.add_class("onramp-panel")
        self.draw()
        self._say_when()

    def _repr_mimebundle_(self, **options: object) -> dict[str, object]:
        """What a notebook shows for a cell that ends in a panel; its words where no kernel keeps the widgets."""
        return {**self.view._repr_mimebundle_(**options), "text/plain": str(self._known)}

    def draw(self) -> None:
        """Show what is known, with the time that is left now."""
        self.facts.value = CSS + _table(self._known.lines(datetime.now(UTC)))

    async def refresh(self) -> None:
        """Ask Slurm and show its answer, or say that it was asked a moment ago."""
        if time.monotonic() - self._asked < AT_MOST:
            self._say(f"Slurm was asked just now; wait {AT_MOST:.0f} seconds to ask again.")
            return
        self._asked = time.monotonic()
        self._say("Asking Slurm …")
        self._known = await self._update(self._known)
        self.draw()
        self._say_when()

    async def watch(self) -> None:
        """Keep the panel fresh until `stop`: count down often, ask Slurm seldom."""
        if self._known.asked is None:
            await self.refresh()
        while True:
            for _ in range(round(ASK / REDRAW)):
                await asyncio.sleep(REDRAW)
                self.draw()
            await self.refresh()

    def start(self) -> None:
        """Watch from now on, in the kernel's event loop, instead of the panel that did so before."""
        if Panel.current is not None:
            Panel.current.stop()
        Panel.current = self
        self._loop = asyncio.get_running_loop()
        self._spawn(self.watch(), self._loop)

    def stop(self) -> None:
        """End the automatic refresh; the button still works."""
        for work in tuple(self._work):
            work.cancel()
        self._say("This panel stands still: a newer one is open. Refresh still works.")

    def _say_when(self) -> None:
        """Say how fresh this is, with the day: a notebook may be read on another."""
        if self._known.asked is not None:
            self._say(f"Slurm was asked at {self._known.asked.astimezone():%H:%M:%S on %-d %B %Y}.")

    def _say(self, text: str) -> None:
        # A screen reader reads a changed status line aloud without moving to it.
        self.note.value = f'<span role="status">{html.escape(text)}</span>'

    def _click(self, _button: object) -> None:
        if self._loop is not None:
            self._spawn(self.refresh(), self._loop)

    def _spawn(self, work: Coroutine[object, object, None], loop: asyncio.AbstractEventLoop) -> None:
        """Run `work` in the panel's own loop: a click may arrive in another thread of the kernel."""
        future = asyncio.run_coroutine_threadsafe(work, loop)
        self._work.add(future)
        future.add_done_callback(self._done)

    def _done(self, future: Future[None]) -> None:
        self._work.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            self._say(f"This panel stopped: {error}. Run its cell again.")


def panel() -> Panel:
    """Show what this server is, where it runs, how long it still may, and what it costs."""
    known = status_within(FIRST, Slurm())
    shown = Panel(known, partial(ask, scheduler=Slurm()))
    if known.job_id:
        shown.start()
    return shown


def _table(lines: tuple[tuple[str, str], ...]) -> str:
    if not lines:
        return f"<p>{OUTSIDE}</p>"
    rows = "".join(f'<tr><th scope="row">{name}</th><td>{html.escape(text)}</td></tr>' for name, text in lines)
    return f"<table><caption>This server</caption>{rows}</table>"
