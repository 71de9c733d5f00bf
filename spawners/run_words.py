"""What became of a run, in plain sentences: the queue's reason, the failing cell and its cause, what is left."""

import os

from spawners.ending import ending
from spawners.printed import explained
from spawners.reasons import explain
from spawners.run_causes import NO_SPACE as DISK_FULL
from spawners.run_causes import cause_of
from spawners.run_record import LOG, OUTPUT, Failure, Record, rank_log
from spawners.scheduler import JobState

# The exit code of a job whose folder is full: its report may not have found room either.
NO_SPACE = 28
# How a job ends that may well go on: nothing was wrong with its notebook.
RESUMABLE = frozenset({"TIMEOUT", "NODE_FAIL", "BOOT_FAIL", "PREEMPTED", "CANCELLED", "DEADLINE"})
RESUME = " It can be resumed: onramp runs resume, or the button of its panel."
TAKEN = "Slurm took it off its node."
PUT_BACK = "Slurm put it back into the queue; it goes on after its last checkpoint. "
# To Slurm it has a begin from then on, which nobody asked for.
REST = "Slurm lets about two minutes pass first."
NEVER_CAME = "Slurm did not answer when it was submitted, and does not know its job: promote the notebook again."


def failure_sentence(failure: Failure, record: Record, log: str = "") -> str:
    """Which cell failed, of what, and what to do about it; `log` is the end of what the job printed."""
    if failure.ename == "NoSpace":
        return DISK_FULL.advice
    if failure.rank is not None:
        return _rank_sentence(failure, record)
    whole = "The script failed" if record.submitted.is_script else "The notebook failed"
    where = f"The cell marked [{failure.cell}] failed" if failure.cell is not None else whole
    line = f", which begins with `{failure.line}`" if failure.line else ""
    said = f"{failure.ename}: {failure.evalue}" if failure.evalue else failure.ename
    cause = cause_of(failure, log)
    told = (cause.advice if cause else "").format(cwd=record.submitted.cwd, mem=record.submitted.resources.mem)
    return f"{where}{line}: {said.rstrip('.')}. {told}".rstrip()


def _rank_sentence(failure: Failure, record: Record) -> str:
    """Which process of a script failed first, of what, where its log is, and what to do about it."""
    submitted = record.submitted
    log = f" Its own log is {rank_log(failure.rank)}." if failure.rank else ""
    cause = cause_of(failure, "")
    told = cause.advice.format(cwd=submitted.cwd, mem=submitted.resources.mem) if cause else ""
    said = f"{failure.ename}: {failure.evalue}" if failure.evalue else failure.ename
    ranks = submitted.resources.nodes * submitted.ranks_per_node
    return f"Rank {failure.rank} of {ranks} failed: {said.rstrip('.')}.{log} {told}".rstrip()


def sentence(
    record: Record,
    job: JobState | None,
    cells: tuple[int, int],
    *,
    lost: JobState | None = None,
    problem: str = "",
    log: str = "",
) -> str:
    """What is to be said about a run whose job was last seen as `job`, with so many cells done of so many.

    `lost` is the start that Slurm ended when it put the job back, where accounting knows it, `problem` is why Slurm
    did not answer, `log` the end of what the job printed.
    """
    if job is None:
        return _without_slurm(record, problem)
    if not job.ended:
        return _waits(record, job, lost) if job.waiting else f"It runs on {job.node or 'its node'}."
    if job.state == "COMPLETED":
        return "It ended as it should." if record.submitted.is_script else f"It ended as it should. {_ran(cells)}"
    kept = f"What it printed is in {LOG}." if record.submitted.is_script else _kept(cells)
    return f"{_cause(record, job, log)} {kept}{RESUME if resumable(record, job) else ''}"


def put_back(record: Record, job: JobState) -> bool:
    """Whether a run's job has run before, and waits again."""
    return job.waiting and record.reported is not None and record.reported.job_id == job.job_id


def _waits(record: Record, job: JobState, lost: JobState | None) -> str:
    """Why it waits, and why it does so again."""
    if not put_back(record, job):
        return explain(job)
    taken = ending(lost).sentence if lost is not None and lost.state in RESUMABLE else TAKEN
    return f"{taken} {PUT_BACK}{REST if job.reason == 'BeginTime' else explain(job)}"


def resumable(record: Record, job: JobState | None) -> bool:
    """Whether a run may go on; a script loads its own checkpoints, where it has any, when it is promoted again."""
    return job is not None and job.state in RESUMABLE and not record.submitted.is_script


def _cause(record: Record, job: JobState, log: str) -> str:
    """Why it did not reach its end: Slurm's word, for a failure the job's own, else what the log tells."""
    if job.exit_code == f"{NO_SPACE}:0":
        return DISK_FULL.advice
    if job.state == "FAILED" and record.reported and record.reported.failure:
        return failure_sentence(record.reported.failure, record, log)
    if job.reason == f"by {os.getuid()}":
        return "You cancelled it."
    if job.state in RESUMABLE:
        return ending(job).sentence
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
