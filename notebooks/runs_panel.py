"""The panel of a run: why it waits, how far it is, the end of its log, and the way to its result. A view only."""

import asyncio
import html
import os
from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import ipywidgets as widgets

from notebooks import words
from notebooks.panel import CSS
from spawners.run import Run, View, cancel, look
from spawners.run_delete import delete
from spawners.run_record import ENVIRONMENT, OUTPUT, RunError
from spawners.run_report import cell_times, report
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


class RunPanel:
    """A sentence, a bar that counts cells, the end of the log, links to the result, and a button.

    It cancels the run, and deletes it once it is over.
    """

    def __init__(self, run: Run, scheduler: Scheduler, *, home: Path, base_url: str | None) -> None:
        """`base_url` is the server's, where links can lead; None outside a server."""
        self.run = run
        self.facts = widgets.HTML()
        self.bar = widgets.IntProgress(value=0, max=1, description="Cells")
        self.count = widgets.Label()
        self.problem = widgets.HTML()
        self.log = widgets.HTML()
        self.button = widgets.Button()
        self._make(CANCEL)
        self.button.on_click(self._click)
        self._scheduler, self._home, self._base_url = scheduler, home, base_url
        self._loop: asyncio.AbstractEventLoop | None = None
        self._work: set[Future[None]] = set()
        bar = widgets.HBox([self.bar, self.count, self.button])
        self.view = widgets.VBox([self.facts, bar, self.problem, self.log])
        self.view.add_class("onramp-panel")

    def _repr_mimebundle_(self, **options: object) -> dict[str, object]:
        """What a notebook shows for a cell that ends in this panel; a hint where no kernel keeps the widgets."""
        hint = f"Run {self.run.name}. How it is now: onramp runs show {self.run.name}"
        return {**self.view._repr_mimebundle_(**options), "text/plain": hint}

    def draw(self, seen: View) -> None:
        """Show a run as it was seen."""
        title = TITLES.get(seen.state, seen.state.replace("_", " ").capitalize())
        rows = [("State", title), ("Now", seen.sentence), ("Folder", str(self.run.folder))]
        if seen.gpu_minutes:
            spent = words.count(seen.gpu_minutes, "GPU minute") if seen.gpu_minutes >= 1 else "Less than a GPU minute"
            rows.append(("Cost", f"{spent} {'in all' if seen.over else 'so far'}, by Slurm's clock."))
        if seen.over and seen.job is not None:
            rows += report(seen.record, seen.job, cell_times(self.run.folder))
        shown = "".join(f'<tr><th scope="row">{name}</th><td>{html.escape(text)}</td></tr>' for name, text in rows)
        shown += f'<tr><th scope="row">Result</th><td>{self._result()}</td></tr>'
        caption = f"<caption>Run {html.escape(self.run.name)}</caption>"
        self.facts.value = f'{CSS}<table role="status">{caption}{shown}</table>'
        self.bar.max, self.bar.value = max(1, seen.cells_total), seen.cells_done
        self.count.value = f"{seen.cells_done} of {seen.cells_total}" if seen.cells_total else "not begun"
        tail = "\n".join(line[-WIDTH:] for line in self.run.log().splitlines()[-LINES:])
        self.log.value = _LOG.format(html.escape(tail)) if tail else ""
        if seen.over:
            self._make(DELETE)

    async def watch(self) -> None:
        """Look again and again, until the run is over."""
        while True:
            seen = await look(self.run, self._scheduler)
            self.draw(seen)
            if seen.over:
                return
            await asyncio.sleep(LOOK)

    def start(self) -> None:
        """Watch from now on, in the kernel's event loop."""
        self._loop = asyncio.get_running_loop()
        self._spawn(self.watch())

    def _result(self) -> str:
        """Links to what there is: the notebook to open, and files to download."""
        here = [name for name in (OUTPUT, ENVIRONMENT) if (self.run.folder / name).exists()]
        if not here:
            return "None yet."
        if self._base_url is None or not self.run.folder.is_relative_to(self._home):
            return html.escape(", ".join(here))
        path = quote(str(self.run.folder.relative_to(self._home)))
        base = html.escape(self._base_url.rstrip("/"), quote=True)
        url = f"{base}/files/{path}/{{}}?download=1"
        links = [_LINK.format(url.format(name), "download", f"Download {name}") for name in here]
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
            self.button.disabled, self.problem.value = True, ""
            self._spawn(self._act(self._offer))

    async def _act(self, offer: Offer) -> None:
        said = await offer.act(self.run, self._scheduler)
        if offer is DELETE:
            self.facts.value = f'{CSS}<p role="status">{html.escape(said)}</p>'
            self.view.children = (self.facts,)

    def _spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run `work` in the panel's own loop: a click may arrive in another thread of the kernel."""
        if self._loop is None:
            work.close()
            return
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._work.add(future)
        future.add_done_callback(self._done)

    def _done(self, future: Future[None]) -> None:
        self._work.discard(future)
        if not future.cancelled() and isinstance(error := future.exception(), RunError):
            self.problem.value = f'<p role="alert">{html.escape(str(error))}</p>'
            self._make(self._offer)


def watch(run: Run) -> RunPanel:
    """Show a run until it is over; the run goes on without the panel, and without this server."""
    panel = RunPanel(run, Slurm(), home=Path.home(), base_url=os.environ.get("JUPYTERHUB_SERVICE_PREFIX"))
    panel.start()
    return panel
