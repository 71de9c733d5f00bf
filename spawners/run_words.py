"""What became of a run, in plain sentences: the queue's reason, the failing cell and its cause, what is left."""

import os

from spawners.reasons import explain
from spawners.run_record import OUTPUT, Failure, Record, Reported
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


def sentence(record: Record, job: JobState | None, problem: str = "") -> str:
    """What is to be said about a run whose job was last seen as `job`; `problem` is why Slurm did not answer."""
    reported = record.reported
    if job is None:
        return _without_slurm(record, problem)
    if not job.ended:
        return explain(job) if job.waiting else f"It runs on {job.node or 'its node'}."
    if job.state == "COMPLETED":
        return f"It ended as it should. {_progress(reported)}"
    failure = reported.failure if reported else None
    if job.exit_code == f"{NO_SPACE}:0":
        failure = failure or Failure(ename="NoSpace")
    if job.state == "FAILED" and failure:
        return f"{failure_sentence(failure, record)} {_kept(reported)}"
    said = "You cancelled it." if job.reason == f"by {os.getuid()}" else explain(job)
    return f"{said} {_kept(reported)}"


def _without_slurm(record: Record, problem: str) -> str:
    """What the folder alone tells."""
    if record.refused is not None:
        return f"Slurm did not take it: {record.refused}"
    said = "Its job has not begun." if record.reported is None else f"Its own last word: {record.reported.outcome}."
    if record.reported and record.reported.failure:
        said = failure_sentence(record.reported.failure, record)
    return f"{said} Slurm cannot be asked just now: {problem}" if problem else f"{said} Slurm does not know its job."


def _progress(reported: Reported | None) -> str:
    return f"{reported.cells_done} of {reported.cells_total} cells ran." if reported else ""


def _kept(reported: Reported | None) -> str:
    """What is left of a run that did not reach its end."""
    if reported is None or not reported.cells_total:
        return "No cell had run yet."
    return f"{_progress(reported)} What was done until then is in {OUTPUT}."
