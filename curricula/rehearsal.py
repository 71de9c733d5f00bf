"""A notebook run once, and from each of its cells on with other answers: `python -m curricula.rehearsal < TASK`.

For the author's own notebook on the author's own machine; learners' work is graded in the sandbox, by a job. A fork
before each changed cell spares what comes before it, and cells that need nothing of what was changed are left out.
"""

import asyncio
import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from curricula.cell_names import touched_names, used_names
from curricula.report import Ran
from spawners.process import run

# One thread each, as in a grading job; a fork would wait for ever for the threads of its parent.
_THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


class Variant(BaseModel, frozen=True, extra="forbid"):
    """The notebook with one cell changed: `cell` is its place, `source` what stands there."""

    name: str
    cell: int
    source: str


class Task(BaseModel, frozen=True, extra="forbid"):
    """Sources of code cells by place, variants of them, and how long one variant may take, in seconds.

    A variant ends at the first of `tests` that fails: what comes after it cannot give back the points.
    """

    cells: Mapping[int, str]
    tests: frozenset[int] = frozenset()
    variants: tuple[Variant, ...] = ()
    seconds: int = 10


class Rehearsed(BaseModel, frozen=True, extra="forbid"):
    """How the cells went, of the notebook itself or of each variant by its number; None where it did not end."""

    whole: tuple[Ran, ...]
    variants: tuple[tuple[Ran, ...] | None, ...]


class RehearsalError(RuntimeError):
    """The notebook's own process did not live to its end; the message holds what it printed last."""


def rehearse(task: Task, *, seconds: float) -> Rehearsed:
    """Run a task in a process of its own, for at most so many seconds. Raises RehearsalError."""
    argv = (sys.executable, "-P", "-m", "curricula.rehearsal")
    ours = {"PYTHONPATH": str(Path(__file__).parents[1]), "MPLBACKEND": "agg"}
    environment = {**os.environ, **dict.fromkeys(_THREADS, "1"), **ours}
    try:
        done = asyncio.run(run(*argv, seconds=seconds, stdin=task.model_dump_json().encode(), env=environment))
    except TimeoutError:
        raise RehearsalError(f"It ran for longer than {seconds:g} seconds.") from None
    if done.returncode:
        raise RehearsalError(f"Its process ended with {done.returncode}: {done.err[-2000:]}")
    return Rehearsed.model_validate_json(done.out)


def main() -> int:
    """Read a task, and write what became of it."""
    from curricula.shell import make_shell  # with all of IPython, which who only hands over a task does not need

    task = Task.model_validate_json(sys.stdin.buffer.read())
    out = os.dup(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)  # what cells print is not what we say
    shell = make_shell()
    whole, variants = [], dict[int, Any]()
    for place, source in sorted(task.cells.items()):
        for number, variant in enumerate(task.variants):
            if variant.cell == place:
                variants[number] = _forked(shell, task, variant)
        whole.append(_run(shell, place, source))
    ran = [variants.get(number) for number in range(len(task.variants))]
    told = {"whole": [asdict(one) for one in whole], "variants": ran}
    with os.fdopen(out, "w") as file:
        json.dump(told, file)
    return 0


def _run(shell: Any, place: int, source: str) -> Ran:
    done = shell.run_cell(source, store_history=False)
    error = done.error_before_exec or done.error_in_exec
    if error is None:
        return Ran(index=place, ok=True, result=None if done.result is None else repr(done.result)[:100])
    return Ran(index=place, ok=False, error=type(error).__name__, message=str(error)[:2000])


def _forked(shell: Any, task: Task, variant: Variant) -> list[dict[str, Any]] | None:
    """Run a variant from its cell on in a copy of this process; None where that does not end well or in time."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        ran = [asdict(one) for one in _run_variant(shell, task, variant)]
        with os.fdopen(writing, "w") as file:
            json.dump(ran, file)
        os._exit(0)
    os.close(writing)
    text, end = b"", time.monotonic() + task.seconds
    while select.select([reading], [], [], max(0.0, end - time.monotonic()))[0]:
        if not (chunk := os.read(reading, 1 << 16)):
            break
        text += chunk
    os.close(reading)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    try:
        return list(json.loads(text))
    except ValueError:
        return None


def _run_variant(shell: Any, task: Task, variant: Variant) -> Iterator[Ran]:
    for place, source in _changed(task, variant):
        ran = _run(shell, place, source)
        yield ran
        if place in task.tests and not ran.ok:
            return


def _changed(task: Task, variant: Variant) -> Iterator[tuple[int, str]]:
    """Yield the changed cell, what comes after it and uses a name that it has touched, and what these need besides."""
    yield variant.cell, variant.source
    later = {place: source for place, source in sorted(task.cells.items()) if place > variant.cell}
    touched, chosen = touched_names(variant.source) | touched_names(task.cells[variant.cell]), set[int]()
    for place, source in later.items():
        if touched & used_names(source):
            touched |= touched_names(source)
            chosen.add(place)
    for place in sorted(later, reverse=True):
        needed = set[str]().union(*(used_names(later[one]) for one in chosen if one > place))
        if touched_names(later[place]) & needed:
            chosen.add(place)
    yield from ((place, later[place]) for place in sorted(chosen))


if __name__ == "__main__":
    sys.exit(main())
