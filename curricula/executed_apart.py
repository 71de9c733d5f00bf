"""A notebook executed in a process of its own, which is ended if it does not end: `python -m curricula.executed_apart`.

As Slurm does with a grading job, for a machine without one. Hostile code can keep whoever speaks with it waiting for
ever, in a call that no clock of its own interrupts.
"""

import asyncio
import json
import os
import sys
import tempfile
from pathlib import Path

import nbformat
from nbformat import NotebookNode

from curricula.autograde_node import Limits, Report, execute
from curricula.cleared import clear
from curricula.marks import NotRun
from spawners.process import run

_STARTING = 20  # seconds that this process takes, beside those of the notebook, at most


def executed_apart(notebook: NotebookNode, limits: Limits) -> tuple[Report, NotebookNode]:
    """Execute a notebook and return how it went, and the notebook as it ran. Raises NotRun."""
    work = Path(tempfile.mkdtemp(prefix="onramp-apart-"))
    task = {"notebook": notebook, "limits": limits.model_dump(), "work": str(work)}
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    argv = (sys.executable, "-P", "-W", "ignore", "-m", "curricula.executed_apart")
    seconds = limits.seconds + _STARTING
    try:
        done = asyncio.run(run(*argv, seconds=seconds, stdin=json.dumps(task).encode(), env=environment))
    except TimeoutError:
        raise NotRun(f"It kept its grader waiting for longer than {seconds} seconds, and both were ended.") from None
    finally:
        clear(work)
    if done.returncode:
        raise NotRun(f"It ended its grader, with {done.returncode}. {done.err[-500:]}")
    told = json.loads(done.out)
    return Report.model_validate(told["report"]), nbformat.from_dict(told["notebook"])


def main() -> int:
    """Read a task, and write what became of it."""
    task = json.load(sys.stdin)
    out = os.dup(1)
    for number in (1, 2):  # what kernels print is not what we say
        os.dup2(os.open(os.devnull, os.O_WRONLY), number)
    notebook = nbformat.from_dict(task["notebook"])
    report = asyncio.run(execute(notebook, Path(task["work"]), Limits.model_validate(task["limits"])))
    with os.fdopen(out, "w") as file:
        json.dump({"report": report.model_dump(), "notebook": notebook}, file)
    return 0


if __name__ == "__main__":
    sys.exit(main())
