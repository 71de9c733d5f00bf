"""papermill's engine that runs a notebook's cells in this very process: no kernel has to start, nothing is sent.

For a member of a sweep, whose process was forked with all packages loaded. What a cell prints and shows, and the
exception that ends it, become its outputs in the order in which they came, as a kernel would have them.
"""

import asyncio
import io
import sys
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from nbformat.v4 import new_output
from papermill.engines import Engine
from traitlets.config import Config


class Outputs:
    """The outputs of the cell that is run now."""

    cell: Any = None

    def add(self, kind: str, **fields: Any) -> None:
        """Add one; text that goes on where other text ended becomes one with it."""
        last = self.cell.outputs[-1] if self.cell.outputs else None
        if kind == "stream" and last and last.output_type == "stream" and last.name == fields["name"]:
            last.text += fields["text"]
        else:
            self.cell.outputs.append(new_output(kind, **fields))


OUTPUTS = Outputs()


class Stream(io.TextIOBase):
    """sys.stdout or sys.stderr of a cell."""

    encoding = "utf-8"

    def __init__(self, name: str) -> None:
        self._name = name

    def write(self, text: str) -> int:
        """Take what is printed."""
        if text:
            OUTPUTS.add("stream", name=self._name, text=text)
        return len(text)


class ShownLast(DisplayHook):
    """The value of a cell's last line."""

    def write_output_prompt(self) -> None:
        """The notebook says the number."""

    def write_format_data(self, format_dict: Any, md_dict: Any = None) -> None:
        """Keep it as the cell's result."""
        count = OUTPUTS.cell.execution_count
        OUTPUTS.add("execute_result", data=dict(format_dict), metadata=dict(md_dict or {}), execution_count=count)

    def finish_displayhook(self) -> None:
        """Print nothing below it."""


class Shown(DisplayPublisher):
    """What a cell displays; an update of it is shown below, as no page is there to change."""

    def publish(self, data: Any, metadata: Any = None, source: Any = None, **kwargs: Any) -> None:
        """Keep it as an output."""
        OUTPUTS.add("display_data", data=dict(data), metadata=dict(metadata or {}))

    def clear_output(self, wait: bool = False) -> None:
        """Forget what the cell has shown so far."""
        OUTPUTS.cell.outputs.clear()


class Shell(InteractiveShell):
    """IPython without a terminal and without a kernel."""

    def _showtraceback(self, etype: Any, evalue: Any, stb: Any) -> None:
        OUTPUTS.add("error", ename=etype.__name__, evalue=str(evalue), traceback=list(stb))


class InProcess(Engine):  # type: ignore[misc]
    """Run the cells here, one after the other, until one fails."""

    @classmethod
    def execute_managed_notebook(cls, nb_man: Any, kernel_name: str, **kwargs: Any) -> None:  # noqa: ARG003 - papermill's
        """Execute the cells; papermill saves the notebook as each is over."""
        # No history: the person's own is another process's to write.
        config = Config({"HistoryManager": {"enabled": False}})
        shell = Shell.instance(config=config, displayhook_class=ShownLast, display_pub_class=Shown)
        before = sys.stdout, sys.stderr, sys.stdin
        sys.stdout, sys.stderr, sys.stdin = Stream("stdout"), Stream("stderr"), io.StringIO()
        try:
            asyncio.run(cls._run_all(shell, nb_man))
        finally:
            sys.stdout, sys.stderr, sys.stdin = before

    @classmethod
    async def _run_all(cls, shell: Any, nb_man: Any) -> None:
        """Run the cells in a running event loop, which there is in a kernel too: panels and `await` need it."""
        for index, cell in enumerate(nb_man.nb.cells):
            nb_man.cell_start(cell, index)
            good = cell.cell_type != "code" or await cls._run(shell, cell)
            if not good:
                nb_man.cell_exception(cell, cell_index=index)
            nb_man.cell_complete(cell, cell_index=index)
            if not good:
                break

    @staticmethod
    async def _run(shell: Any, cell: Any) -> bool:
        """Run one code cell as IPython's own kernel does; return whether it came to its end."""
        OUTPUTS.cell = cell
        cell.outputs, cell.execution_count = [], shell.execution_count
        source, wrong = cell.source, None
        try:
            source = shell.transform_cell(source)
        except Exception:  # noqa: BLE001 - a magic's own; told as the cell's
            wrong = sys.exc_info()
        result = await shell.run_cell_async(
            cell.source, store_history=True, transformed_cell=source, preprocessing_exc_tuple=wrong
        )
        shell.events.trigger("post_execute")  # by which figures are shown
        shell.events.trigger("post_run_cell", result)
        return bool(result.success)
