"""A sweep as it is now: one array of jobs in Slurm, and in its folder a run for each member."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from spawners import run_record as files
from spawners.process import alone
from spawners.reasons import explain
from spawners.run import Run
from spawners.run_folder import Folder
from spawners.run_jobs import SHOWN_BY
from spawners.run_record import Record, RunError, me, root
from spawners.run_values import reported_values
from spawners.run_words import NEVER_CAME, failure_sentence
from spawners.scheduler import JobState, Scheduler, SchedulerError
from spawners.slurm import Slurm
from spawners.slurm_text import array_of
from spawners.sweep_record import SWEEP, SweepRecord, arrays, member_folders, note_array, parameters_of, read_sweep

# A member's own last word, in Slurm's words.
_STATES = {"running": "RUNNING", "completed": "COMPLETED", "failed": "FAILED", "stopped": "STOPPED"}


class Member(BaseModel, frozen=True, extra="forbid"):
    """One member as it is now: its values, what it reported, and how it is or ended, by its own word."""

    name: str
    folder: Path
    parameters: dict[str, Any]
    state: str
    sentence: str = ""
    values: dict[str, float] = {}

    @property
    def run(self) -> Run:
        """Its folder, as that of any run."""
        return Run(self.folder)


class SweepView(BaseModel, frozen=True, extra="forbid"):
    """A sweep as it is now: `gpu_minutes` is what it took of the budget once it is over."""

    name: str
    state: str
    sentence: str
    record: SweepRecord
    members: tuple[Member, ...]
    over: bool = False
    gpu_minutes: float | None = None

    def count(self, state: str) -> int:
        """How many members are in a state."""
        return sum(member.state == state for member in self.members)


class Sweep(Folder):
    """One sweep, by its folder: input.ipynb, sweep.json, and below `members` a run for each."""

    @property
    def record(self) -> SweepRecord:
        """What was asked for; RunError where it cannot be read."""
        return read_sweep(self.folder)

    def look(self) -> SweepView:
        """How it is now; asks Slurm."""
        return alone(look(self, Slurm()))

    def wait(self) -> SweepView:
        """Wait until it is over."""
        return alone(_wait(self, Slurm()))

    def best(self, value: str, *, largest: bool = False) -> Member:
        """Return the member that reported the smallest (or largest) `value`, of those that ran to their end."""
        return best(members_of(self, over=False), value, largest=largest)

    def cancel(self) -> str:
        """End all of its jobs; say what was done."""
        return alone(cancel(self, Slurm()))


def sweeps() -> list[Sweep]:
    """Return your sweeps, the newest first."""
    return sorted((Sweep(path.parent) for path in root().glob(f"*/{SWEEP}")), key=lambda one: one.name)[::-1]


def find_sweep(name: str) -> Sweep | None:
    """Return the sweep called `name`, or the only one whose name holds it; None where there is none, or several."""
    known = sweeps()
    found = [one for one in known if one.name == name] or [one for one in known if name and name in one.name]
    return found[0] if len(found) == 1 else None


def members_of(sweep: Sweep, *, over: bool) -> tuple[Member, ...]:
    """All members by their own word; what is not done once the sweep is `over` was stopped, or not begun."""
    return tuple(_member(folder, over=over) for folder in member_folders(sweep.folder))


def best(members: Sequence[Member], value: str, *, largest: bool = False) -> Member:
    """The completed member with the smallest (or largest) value; RunError where none has reported it."""
    found = [member for member in members if member.state == "COMPLETED" and value in member.values]
    if not found:
        known = ", ".join(sorted({name for member in members for name in member.values})) or "none yet"
        raise RunError(
            f"No completed member has reported '{value}'. Reported are: {known}. A notebook reports a value by "
            f"onramp.report({value}=…)."
        )
    return (max if largest else min)(found, key=lambda member: member.values[value])


async def look(sweep: Sweep, scheduler: Scheduler) -> SweepView:
    """Return how a sweep is now: whether jobs of it are left, by Slurm; what its members do, by their folders."""
    record = sweep.record
    if record.refused is not None:
        return _view(sweep, record, "NOT_SUBMITTED", f"Slurm did not take it: {record.refused}", over=True)
    snapshot = await scheduler.jobs()
    ids = _ids(sweep, snapshot.values())
    jobs = [job for job in snapshot.values() if array_of(job.job_id) in ids and not job.ended]
    if jobs:
        return _alive(sweep, record, jobs)
    if snapshot.stale:
        return _view(sweep, record, "UNKNOWN", f"Slurm cannot be asked just now: {snapshot.error}")
    if not ids:
        late = datetime.now(UTC) - record.submitted.at > SHOWN_BY
        told = NEVER_CAME if late else "Slurm does not know its jobs yet."
        return _view(sweep, record, "NOT_SUBMITTED" if late else "UNKNOWN", told, over=late)
    try:
        ended = (await scheduler.accounted(*ids)).values()
    except SchedulerError as error:
        return _view(sweep, record, "UNKNOWN", f"Slurm cannot be asked just now: {error}")
    if not ended or not all(job.ended for job in ended):
        return _view(sweep, record, "UNKNOWN", "Accounting does not know yet how its jobs ended.")
    return _over(sweep, record, list(ended))


async def cancel(sweep: Sweep, scheduler: Scheduler) -> str:
    """End the jobs of a sweep; one that is over is left as it is."""
    seen = await look(sweep, scheduler)
    if seen.over:
        return f"{sweep.name} is over already: {seen.sentence}"
    ids = arrays(sweep.folder)
    if not ids:
        raise RunError(f"{sweep.name} cannot be cancelled now. {seen.sentence}")
    try:
        for job_id in ids:
            await scheduler.cancel(me(), job_id)
    except SchedulerError as error:
        raise RunError(f"{sweep.name} cannot be cancelled now: {error}") from error
    return f"{sweep.name} is cancelled. What was done until then is in {sweep.folder}."


def _ids(sweep: Sweep, jobs: Iterable[JobState]) -> list[str]:
    """The ids of its arrays; one whose id was never heard is found by its comment."""
    known = arrays(sweep.folder)
    found = {array_of(job.job_id) for job in jobs if job.comment == sweep.comment} - set(known)
    for job_id in found:
        note_array(sweep.folder, job_id)
    return [*known, *sorted(found)]


def _alive(sweep: Sweep, record: SweepRecord, jobs: Sequence[JobState]) -> SweepView:
    running = [job for job in jobs if not job.waiting]
    if not running:
        return _view(sweep, record, "PENDING", explain(jobs[0]))
    places = ", ".join(sorted({job.node for job in running if job.node}))
    jobs_run = "1 job runs" if len(running) == 1 else f"{len(running)} jobs run"
    return _view(sweep, record, "RUNNING", f"{jobs_run}{f' on {places}' if places else ''}.")


def _over(sweep: Sweep, record: SweepRecord, jobs: Sequence[JobState]) -> SweepView:
    """How it ended: well only if each member did."""
    seen = _view(sweep, record, "COMPLETED", "", over=True)
    done, count = seen.count("COMPLETED"), len(seen.members)
    seconds = sum(max(0.0, (job.end - job.start).total_seconds()) for job in jobs if job.start and job.end)
    told = f"{done} of {count} members ran to their end."
    bad = next((job for job in jobs if job.state not in ("COMPLETED", "FAILED")), None)
    state = "COMPLETED" if done == count else (bad.state if bad else "FAILED")
    if done < count:
        told += f" {explain(bad)}" if bad else ""
        told += " Those that did not can be tried again alone: retry."
    return seen.model_copy(
        update={"state": state, "sentence": told, "gpu_minutes": seconds / 60 * record.submitted.resources.gpus}
    )


def _view(sweep: Sweep, record: SweepRecord, state: str, told: str, *, over: bool = False) -> SweepView:
    members = members_of(sweep, over=over)
    return SweepView(name=sweep.name, state=state, sentence=told, record=record, members=members, over=over)


def _member(folder: Path, *, over: bool) -> Member:
    """A member by its own record."""
    try:
        record = files.read_record(folder)
    except RunError as error:
        return Member(name=folder.name, folder=folder, parameters={}, state="UNREADABLE", sentence=str(error))
    reported = record.reported
    state = _STATES[reported.outcome] if reported else "PENDING"
    if over:
        state = {"RUNNING": "STOPPED", "PENDING": "NOT_RUN"}.get(state, state)
    return Member(
        name=folder.name,
        folder=folder,
        parameters=parameters_of(folder),
        state=state,
        sentence=_told(record),
        values=reported_values(folder),
    )


def _told(record: Record) -> str:
    failure = record.reported.failure if record.reported else None
    return failure_sentence(failure, record) if failure else ""


async def _wait(sweep: Sweep, scheduler: Scheduler) -> SweepView:
    while not (seen := await look(sweep, scheduler)).over:  # noqa: ASYNC110 -- a poll
        await asyncio.sleep(2)
    return seen
