"""The cells of a run: papermill's client, which begins after the last checkpoint and keeps what the next ones name."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbclient.exceptions import CellExecutionError
from papermill.clientwrap import PapermillNotebookClient

from spawners.run_checkpoint import definitions, is_checkpoint, last, loading, names, saving, text
from spawners.run_record import RunError

_AGAIN = "get_ipython().reset(new_session=True)\nget_ipython().execution_count = 1"


class Cells(PapermillNotebookClient):  # type: ignore[misc]
    """papermill's client, except that what a checkpoint holds need not run again."""

    def __init__(
        self,
        nb_man: Any,
        *,
        folder: Path,
        earlier: Sequence[Mapping[str, Any]],
        saved: Callable[[], None],
        **options: Any,
    ) -> None:
        """`earlier` are the cells as an earlier attempt left them, empty in the first; `saved` hears of checkpoints."""
        super().__init__(nb_man, **options)
        self._folder, self._earlier, self._saved = folder, earlier, saved

    def papermill_execute_cells(self) -> None:
        """Execute the cells, from the first that is not done; papermill's own loop knows only the whole."""
        for index in range(self._resume(), len(self.nb.cells)):
            cell = self.nb.cells[index]
            try:
                self.nb_man.cell_start(cell, index)
                self.execute_cell(cell, index)
                self._keep(index)
            except CellExecutionError as error:
                self.nb_man.cell_exception(self.nb.cells[index], cell_index=index, exception=error)
                break
            finally:
                self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)

    def _resume(self) -> int:
        """How many cells need not run again: their outputs are taken over, and what the checkpoint kept is loaded."""
        kept = last(self._folder) if self._earlier else None
        if kept is None:
            return 0
        done = kept.cell + 1
        if [cell.source for cell in self.nb.cells[:done]] != [text(cell) for cell in self._earlier[:done]]:
            return self._all_again("the notebook is not what it was")
        count = max((cell.get("execution_count") or 0 for cell in self._earlier[:done]), default=0)
        why = self._hidden(definitions(self.nb.cells[:done]), 0) or self._hidden(loading(self._folder, count), 0)
        if why:
            return self._all_again(why)
        for cell, before in zip(self.nb.cells[:done], self._earlier, strict=False):
            cell.update(nbformat.from_dict(dict(before)))
        self.nb_man.save()
        self._say(f"it goes on after the cell marked [{count}]; {', '.join(kept.variables)} loaded.")
        return done

    def _all_again(self, why: str) -> int:
        self._say(f"the checkpoint cannot be used ({why}), so all cells run again.")
        self._hidden(_AGAIN, 0)
        return 0

    def _keep(self, index: int) -> None:
        """Save what a checkpoint names; where that fails, the one before stays, and the run goes on."""
        cell = self.nb.cells[index]
        if not is_checkpoint(cell):
            return
        try:
            why = self._hidden(saving(self._folder, index, names(cell.source)), index)
        except RunError as error:
            why = str(error)
        if why:
            self._say(f"the checkpoint at the cell marked [{cell.execution_count}] was not saved: {why}.")
        else:
            self._saved()

    def _hidden(self, code: str, index: int) -> str:
        """Execute code that is no cell of the notebook; why it failed, or an empty text."""
        cell = self.nb.cells[index]
        try:
            self.execute_cell(nbformat.v4.new_code_cell(code), index, store_history=False)
        except CellExecutionError as error:
            return f"{error.ename}: {error.evalue}".removeprefix("RunError: ").rstrip(".")
        finally:
            self.nb.cells[index] = cell
        return ""

    def _say(self, words: str) -> None:
        print(f"onramp: {words}", file=self.stdout_file, flush=True)
