"""What every panel is made of: a box below a cell, a line that says what happens, and work that goes on meanwhile."""

import asyncio
import contextlib
import html
from collections.abc import Coroutine, Iterable
from concurrent.futures import Future

import ipywidgets as widgets

from spawners.plain_error import PlainError

# JupyterLab's own colours, so that panels follow its light and dark themes; fallbacks for other viewers.
CSS = """<style>
.onramp-panel { border: 1px solid var(--jp-border-color1, #8888); border-radius: 4px; padding: 8px 12px; }
.onramp-panel { max-width: 48rem; }
.onramp-panel .widget-html-content { color: var(--jp-content-font-color1, inherit); line-height: 1.5; }
.onramp-panel table { border-collapse: collapse; }
.onramp-panel caption { font-weight: 600; text-align: left; padding: 0 0 4px; }
.onramp-panel th, .onramp-panel td { text-align: left; vertical-align: top; padding: 2px 0; }
.onramp-panel th { font-weight: 600; white-space: nowrap; padding-right: 20px; }
.onramp-panel .widget-hbox { align-items: center; flex-wrap: wrap; gap: 0 8px; }
.onramp-panel h4 { margin: 4px 0; }
.onramp-way { border: 1px solid var(--jp-border-color2, #8884); border-radius: 4px; padding: 4px 10px 8px; }
.onramp-way { margin: 4px 0; }
.onramp-workers th, .onramp-workers td { padding-right: 20px; }
.onramp-workers td:first-of-type { white-space: nowrap; }
.onramp-notes { color: var(--jp-warn-color0, #a40); margin: 4px 0; padding-left: 20px; }
@media (max-width: 640px) { .onramp-panel th, .onramp-panel td { display: block; } }
</style>"""


class CellView:
    """A box of widgets, `view`, and a line of words, `note`, which is among them where the panel puts it.

    Made in the kernel's event loop, it works there. `hint` is what a notebook shows where no kernel keeps the widgets.
    """

    def __init__(self, hint: str = "") -> None:
        self.hint, self.note = hint, widgets.HTML(tooltip="")
        self.view = widgets.VBox()
        self.view.add_class("onramp-panel")
        self._work: set[Future[None]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        with contextlib.suppress(RuntimeError):
            self._loop = asyncio.get_running_loop()

    def _repr_mimebundle_(self, **options: object) -> dict[str, object]:
        """What a notebook shows for a cell that ends in a panel."""
        return {**self.view._repr_mimebundle_(**options), "text/plain": self.hint}

    def say(self, text: str, role: str = "status") -> None:
        """Show a sentence; a screen reader reads a changed status line, or an alert, aloud without moving to it."""
        self.note.value = f'<span role="{role}">{html.escape(text)}</span>'

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Run `work` in the panel's own loop: a click may arrive in another thread of the kernel."""
        if self._loop is None:
            work.close()
            return
        future = asyncio.run_coroutine_threadsafe(work, self._loop)
        self._work.add(future)
        future.add_done_callback(self._done)

    def stop(self) -> None:
        """End all work."""
        for work in tuple(self._work):
            work.cancel()

    def failed(self, error: BaseException) -> None:
        """Say why work has ended; what is a sentence already stands for itself."""
        said = str(error) if isinstance(error, PlainError) else f"This panel stopped: {error}. Run its cell again."
        self.say(said, "alert")

    def _done(self, future: Future[None]) -> None:
        self._work.discard(future)
        if not future.cancelled() and (error := future.exception()) is not None:
            self.failed(error)


def table(caption: str, rows: Iterable[tuple[str, str]], *, role: str = "status", more: str = "") -> str:
    """A table of names and texts as HTML; `more` is HTML of further rows."""
    shown = "".join(
        f'<tr><th scope="row">{html.escape(name)}</th><td>{html.escape(text)}</td></tr>' for name, text in rows
    )
    return f'{CSS}<table role="{role}"><caption>{html.escape(caption)}</caption>{shown}{more}</table>'
