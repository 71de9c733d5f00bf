"""resume: a run that met its time limit goes on in a job of its own, in the same folder, after its last checkpoint."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

from spawners import run_record as files
from spawners.outage import perhaps_taken
from spawners.render import RenderError, render
from spawners.run import Run, View, look
from spawners.run_attempts import numbered, put_by
from spawners.run_checkpoint import last
from spawners.run_jobs import LAST_WORDS
from spawners.run_record import INSIDE, Record, RunError, me, one_at_a_time
from spawners.run_submit import run_job
from spawners.run_words import resumable
from spawners.scheduler import JobState, Scheduler, SchedulerError
from spawners.site import Site, SiteError, load_site

_GOES_ON = "{} goes on already. How it is: onramp runs show {}"


async def resume(run: Run, scheduler: Scheduler) -> str:
    """Submit the next attempt and say so; two at once are one. RunError says why it cannot be."""
    if INSIDE in os.environ:
        raise RunError("This notebook already is a run; a run resumes nothing. Resume it from a server instead.")
    seen = await look(run, scheduler)
    if not seen.over:
        if run.record.resumed:  # perhaps since we looked
            return _GOES_ON.format(run.name, run.name)
        raise RunError(f"{run.name} is not over, so there is nothing to resume. {seen.sentence}")
    _check(run, seen)
    job_id = await _submit(run, seen.record, scheduler, accounting=seen.job)
    return f"{run.name} goes on in job {job_id}{_from(run)}." if job_id else _GOES_ON.format(run.name, run.name)


async def go_on(run: Run, record: Record, job_id: str, scheduler: Scheduler) -> str:
    """Have the run of a job whose time is up go on by itself once that is over; say so, or why not."""
    why = refusal(run.folder, record, _site(record))
    if why:
        return f"It does not go on by itself: {why} To go on: onramp runs resume {run.name}"
    try:
        found = await _submit(run, record, scheduler, after=job_id)
    except RunError as error:
        return f"It does not go on by itself: {error} To go on: onramp runs resume {run.name}"
    return f"Its time is up. It goes on in job {found}{_from(run)}."


def refusal(folder: Path, record: Record, site: Site) -> str:
    """Why a run does not go on without a person; an empty text where it does.

    Whoever tags a checkpoint wants that; each attempt must have reached a further one, or no end is in sight.
    """
    kept = last(folder)
    if site.policy.unattended_submit is not True:
        return f"{site.title} does not say that jobs may be submitted without a person."
    if kept is None:
        return "it has no checkpoint."
    if record.reported is None or kept.cell < record.reported.resumed_from:
        return "it reached no further checkpoint, and would run the same cells once more."
    if (folder / files.CANCELLED).exists():
        return "it was cancelled."
    return ""


def _check(run: Run, seen: View) -> None:
    """Refuse what would not get further, or is not quite over."""
    if seen.job is None or not resumable(seen.record, seen.job):
        raise RunError(f"{run.name} cannot be resumed. {seen.sentence} Promote its notebook again instead.")
    reported, end = seen.record.reported, seen.job.end
    spoken = reported is not None and reported.ended is not None
    if not spoken and end is not None and datetime.now(UTC) - end < LAST_WORDS:
        raise RunError(f"{run.name} ended just now, and its job may still be writing. Resume it in a minute.")


async def _submit(
    run: Run, seen: Record, scheduler: Scheduler, *, accounting: JobState | None = None, after: str | None = None
) -> str:
    """Claim the run for a next attempt and submit it; the job's id, or "" where somebody else was quicker."""
    claimed = _claim(run, seen, accounting)
    if claimed is None:
        return ""
    try:
        resources = seen.submitted.resources
        attempt = max(numbered(run.folder)) + 1
        script = render(_site(seen), resources, run_job(run, resources, after, attempt=attempt))
        job_id = await scheduler.submit(me(), script)
    except (SchedulerError, RenderError) as error:
        if perhaps_taken(str(error)):
            raise RunError(
                f"Slurm did not say whether it took the job: {error}\n`onramp runs show {run.name}` in a few minutes "
                "says what became of it."
            ) from error
        _give_back(run, claimed)
        raise RunError(f"Slurm did not take the job: {error}\n{run.name} is as it was.") from error
    files.write_whole(run.folder / files.JOB_ID, f"{job_id}\n")
    return job_id


class _Claim(NamedTuple):
    """What a claim has put by: the last attempt's record, its job's id, and where the record lies now."""

    record: Record
    job_id: str
    kept: Path


def _claim(run: Run, seen: Record, accounting: JobState | None) -> _Claim | None:
    """Put the last attempt by and begin the next; None where that is not the last attempt any more."""
    try:
        with one_at_a_time():
            record = run.record
            if record.resumed != seen.resumed:
                return None
            noted = run.folder / files.JOB_ID
            job_id = noted.read_text() if noted.exists() else ""
            kept = put_by(run.folder, record.model_copy(update={"accounting": record.accounting or accounting}))
            files.write_record(run.folder, Record(submitted=record.submitted, resumed=datetime.now(UTC)))
            noted.unlink(missing_ok=True)
            for gone in (files.CANCELLED, files.REPORT):
                (run.folder / gone).unlink(missing_ok=True)
            return _Claim(record, job_id, kept)
    except OSError as error:
        raise RunError(
            f"The folder {run.folder} cannot be written: {error.strerror}. If your home folder is full, delete what "
            "you no longer need, and resume again."
        ) from error


def _give_back(run: Run, claim: _Claim) -> None:
    """Undo a claim: no job came of it."""
    files.write_record(run.folder, claim.record)
    if claim.job_id:
        files.write_whole(run.folder / files.JOB_ID, claim.job_id)
    claim.kept.unlink()


def _from(run: Run) -> str:
    kept = last(run.folder)
    return (
        f", after its checkpoint ({', '.join(kept.variables)})" if kept else "; it has no checkpoint, so all cells run"
    )


def _site(record: Record) -> Site:
    try:
        return load_site(record.submitted.site)
    except SiteError as error:
        raise RunError(str(error)) from None
