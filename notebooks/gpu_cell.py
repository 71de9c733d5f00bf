"""`%%gpu`: one cell as a short GPU job, with what it prints and draws shown below it as if it ran here. A view only."""

import argparse
import json
import re
import shlex
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn

from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display, publish_display_data

from spawners.process import alone
from spawners.run import Run, View
from spawners.run_cell import OWN, cell_notebook, left
from spawners.run_record import LOG, OUTPUT, RunError
from spawners.run_submit import gpu_profile, submit_notebook
from spawners.slurm import Slurm

# Seconds between two looks; and the minutes that a cell gets where it asks for none.
LOOK, MINUTES = 1.0, 10
_OURS = re.compile(r"^onramp: .*\n?", re.MULTILINE)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise RunError(f"%%gpu {message}. {self.format_usage()}")


_PARSER = _Parser(prog="%%gpu", add_help=False)
_PARSER.add_argument("--profile")
_PARSER.add_argument("--in", dest="given", default="", metavar="x,y")
_PARSER.add_argument("--out", dest="wanted", default="", metavar="z")
_PARSER.add_argument("--time", type=int, default=MINUTES, metavar="MINUTES")
_PARSER.add_argument("--account")


class CellError(RunError):
    """The cell raised something on its node: shown as it was there, and below it what can be done."""

    def __init__(self, sentence: str, traceback: list[str]) -> None:
        super().__init__(sentence)
        self._traceback = traceback

    def _render_traceback_(self) -> list[str]:
        return [*self._traceback, str(self)]


def gpu(line: str, cell: str) -> None:
    """Run this cell as a job with a GPU; interrupting it cancels the job, and its record is a run.

    %%gpu [--profile gpu-1] [--in x,y] [--out z] [--time MINUTES] [--account NAME]: `--in` names what the cell uses of
    this notebook, `--out` what comes back. Without a profile it is the site's first with a GPU, for ten minutes.
    """
    options = _PARSER.parse_args(shlex.split(line))
    shell = InteractiveShell.instance()
    asked = {"profile": options.profile or gpu_profile(), "time": options.time, "account": options.account}
    values = _values(shell.user_ns, _names(options.given))
    notebook = cell_notebook(cell, values, _names(options.wanted), Path.cwd())
    run = alone(submit_notebook(notebook, asked, {}, Slurm()))
    shown = CellView(run)
    try:
        seen = shown.follow()
    except KeyboardInterrupt:
        shown.say(run.cancel())
        raise
    shown.end(seen)
    shell.push(left(run.folder))


class CellView:
    """One line that says how the job is, what the cell prints as it comes, and its figures once they are saved."""

    def __init__(self, run: Run) -> None:
        """Nothing is shown yet."""
        self._run, self._printed, self._drawn, self._said = run, 0, 0, ""
        self._line: Any = display({"text/plain": "The cell is submitted."}, raw=True, display_id=True)

    def say(self, text: str) -> None:
        """Let the line say this from now on."""
        if text != self._said:
            self._said = text
            self._line.update({"text/plain": text}, raw=True)

    def follow(self) -> View:
        """Show it until it is over."""
        while True:
            seen = self._run.look()
            job = f"Job {seen.job.job_id}" if seen.job else f"Run {self._run.name}"
            self.say(f"{job}: {seen.sentence}")
            self._print()
            self._draw()
            if seen.over:
                return seen
            time.sleep(LOOK)

    def end(self, seen: View) -> None:
        """Say how it ended; CellError, or RunError, where it did not end as it should."""
        if seen.state == "COMPLETED" and seen.job:
            spent = "" if not seen.gpu_minutes else f", for {seen.gpu_minutes:.1f} GPU minutes"
            self.say(f"Job {seen.job.job_id} ran on {seen.job.node}{spent}. Its record: {self._run.folder}")
            return
        failed = next((one for cell in _cells(self._run) for one in cell if one["output_type"] == "error"), None)
        self.say(f"The job is over. Its record: {self._run.folder}")
        if failed:
            raise CellError(seen.sentence, list(failed["traceback"]))
        raise RunError(seen.sentence)

    def _print(self) -> None:
        """Print what the log has more by now, without what the job itself says there."""
        try:
            with (self._run.folder / LOG).open("rb") as log:
                log.seek(self._printed)
                more = log.read()
        except FileNotFoundError:
            return
        self._printed += len(more)
        sys.stdout.write(_OURS.sub("", more.decode(errors="replace")))
        sys.stdout.flush()

    def _draw(self) -> None:
        """Show the figures and values that the saved notebook has more by now."""
        cells = _cells(self._run)
        rich = [one for one in cells[OWN] if "data" in one] if len(cells) > OWN else []
        for one in rich[self._drawn :]:
            publish_display_data(one["data"], one.get("metadata"))
        self._drawn = max(self._drawn, len(rich))


def _cells(run: Run) -> list[list[dict[str, Any]]]:
    """The outputs of each cell so far; none where nothing is saved yet."""
    try:
        return [cell["outputs"] for cell in json.loads((run.folder / OUTPUT).read_bytes())["cells"]]
    except (OSError, ValueError, KeyError):
        return []


def _names(text: str) -> tuple[str, ...]:
    """The names in `x,y`; RunError for what is none."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    wrong = [name for name in names if not name.isidentifier()]
    if wrong:
        raise RunError(f"{', '.join(map(repr, wrong))} is no name. Write names with commas between them: --in x,y")
    return names


def _values(known: Mapping[str, object], names: tuple[str, ...]) -> dict[str, object]:
    """The values of these names; RunError for those that this notebook does not have."""
    missing = [name for name in names if name not in known]
    if missing:
        raise RunError(f"There is no {', '.join(map(repr, missing))} in this notebook, which --in names. Run its cell.")
    return {name: known[name] for name in names}


def load_ipython_extension(shell: InteractiveShell) -> None:
    """`%load_ext onramp`: from then on there is `%%gpu`."""
    shell.register_magic_function(gpu, "cell", "gpu")  # type: ignore[arg-type] # it takes the shell itself for an argument
