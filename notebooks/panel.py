"""The panel: a small view of this server's job, node, GPUs, time left and budget. A view only."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

import ipywidgets as widgets

from notebooks.cell_view import CSS, CellView, table
from notebooks.status import OUTSIDE, Status, ask, status_within
from spawners.slurm import Slurm

# Seconds. The time left is counted down here; Slurm serves everybody, so it is asked seldom,
# and a reader who presses Refresh again and again gets the last answer.
REDRAW = 30.0
ASK = 300.0
AT_MOST = 10.0
# So long a cell waits for Slurm's first answer, which is what a saved notebook shows of the panel.
FIRST = 5.0


class Panel(CellView):
    """A table of plain sentences, a Refresh button, and a line that says how fresh they are."""

    current: ClassVar["Panel | None"] = None

    def __init__(self, known: Status, update: Callable[[Status], Awaitable[Status]]) -> None:
        """`known` is shown at once; `update` asks Slurm and returns a newer Status."""
        super().__init__()
        self.facts = widgets.HTML(tooltip="")
        self.button = widgets.Button(description="Refresh", tooltip="Ask Slurm for time left and budget")
        self.button.on_click(self._click)
        self._known, self._update = known, update
        self._asked = float("-inf") if known.asked is None else time.monotonic()
        bar = [widgets.HBox([self.button, self.note])] if known.job_id else []
        self.view.children = [self.facts, *bar]
        self.draw()
        self._say_when()

    def draw(self) -> None:
        """Show what is known, with the time that is left now."""
        self.hint, lines = str(self._known), self._known.lines(datetime.now(UTC))
        self.facts.value = table("This server", lines, role="table") if lines else f"{CSS}<p>{OUTSIDE}</p>"

    async def refresh(self) -> None:
        """Ask Slurm and show its answer, or say that it was asked a moment ago."""
        if time.monotonic() - self._asked < AT_MOST:
            self.say(f"Slurm was asked just now; wait {AT_MOST:.0f} seconds to ask again.")
            return
        self._asked = time.monotonic()
        self.say("Asking Slurm …")
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
        self.spawn(self.watch())

    def stop(self) -> None:
        """End the automatic refresh; the button still works."""
        super().stop()
        self.say("This panel stands still: a newer one is open. Refresh still works.")

    def _say_when(self) -> None:
        """Say how fresh this is, with the day: a notebook may be read on another."""
        if self._known.asked is not None:
            self.say(f"Slurm was asked at {self._known.asked.astimezone():%H:%M:%S on %-d %B %Y}.")

    def _click(self, _button: object) -> None:
        self.spawn(self.refresh())


def panel() -> Panel:
    """Show what this server is, where it runs, how long it still may, and what it costs."""
    known = status_within(FIRST, Slurm())
    shown = Panel(known, partial(ask, scheduler=Slurm()))
    if known.job_id:
        shown.start()
    return shown
