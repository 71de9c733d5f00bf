"""The panel of a run: why it waits, how far it is, the end of its log, and the way to its result. A view only."""

import asyncio
import html
import os
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import ipywidgets as widgets

from notebooks import words
from notebooks.cell_view import CSS, CellView, table
from spawners.run import Run, View, cancel, look
from spawners.run_attempts import attempts
from spawners.run_delete import delete
from spawners.run_inspection import inspect
from spawners.run_record import ENVIRONMENT, OUTPUT, REPORT
from spawners.run_resume import resume
from spawners.run_words import resumable
from spawners.scheduler import Scheduler
from spawners.slurm import Slurm

# Seconds between two looks: the folder is our own, and Slurm's answer is shared and cached by its client.
LOOK = 2.0
LINES, WIDTH = 10, 300
TITLES = {
    "PENDING": "In the queue",
    "RUNNING": "Running",
    "COMPLETED": "Done",
    "FAILED": "Failed",
    "CANCELLED": "Cancelled",
    "TIMEOUT": "Out of time",
    "OUT_OF_MEMORY": "Out of memory",
    "NOT_SUBMITTED": "Not submitted",
    "UNKNOWN": "Not known",
}
_LOG = (
    '<pre role="log" aria-label="End of the log" style="margin: 4px 0; padding: 6px; white-space: pre-wrap; '
    'background: var(--jp-layout-color2, #8882)">{}</pre>'
)
_LINK = '<a href="{}" {} style="color: var(--jp-content-link-color, #06c); text-decoration: underline">{}</a>'


class Offer(NamedTuple):
    """What the button does, after a second click."""

    label: str
    sure: str
    hint: str
    act: Callable[[Run, Scheduler], Awaitable[str]]


CANCEL = Offer("Cancel this run", "Really cancel?", "End the job; what is done is kept", cancel)
DELETE = Offer("Delete this run", "Really delete?", "Delete its folder: result, log and record", delete)


class RunPanel(CellView):
    """A sentence, a bar that counts cells, the end of the log, links to the result, and a button.

    It cancels the run, and deletes it once it is over.
    """

    def __init__(self, run: Run, scheduler: Scheduler, *, home: Path, base_url: str | None) -> None:
        """`base_url` is the server's, where links can lead; None outside a server."""
        super().__init__(f"Run {run.name}. How it is now: onramp runs show {run.name}")
        self.run = run
        self.facts = widgets.HTML()
        self.bar = widgets.IntProgress(value=0, max=1, description="Cells")
        self.count = widgets.Label()
        self.log = widgets.HTML()
        self.button = widgets.Button()
        self._make(CANCEL)
        self.button.on_click(self._click)
        self.again = widgets.Button(
            description="Resume this run", tooltip="Go on after its last checkpoint, in a new job"
        )
        self.again.on_click(self._resume)
        self.again.layout.display = "none"
        self._scheduler, self._home, self._base_url = scheduler, home, base_url
        bar = widgets.HBox([self.bar, self.count, self.button, self.again])
        self.view.children = [self.facts, bar, self.note, self.log]

    def draw(self, seen: View, found: Sequence[tuple[str, str]] = ()) -> None:
        """Show a run as it was seen, and what was `found` of it once it was over."""
        title = TITLES.get(seen.state, seen.state.replace("_", " ").capitalize())
        rows = [("State", title), ("Now", seen.sentence), ("Folder", str(self.run.folder))]
        if seen.gpu_minutes:
            spent = words.count(seen.gpu_minutes, "GPU minute") if seen.gpu_minutes >= 1 else "Less than a GPU minute"
            rows.append(("Cost", f"{spent} {'in all' if seen.over else 'so far'}, by Slurm's clock."))
        rows += found or attempts(seen.earlier)
        result = f'<tr><th scope="row">Result</th><td>{self._result()}</td></tr>'
        self.facts.value = table(f"Run {self.run.name}", rows, more=result)
        if seen.record.submitted.is_script:
            self.bar.layout.display = self.count.layout.display = "none"
        self.bar.max, self.bar.value = max(1, seen.cells_total), seen.cells_done
        self.count.value = f"{seen.cells_done} of {seen.cells_total}" if seen.cells_total else "not begun"
        tail = "\n".join(line[-WIDTH:] for line in self.run.log().splitlines()[-LINES:])
        self.log.value = _LOG.format(html.escape(tail)) if tail else ""
        if seen.over:
            self._make(DELETE)
            self.again.layout.display = "" if resumable(seen.record, seen.job) else "none"
            self.again.disabled = False

    async def watch(self) -> None:
        """Look again and again, until the run is over."""
        while True:
            seen = await look(self.run, self._scheduler)
            self.draw(seen, await inspect(self.run, seen, self._scheduler))
            if seen.over:
                return
            await asyncio.sleep(LOOK)

    def start(self) -> None:
        """Watch from now on, in the kernel's event loop."""
        self.spawn(self.watch())

    def _result(self) -> str:
        """Links to what there is: the notebook to open, and files to download."""
        here = [name for name in (OUTPUT, ENVIRONMENT, REPORT) if (self.run.folder / name).exists()]
        if not here:
            return "None yet."
        if self._base_url is None or not self.run.folder.is_relative_to(self._home):
            return html.escape(", ".join(here))
        path = quote(str(self.run.folder.relative_to(self._home)))
        base = html.escape(self._base_url.rstrip("/"), quote=True)
        url = f"{base}/files/{path}/{{}}?download=1"
        links = [_LINK.format(url.format(name), "download", f"Download {name}") for name in here if name != REPORT]
        if REPORT in here:
            links.insert(0, _LINK.format(f"{base}/files/{path}/{REPORT}", 'target="_blank"', "Open the report"))
        if OUTPUT in here:
            links.insert(0, _LINK.format(f"{base}/lab/tree/{path}/{OUTPUT}", 'target="_blank"', f"Open {OUTPUT}"))
        return " · ".join(links)

    def _make(self, offer: Offer) -> None:
        """Let the button do this from now on; what was clicked before meant something else."""
        self._offer, self._sure = offer, False
        self.button.description, self.button.tooltip, self.button.button_style = offer.label, offer.hint, ""
        self.button.disabled = False

    def _click(self, _button: object) -> None:
        """Ask once whether that is meant; then do it."""
        if not self._sure:
            self._sure = True
            self.button.description, self.button.button_style = self._offer.sure, "danger"
        else:
            self.button.disabled, self.note.value = True, ""
            self.spawn(self._act(self._offer))

    def _resume(self, _button: object) -> None:
        self.again.disabled, self.note.value = True, ""
        self.spawn(self._go_on())

    async def _go_on(self) -> None:
        """Have it resumed, and watch it again."""
        await resume(self.run, self._scheduler)
        self.again.layout.display = "none"
        self._make(CANCEL)
        await self.watch()

    async def _act(self, offer: Offer) -> None:
        said = await offer.act(self.run, self._scheduler)
        if offer is DELETE:
            self.facts.value = f'{CSS}<p role="status">{html.escape(said)}</p>'
            self.view.children = (self.facts,)

    def failed(self, error: BaseException) -> None:
        """Say why, and let the buttons be tried again."""
        super().failed(error)
        self._make(self._offer)
        self.again.disabled = False


def watch(run: Run) -> RunPanel:
    """Show a run until it is over; the run goes on without the panel, and without this server."""
    panel = RunPanel(run, Slurm(), home=Path.home(), base_url=os.environ.get("JUPYTERHUB_SERVICE_PREFIX"))
    panel.start()
    return panel
