"""What became of a run, in plain sentences: the queue's reason, the failing cell and its cause, what is left."""

import os

from spawners.ending import ending
from spawners.printed import explained
from spawners.reasons import explain
from spawners.run_causes import NO_SPACE as DISK_FULL
from spawners.run_causes import cause_of
from spawners.run_record import OUTPUT, Failure, Record
from spawners.scheduler import JobState

# The exit code of a job whose folder is full: its report may not have found room either.
NO_SPACE = 28
NEVER_CAME = "Slurm did not answer when it was submitted, and does not know its job: promote the notebook again."


def failure_sentence(failure: Failure, record: Record, log: str = "") -> str:
    """Which cell failed, of what, and what to do about it; `log` is the end of what the job printed."""
    if failure.ename == "NoSpace":
        return DISK_FULL.advice
    where = f"The cell marked [{failure.cell}] failed" if failure.cell is not None else "The notebook failed"
    line = f", which begins with `{failure.line}`" if failure.line else ""
    said = f"{failure.ename}: {failure.evalue}" if failure.evalue else failure.ename
    cause = cause_of(failure, log)
    told = (cause.advice if cause else "").format(cwd=record.submitted.cwd, mem=record.submitted.resources.mem)
    return f"{where}{line}: {said.rstrip('.')}. {told}".rstrip()


def sentence(record: Record, job: JobState | None, cells: tuple[int, int], problem: str = "", log: str = "") -> str:
    """What is to be said about a run whose job was last seen as `job`, with so many cells done of so many.

    `problem` is why Slurm did not answer, `log` the end of what the job printed.
    """
    if job is None:
        return _without_slurm(record, problem)
    if not job.ended:
        return explain(job) if job.waiting else f"It runs on {job.node or 'its node'}."
    if job.state == "COMPLETED":
        return f"It ended as it should. {_ran(cells)}"
    return f"{_cause(record, job, log)} {_kept(cells)}"


def _cause(record: Record, job: JobState, log: str) -> str:
    """Why it did not reach its end: Slurm's word, for a failure the job's own, else what the log tells."""
    if job.exit_code == f"{NO_SPACE}:0":
        return DISK_FULL.advice
    if job.state == "FAILED" and record.reported and record.reported.failure:
        return failure_sentence(record.reported.failure, record, log)
    if job.reason == f"by {os.getuid()}":
        return "You cancelled it."
    return explained(ending(job), log, came_up=True).text if job.state == "FAILED" else explain(job)


def _without_slurm(record: Record, problem: str) -> str:
    """What the folder alone tells."""
    if record.refused is not None:
        return f"Slurm did not take it: {record.refused}"
    said = "Its job has not begun." if record.reported is None else f"Its own last word: {record.reported.outcome}."
    if record.reported and record.reported.failure:
        said = failure_sentence(record.reported.failure, record)
    return f"{said} Slurm cannot be asked just now: {problem}" if problem else f"{said} Slurm does not know its job."


def _ran(cells: tuple[int, int]) -> str:
    return f"{cells[0]} of {cells[1]} cells ran."


def _kept(cells: tuple[int, int]) -> str:
    """What is left of a run that did not reach its end."""
    return f"{_ran(cells)} What was done until then is in {OUTPUT}." if cells[1] else "No cell had run yet."
