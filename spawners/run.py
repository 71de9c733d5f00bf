"""A run as it is now: its folder and Slurm are the truth, and no server need live on for either."""

import asyncio
import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import BaseModel

from spawners import run_record as files
from spawners.process import alone
from spawners.run_attempts import earlier, gpu_minutes, lost_starts, settle
from spawners.run_folder import Folder
from spawners.run_jobs import find_jobs, never_came
from spawners.run_record import INSIDE, Record, RunError, me, root
from spawners.run_words import NEVER_CAME, put_back, sentence
from spawners.scheduler import JobState, Scheduler, SchedulerError
from spawners.slurm import Slurm


class View(BaseModel, frozen=True, extra="forbid"):
    """A run as it is now: Slurm's state (or NOT_SUBMITTED, UNKNOWN) in words, cells done, what accounting says."""

    name: str
    state: str
    sentence: str
    record: Record
    earlier: tuple[Record, ...] = ()
    job: JobState | None = None
    cells_done: int = 0
    cells_total: int = 0

    @property
    def over(self) -> bool:
        """Whether nothing more will happen."""
        return self.state == "NOT_SUBMITTED" or (self.job is not None and self.job.ended)

    @property
    def gpu_minutes(self) -> float | None:
        """What all its attempts took from the budget so far or in all, by Slurm's own clock; None before it began."""
        jobs = [*(record.accounting for record in self.earlier), self.job]
        if not self.earlier and (self.job is None or self.job.start is None or self.job.waiting):
            return None
        return sum(gpu_minutes(job, self.record.submitted.resources.gpus) for job in jobs)


class Run(Folder):
    """One run, by its folder: input.ipynb, parameters.yaml, run.json, job.log, output.ipynb, environment.txt."""

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

    def resume(self) -> str:
        """Let it go on in a job of its own, after its last checkpoint; say what was done."""
        from spawners.run_resume import resume  # which looks at runs itself

        return alone(resume(self, Slurm()))

    def cancel(self) -> str:
        """End it; say what was done."""
        return alone(cancel(self, Slurm()))


async def look(run: Run, scheduler: Scheduler) -> View:
    """Return how a run is now: Slurm's word first, the folder where Slurm has none or cannot be asked."""
    record = run.record
    jobs, problem = await find_jobs({run: record}, scheduler)
    await settle([run.folder], scheduler)
    lost = await _lost({run: record}, jobs, scheduler)
    return _view(run, record, jobs.get(run), lost.get(run), problem)


async def look_at(several: Sequence[Run], scheduler: Scheduler) -> list[View | None]:
    """Look at many runs, for which Slurm is asked once; None where a record is broken."""
    records = {}
    for run in several:
        with contextlib.suppress(RunError):
            earlier(run.folder)
            records[run] = run.record
    jobs, problem = await find_jobs(records, scheduler)
    await settle([run.folder for run in records], scheduler)
    lost = await _lost(records, jobs, scheduler)
    return [
        _view(run, records[run], jobs.get(run), lost.get(run), problem) if run in records else None for run in several
    ]


async def _lost(
    records: Mapping[Run, Record], jobs: Mapping[Run, JobState], scheduler: Scheduler
) -> dict[Run, JobState]:
    """What became of the last start of each run that Slurm has put back into the queue, from one sacct."""
    again = {run: job.job_id for run, job in jobs.items() if put_back(records[run], job)}
    known = await lost_starts(again.values(), scheduler)
    return {run: known[job_id] for run, job_id in again.items() if job_id in known}


def _view(run: Run, record: Record, job: JobState | None, lost: JobState | None, problem: str) -> View:
    """A run by its record, its job, the start of it that Slurm ended, and why Slurm could not be asked."""
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
        else sentence(
            record, job, (done, total), lost=lost, problem=problem, log=run.log() if job and job.ended else ""
        ),
        record=record,
        earlier=earlier(run.folder),
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
    told = run.folder / files.CANCELLED
    with contextlib.suppress(OSError):  # a full home folder
        told.touch()
    try:
        await scheduler.cancel(me(), seen.job.job_id)
    except SchedulerError as error:
        told.unlink(missing_ok=True)
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
