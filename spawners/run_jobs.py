"""Which job a run is, and how that ended: found again by whatever was written down, and asked of Slurm once."""

import contextlib
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from spawners import run_record as files
from spawners.run_attempts import comment_of, numbered
from spawners.run_record import Record
from spawners.scheduler import JobState, Scheduler, SchedulerError

if TYPE_CHECKING:  # a run looks at itself through this module
    from spawners.run import Run

# Slurm notes an end when it decides on it; a job that is ended then has half a minute for its last words.
LAST_WORDS = timedelta(minutes=1)
# A busy Slurm may show a job minutes after sbatch gave up on it.
SHOWN_BY = timedelta(minutes=5)


async def find_jobs(records: Mapping["Run", Record | None], scheduler: Scheduler) -> tuple[dict["Run", JobState], str]:
    """The jobs of runs, and why Slurm could not be asked, or an empty text.

    A job is found by the id that was written down, by what it reported, or by its comment; then its id is written down,
    since Slurm soon forgets comments. Accounting is asked about those that are over, once for all, and its last word is
    kept with the run.
    """
    found = {run: record.accounting for run, record in records.items() if record and record.accounting}
    refused = {run for run, record in records.items() if record and record.refused is not None}
    asked = {run: record for run, record in records.items() if run not in found and run not in refused}
    if not asked:
        return found, ""
    snapshot = await scheduler.jobs()
    problem = snapshot.error if snapshot.stale else ""
    ids = {run: _job_id(run, record) or _by_comment(run, snapshot.values()) or "" for run, record in asked.items()}
    found |= {run: snapshot[job_id] for run, job_id in ids.items() if job_id in snapshot}
    over = {job_id for run, job_id in ids.items() if job_id and (run not in found or found[run].ended)}
    try:
        ended = await scheduler.ended(*sorted(over)) if over else {}
    except SchedulerError as error:
        return found, str(error)
    for run, job_id in ids.items():
        if job_id in ended:
            found[run] = ended[job_id]
            _keep(run, asked[run], found[run])
    return found, problem


def _keep(run: "Run", record: Record | None, job: JobState) -> None:
    """Keep accounting's last word, unless the job may still be writing its own: it has a while after its end."""
    if record and job.end and datetime.now(UTC) - job.end > LAST_WORDS:
        # Meanwhile the run may have been resumed. Where the home folder is full, accounting is asked again.
        with contextlib.suppress(OSError, files.RunError), files.one_at_a_time():
            now = run.record
            if now.resumed == record.resumed:
                files.write_record(run.folder, now.model_copy(update={"accounting": job}))


def _job_id(run: "Run", record: Record | None) -> str | None:
    """The id that was written down or reported; what is none would spoil the question about all the others."""
    try:
        noted = (run.folder / files.JOB_ID).read_text(errors="replace").strip()
    except FileNotFoundError:
        noted = (record.reported.job_id if record and record.reported else None) or ""
    return noted if re.fullmatch(r"[0-9]{1,12}", noted) else None


def never_came(run: "Run", record: Record) -> bool:
    """Whether nobody ever knew an id for its job, which Slurm would show by now if it had taken it."""
    lately = datetime.now(UTC) - record.asked < SHOWN_BY
    return record.refused is None and _job_id(run, record) is None and not lately


def _by_comment(run: "Run", jobs: Iterable[JobState]) -> str | None:
    """The id of the job that names this run, which is noted where it can be."""
    comment = comment_of(run.comment, max(numbered(run.folder), default=0) + 1)
    job_id = next((job.job_id for job in jobs if job.comment == comment), None)
    if job_id:
        with contextlib.suppress(OSError):  # a full home folder: it is found again
            files.write_whole(run.folder / files.JOB_ID, f"{job_id}\n")
    return job_id
