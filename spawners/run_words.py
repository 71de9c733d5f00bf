"""What became of a run, in plain sentences: the queue's reason, the failing cell and its cause, what is left."""

import os

from spawners.reasons import explain
from spawners.run_record import OUTPUT, Failure, Record
from spawners.scheduler import JobState

# The exit code of a job whose folder is full: its report may not have found room either.
NO_SPACE = 28
# What a person can do about the usual causes; `{evalue}` is Python's own text, `{cwd}` where the run began.
CAUSES = {
    "FileNotFoundError": "It needs a file that is not there. A run begins in {cwd}: put the file there, or give "
    "its whole path.",
    "ModuleNotFoundError": "The package is not in the environment that runs use. Ask for it, or do without.",
    "PermissionError": "It may not use that file. Is it in your own home folder?",
    "MemoryError": "It needed more memory than the job has. Promote it with a larger profile, or load less at once.",
    "OutOfMemoryError": "The GPU's memory was too small. Make the batches smaller, or the model.",
    "DeadKernelError": "Python itself was ended, most often because the job had too little memory ({mem} MiB). "
    "Promote it with a larger profile, or load less at once.",
    "StdinNotImplementedError": "Nobody is there to answer a question while a job runs. Use a parameter instead.",
    "NameError": "The name is not defined when the notebook is run from the top. Does an earlier cell lack it?",
    "NoSpace": "Your home folder is full, so the result could not be saved. Delete what you no longer need, and "
    "promote it again.",
}

NEVER_CAME = "Slurm did not answer when it was submitted, and does not know its job: promote the notebook again."


def failure_sentence(failure: Failure, record: Record) -> str:
    """Which cell failed, of what, and what to do about it."""
    if failure.ename == "NoSpace":
        return CAUSES["NoSpace"]
    where = f"The cell marked [{failure.cell}] failed" if failure.cell is not None else "The notebook failed"
    line = f", which begins with `{failure.line}`" if failure.line else ""
    said = f"{failure.ename}: {failure.evalue}" if failure.evalue else failure.ename
    advice = CAUSES.get(failure.ename, "")
    told = advice.format(cwd=record.submitted.cwd, mem=record.submitted.resources.mem)
    return f"{where}{line}: {said.rstrip('.')}. {told}".rstrip()


def sentence(record: Record, job: JobState | None, cells: tuple[int, int], problem: str = "") -> str:
    """What is to be said about a run whose job was last seen as `job`, with so many cells done of so many.

    `problem` is why Slurm did not answer.
    """
    if job is None:
        return _without_slurm(record, problem)
    if not job.ended:
        return explain(job) if job.waiting else f"It runs on {job.node or 'its node'}."
    if job.state == "COMPLETED":
        return f"It ended as it should. {_ran(cells)}"
    return f"{_cause(record, job)} {_kept(cells)}"


def _cause(record: Record, job: JobState) -> str:
    """Why it did not reach its end: Slurm's word, and for a failure the job's own."""
    if job.exit_code == f"{NO_SPACE}:0":
        return CAUSES["NoSpace"]
    if job.state == "FAILED" and record.reported and record.reported.failure:
        return failure_sentence(record.reported.failure, record)
    return "You cancelled it." if job.reason == f"by {os.getuid()}" else explain(job)


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
