"""verify, of a sweep: the accounting of its jobs, signed as that of a run; and its members' files."""

import os
from collections.abc import Iterator, Mapping

from spawners import run_record as files
from spawners.run_record import RunError
from spawners.run_verify import Finding, accounting, file, signed
from spawners.scheduler import Scheduler, SchedulerError
from spawners.sweep import Member, Sweep, look, members_of
from spawners.sweep_record import SweepRecord, arrays, write_sweep

_OWN_WORD = (
    "Unverified: Slurm knows the jobs that members share, and not the members. Which job ran which of them, and what "
    "came of it, is the jobs' own word, and their owner's code ran beside it."
)


async def sealed_sweep(sweep: Sweep, scheduler: Scheduler, environ: Mapping[str, str] = os.environ) -> SweepRecord:
    """A sweep's record with the platform's seal on each of its jobs, asked for and kept where one lacks.

    Raises RunError where that cannot be: it is not over, or the hub does not sign.
    """
    record, known = sweep.record, {one.accounting.job_id for one in sweep.record.sealed}
    seen = await look(sweep, scheduler)
    ids = arrays(sweep.folder)
    if not seen.over or not ids:
        raise RunError(f"{sweep.name} has no accounting to be signed yet. {seen.sentence}")
    try:
        jobs = (await scheduler.accounted(*ids)).values()
    except SchedulerError as error:
        raise RunError(f"Slurm cannot be asked just now: {error} Try again in a few minutes.") from error
    fresh = [await signed(job, environ) for job in jobs if job.job_id not in known]
    if fresh:
        record = record.model_copy(update={"sealed": (*record.sealed, *fresh)})
        write_sweep(sweep.folder, record)
    return record


def sweep_findings(sweep: Sweep, record: SweepRecord, public_key: str) -> Iterator[Finding]:
    """All that can be said of a sweep from its folder and the platform's public key alone."""
    genuine = set()
    for one in record.sealed:
        found = accounting(f"job {one.accounting.job_id}", sweep, one.accounting, one.seal, public_key)
        genuine |= {one.accounting.job_id} if found.holds else set()
        yield found
    if not record.sealed:
        yield Finding("accounting", False, "Not signed by the platform.")
    yield file(sweep.folder, files.INPUT, record.submitted.sha256)
    yield from (_member(member, genuine) for member in members_of(sweep, over=True))
    yield Finding("reported", None, _OWN_WORD)


def _member(member: Member, genuine: set[str]) -> Finding:
    """Whether a member's files are as its record says, and whether the job that it names is one that was signed."""
    what = f"member {member.name}"
    try:
        record = member.run.record
    except RunError as error:
        return Finding(what, False, str(error))
    looked = [file(member.folder, files.PARAMETERS, record.submitted.parameters_sha256)]
    if (reported := record.reported) is not None:
        if reported.output_sha256:
            looked.append(file(member.folder, files.OUTPUT, reported.output_sha256))
        if reported.job_id not in genuine:
            return Finding(what, False, f"It names job {reported.job_id}, and no such job of this sweep was signed.")
    for one in looked:
        if one.holds is not True:
            return one._replace(what=what, sentence=f"{one.what}: {one.sentence}")
    job = f" Job {reported.job_id} says that it ran it." if reported else " Nothing ran it."
    return Finding(what, True, f"{' and '.join(one.what for one in looked)} as run.json says.{job}")
