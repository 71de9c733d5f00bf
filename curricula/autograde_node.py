"""What a grading job runs on its node: execute one notebook, its code in the sandbox, and say how each cell went.

`python -I -m curricula.autograde_node TASK`: TASK holds notebook.ipynb and limits.json, its answer lies in TASK/out.
The notebook stays out here, and only code goes in: a kernel in the sandbox speaks through sockets in its work folder.
"""

import asyncio
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from pydantic import BaseModel

from curricula.sandbox import sandboxed

_KERNEL = ("-I", "-m", "ipykernel_launcher", "-f", "{connection_file}", "--HistoryManager.enabled=False")

TIME_LIMIT = "TimeLimit"


class Limits(BaseModel, frozen=True, extra="forbid"):
    """How much one notebook may use: seconds of a cell and of all cells, bytes that it prints, bytes of memory."""

    cell_seconds: int = 60
    seconds: int = 240
    output_bytes: int = 10_000_000
    memory_bytes: int = 2 << 30


class Ran(BaseModel, frozen=True, extra="forbid"):
    """How one code cell went: its place in the notebook, whether it ended well, and if not, the error."""

    index: int
    ok: bool
    error: str = ""
    message: str = ""
    traceback: str = ""
    result: str | None = None


class Report(BaseModel, frozen=True, extra="forbid"):
    """How the notebook went. `stopped` says in a sentence why it did not run to its end."""

    cells: tuple[Ran, ...] = ()
    stopped: str | None = None


class _TooMuchOutput(Exception):
    """The notebook printed more than it may."""


class _Specs(KernelSpecManager):
    """Every kernel is Python in the sandbox, whatever kernel the notebook names."""

    work: Path
    limits: Limits

    def get_kernel_spec(self, kernel_name: str) -> KernelSpec:
        """Return the kernel in the sandbox; interrupts travel as messages, since signals do not reach inside."""
        argv = sandboxed((sys.executable, *_KERNEL), self.work, memory=self.limits.memory_bytes)
        return KernelSpec(argv=list(argv), display_name="sandbox", language="python", interrupt_mode="message")


class _Client(NotebookClient):
    """Executes all cells, errors or not, and notes how each went from the kernel's replies."""

    def begin(self, limits: Limits) -> None:
        """Note the limits, and that nothing has run yet."""
        self.ran: list[Ran] = []
        self.left = limits.output_bytes
        self.on_cell_executed = self._note

    def process_message(self, msg: dict[str, Any], cell: nbformat.NotebookNode, cell_index: int) -> Any:
        """Count what is printed before it is kept."""
        self.left -= len(repr(msg["content"]))
        if self.left < 0:
            raise _TooMuchOutput
        return super().process_message(msg, cell, cell_index)

    def _note(self, cell: nbformat.NotebookNode, cell_index: int, execute_reply: Mapping[str, Any]) -> None:
        content = execute_reply["content"]
        results = [out["data"].get("text/plain") for out in cell.outputs if out.output_type == "execute_result"]
        self.ran.append(
            Ran(
                index=cell_index,
                ok=content["status"] == "ok",
                error=str(content.get("ename", ""))[:200],
                message=str(content.get("evalue", ""))[:2000],
                traceback="\n".join(map(str, content.get("traceback", [])))[:20_000],
                result=str(results[-1])[:100] if results else None,
            )
        )


async def execute(notebook: nbformat.NotebookNode, work: Path, limits: Limits) -> Report:
    """Execute `notebook`, which is changed in place, with its kernel in a sandbox that may write to `work`."""
    specs = _Specs()
    specs.work, specs.limits = work, limits
    kernel = AsyncKernelManager(kernel_spec_manager=specs, kernel_name="sandbox", transport="ipc")
    kernel.connection_file, kernel.ip = str(work / "kernel.json"), str(work / "kernel")
    late = {"ename": TIME_LIMIT, "evalue": f"longer than {limits.cell_seconds} seconds", "traceback": []}
    client = _Client(
        notebook,
        km=kernel,
        timeout=limits.cell_seconds,
        allow_errors=True,
        interrupt_on_timeout=True,
        error_on_timeout=late,
        skip_cells_with_tag="",
        store_widget_state=False,
    )
    client.begin(limits)
    try:
        stopped = await _run(client, limits)
    finally:
        if kernel.has_kernel:
            await kernel.shutdown_kernel(now=True)
    return Report(cells=tuple(client.ran), stopped=stopped)


async def _run(client: _Client, limits: Limits) -> str | None:
    """Run all cells; return why they did not all run, if so."""
    try:
        async with asyncio.timeout(limits.seconds) as clock:
            await client.async_execute()
    except (TimeoutError, CellTimeoutError, DeadKernelError):
        # To nbclient, a wait that was cancelled is a kernel that died.
        if clock.expired():
            return f"It ran for longer than {limits.seconds} seconds and was stopped. Look for a loop without end."
        number = len(client.ran) + 1
        return f"Its Python process ended while code cell {number} ran: it used too much memory, or ended itself."
    except _TooMuchOutput:
        return f"It printed more than {limits.output_bytes / 1e6:.0f} MB and was stopped. Print less."
    return None


def main(argv: Sequence[str]) -> int:
    """Execute the task in the folder `argv[0]`; the report is written last, and whole."""
    task = Path(argv[0])
    limits = Limits.model_validate_json((task / "limits.json").read_text())
    notebook = nbformat.read(task / "notebook.ipynb", as_version=4)
    # On the node itself: sockets need a local file system and a short path.
    work = Path(tempfile.mkdtemp(prefix="onramp-grade-", dir="/tmp"))
    try:
        report = asyncio.run(execute(notebook, work, limits))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    _hand_back(task / "out", "executed.ipynb", json.dumps(notebook))
    _hand_back(task / "out", "report.json", report.model_dump_json())
    return 0


def _hand_back(folder: Path, name: str, text: str) -> None:
    """Write a file that appears at once; the folders above decide who may read it."""
    fresh = folder / f"{name}.new"
    fresh.write_text(text)
    fresh.chmod(0o644)
    os.replace(fresh, folder / name)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
