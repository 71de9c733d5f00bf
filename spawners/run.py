"""A run as it is now: its folder and Slurm are the truth, and no server need live on for either."""

import asyncio
import contextlib
import os
from collections.abc import Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from pydantic import BaseModel

from spawners import run_record as files
from spawners.run_jobs import find_jobs, never_came
from spawners.run_record import INSIDE, Record, RunError, me, root
from spawners.run_words import NEVER_CAME, sentence
from spawners.scheduler import JobState, Scheduler, SchedulerError
from spawners.slurm import Slurm

_T = TypeVar("_T")


class Printer(Protocol):
    """The part of IPython's pretty printer that a Run needs to show itself."""

    def text(self, text: str, /) -> None:
        """Write `text`."""


class View(BaseModel, frozen=True, extra="forbid"):
    """A run as it is now: Slurm's state (or NOT_SUBMITTED, UNKNOWN) in words, cells done, what accounting says."""

    name: str
    state: str
    sentence: str
    record: Record
    job: JobState | None = None
    cells_done: int = 0
    cells_total: int = 0

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state == "NOT_SUBMITTED" or (self.job is not None and self.job.ended)

    @property
    def gpu_minutes(self) -> float | None:
        """What it took from the budget so far or in all, by Slurm's own clock; None before it began."""
        if self.job is None or self.job.start is None or self.job.waiting:
            return None
        end = self.job.end if self.job.ended and self.job.end else datetime.now(UTC)
        return max(0.0, (end - self.job.start).total_seconds()) / 60 * self.record.submitted.resources.gpus


@dataclass(frozen=True)
class Run:
    """One run, by its folder: input.ipynb, parameters.yaml, run.json, job.log, output.ipynb, environment.txt."""

    folder: Path

    @property
    def name(self) -> str:
        """What the run is called: its folder's name."""
        return self.folder.name

    @property
    def comment(self) -> str:
        """What Slurm keeps with the job; by it the job is found where its id was not written down."""
        return f"{files.RUN_COMMENT}{self.name}"

    @property
    def record(self) -> Record:
        """What was asked for, and what the job said; RunError where it cannot be read."""
        return files.read_record(self.folder)

    @property
    def result(self) -> Path | None:
        """The notebook with its outputs, saved after each cell; None before the first."""
        path = self.folder / files.OUTPUT
        return path if path.exists() else None

    def log(self, size: int = 20_000) -> str:
        """The end of what the job printed, at most `size` bytes."""
        try:
            with (self.folder / files.LOG).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - size))
                return file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""

    def look(self) -> View:
        """How it is now; asks Slurm."""
        return alone(look(self, Slurm()))

    def wait(self) -> View:
        """Wait until it is over; say how it ended."""
        return alone(_wait(self, Slurm()))

    def cancel(self) -> str:
        """End it; say what was done."""
        return alone(cancel(self, Slurm()))

    def __str__(self) -> str:
        seen = self.look()
        return f"{self.name}: {seen.state}. {seen.sentence}"

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        """What IPython shows for a cell that ends in a run."""
        printer.text(str(self))


async def look(run: Run, scheduler: Scheduler) -> View:
    """Return how a run is now: Slurm's word first, the folder where Slurm has none or cannot be asked."""
    record = run.record
    jobs, problem = await find_jobs({run: record}, scheduler)
    return _view(run, record, jobs.get(run), problem)


async def look_at(several: Sequence[Run], scheduler: Scheduler) -> list[View | None]:
    """Look at many runs, for which Slurm is asked once; None where a record is broken."""
    records = {}
    for run in several:
        with contextlib.suppress(RunError):
            records[run] = run.record
    jobs, problem = await find_jobs(records, scheduler)
    return [_view(run, records[run], jobs.get(run), problem) if run in records else None for run in several]


def _view(run: Run, record: Record, job: JobState | None, problem: str) -> View:
    """A run by its record, its job, and why Slurm could not be asked."""
    reported = record.reported
    done, total = files.cells(run.folder) or (0, 0)
    if reported and reported.ended:
        done, total = reported.cells_done, reported.cells_total
    missing = job is None and not problem and never_came(run, record)
    return View(
        name=run.name,
        state=job.state if job else ("NOT_SUBMITTED" if record.refused is not None or missing else "UNKNOWN"),
        sentence=NEVER_CAME
        if missing
        else sentence(record, job, (done, total), problem, run.log() if job and job.ended else ""),
        record=record,
        job=job,
        cells_done=done,
        cells_total=total,
    )


async def cancel(run: Run, scheduler: Scheduler) -> str:
    """End a run's job; a run that is over is left as it is."""
    seen = await look(run, scheduler)
    if seen.over:
        return f"{run.name} is over already: {seen.sentence}"
    if seen.job is None:
        raise RunError(f"{run.name} cannot be cancelled now. {seen.sentence}")
    try:
        await scheduler.cancel(me(), seen.job.job_id)
    except SchedulerError as error:
        raise RunError(f"{run.name} cannot be cancelled now: {error}") from error
    return f"{run.name} is cancelled. What was done until then is in {run.folder}."


def runs() -> list[Run]:
    """Return your runs, the newest first."""
    return sorted((Run(path.parent) for path in root().glob(f"*/{files.RECORD}")), key=lambda run: run.name)[::-1]


def find_run(name: str = "", *, whole: bool = False) -> Run:
    """Return the run called `name`, or, unless only a `whole` name will do, the only one whose name holds it.

    Without a name it is the newest.
    """
    known = runs()
    found = [run for run in known if name in (run.name, run.name.split("-", 2)[-1])]
    found = found or [run for run in known if name in run.name]
    if whole:
        found = [run for run in known if run.name == name]
    if not known:
        raise RunError(f"There are no runs in {root()} yet. Make one with onramp.promote in a notebook.")
    if len(found) == 1 or (found and not name):
        return found[0]
    those = found or known
    said = f"More than one run has '{name}' in its name" if found else f"No run is called '{name}'"
    raise RunError(f"{said}. Choose from: {', '.join(run.name for run in those[:10])}.")


def this_run() -> Run | None:
    """Return the run that this notebook is executed in; None in a notebook that a person has open."""
    return Run(Path(os.environ[INSIDE])) if INSIDE in os.environ else None


async def _wait(run: Run, scheduler: Scheduler) -> View:
    while not (seen := await look(run, scheduler)).over:  # noqa: ASYNC110 -- a poll
        await asyncio.sleep(2)
    return seen


def alone(work: Coroutine[object, object, _T]) -> _T:
    """Run a coroutine from a notebook's cell, where an event loop runs already: in a thread with its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()
