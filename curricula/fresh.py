"""A notebook run from top to bottom in a fresh kernel of one's own server: nothing that ran before is there."""

import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, DeadKernelError
from nbconvert import filters
from nbformat import NotebookNode

from curricula.report import TIME_LIMIT, Limits, Ran, Report

_plain: Any = filters.strip_ansi
_LINE = re.compile(r"^\s*Cell In\s?\[\d+\], line (\d+)", re.MULTILINE)


class _Client(NotebookClient):
    """Of a cell's outputs only its result is kept: what it prints can be without end."""

    def process_message(self, msg: dict[str, Any], cell: NotebookNode, cell_index: int) -> NotebookNode | None:
        return None if msg["msg_type"] in ("stream", "display_data") else super().process_message(msg, cell, cell_index)


async def run(notebook: NotebookNode, folder: Path, limits: Limits, environment: Mapping[str, str]) -> Report:
    """Run it in `folder`, each cell whatever became of those before; a cell's outputs are changed in `notebook`."""
    client = _Client(
        notebook,
        kernel_name="python3",
        extra_arguments=["--Application.log_level=ERROR"],  # its warnings are for whoever runs a server
        interrupt_on_timeout=True,
        raise_on_iopub_timeout=False,  # a cell that does not end when it is interrupted never says that it did
        shutdown_kernel="immediate",
        resources={"metadata": {"path": str(folder)}},
    )
    ran: list[Ran] = []
    try:
        async with client.async_setup_kernel(env=dict(environment)):
            until = time.monotonic() + limits.seconds
            for index, cell in enumerate(notebook.cells):
                left = until - time.monotonic()
                if left <= 0:
                    return Report(cells=tuple(ran), stopped=limits.late)
                if cell.cell_type == "code" and cell.source.strip():
                    _limit(client, max(1, min(limits.cell_seconds, round(left))))
                    ran.append(await _cell(client, cell, index))
    except DeadKernelError:
        why = "It ends Python itself, or there was not enough memory."
        return Report(cells=tuple(ran), stopped=f"Cell {index + 1} ended the process that the notebook ran in. {why}")
    return Report(cells=tuple(ran))


def _limit(client: NotebookClient, seconds: int) -> None:
    """Let the next cell take so long."""
    client.timeout = seconds
    client.error_on_timeout = {"ename": TIME_LIMIT, "evalue": f"longer than {seconds} seconds", "traceback": []}


async def _cell(client: NotebookClient, cell: NotebookNode, index: int) -> Ran:
    """Run one cell."""
    try:
        await client.async_execute_cell(cell, index)
    except CellExecutionError as error:
        return Ran(index=index, ok=False, error=error.ename[:200], message=error.evalue[:2000], line=_line(cell))
    return Ran(index=index, ok=True, result=_result(cell))


def _line(cell: NotebookNode) -> int | None:
    """Return the line of a cell that raised its error, as IPython's traceback has it; None where it names none."""
    texts = [text for one in cell.outputs if one.output_type == "error" for text in one.traceback]
    found = _LINE.search(str(_plain("\n".join(texts))))
    return int(found.group(1)) if found else None


def _result(cell: NotebookNode) -> str | None:
    """Return the value of a cell's last line as text, where it is short enough to be a number of points."""
    texts = [one.data.get("text/plain", "") for one in cell.outputs if one.output_type == "execute_result"]
    return texts[-1] if texts and len(texts[-1]) <= 100 else None
