"""Attempts: a run that was resumed keeps the record of each earlier one, with its own accounting and seal."""

import contextlib
import re
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from spawners import run_record as files
from spawners.run_record import Record
from spawners.scheduler import JobState, Scheduler, SchedulerError

_NAME = "attempt-{}.json"
# So far may the clocks of a node and of Slurm be apart.
SKEW = timedelta(seconds=5)


def numbered(folder: Path) -> dict[int, Record]:
    """The records of the attempts before this one by their number, the first one first; one may have been removed."""
    found = (re.fullmatch(r"attempt-([1-9][0-9]{0,2})\.json", path.name) for path in folder.glob("attempt-*.json"))
    return {
        number: files.read_record(folder, _NAME.format(number))
        for number in sorted(int(name[1]) for name in found if name)
    }


def earlier(folder: Path) -> tuple[Record, ...]:
    """The records of the attempts before this one, the first one first."""
    return tuple(numbered(folder).values())


def comment_of(comment: str, number: int) -> str:
    """What Slurm keeps with the job of an attempt of the run that has this comment."""
    return comment if number == 1 else f"{comment}:{number}"


def number_of(job: JobState, comment: str, otherwise: int) -> int | None:
    """Which attempt of a run a start of a job was, by accounting alone; None where it was none of this run.

    `otherwise` is for jobs of before attempts had numbers.
    """
    found = re.fullmatch(re.escape(comment) + r"(?::([1-9][0-9]{0,2}))?", job.comment)
    if found is None:
        return None
    first = int(found[1] or 1)
    return first + (job.restarts or 0) if found[1] or job.restarts else otherwise


def put_by(folder: Path, record: Record) -> Path:
    """Keep the record of an attempt that is over, under the next number."""
    name = _NAME.format(max(numbered(folder), default=0) + 1)
    files.write_record(folder, record, name)
    return folder / name


def rewrite(folder: Path, number: int, record: Record) -> None:
    """Keep more of an earlier attempt; the first is number 1."""
    files.write_record(folder, record, _NAME.format(number))


async def settle(folders: Sequence[Path], scheduler: Scheduler) -> None:
    """Ask accounting once how earlier attempts ended that nobody asked about yet, and keep it with them."""
    unknown: list[tuple[Path, int, Record, str]] = []
    for folder in folders:
        with contextlib.suppress(files.RunError):
            for number, record in numbered(folder).items():
                if record.accounting is None and record.reported and record.reported.job_id:
                    unknown.append((folder, number, record, record.reported.job_id))
    if not unknown:
        return
    with contextlib.suppress(SchedulerError, OSError):  # they are asked about again
        known = await scheduler.starts(*sorted({job_id for *_, job_id in unknown}))
        for folder, number, record, job_id in unknown:
            if (job := _start_of(record, known.get(job_id, ()))) is not None:
                rewrite(folder, number, record.model_copy(update={"accounting": job}))


def _start_of(record: Record, starts: Sequence[JobState]) -> JobState | None:
    """That start of a job which was this attempt, once it is over; a job that was put back has several."""
    if record.reported is None:
        return None
    begun = [one for one in starts if one.start and one.start <= record.reported.started + SKEW]
    last = begun[-1] if begun else None
    return last if last is not None and (last.over or last is not starts[-1]) else None


async def lost_starts(job_ids: Collection[str], scheduler: Scheduler) -> dict[str, JobState]:
    """The start that Slurm ended when it put a job back into its queue, by job id, as far as accounting knows it."""
    known: Mapping[str, Sequence[JobState]] = {}
    if job_ids:
        with contextlib.suppress(SchedulerError):  # the job waits, whyever
            known = await scheduler.starts(*sorted(job_ids))
    over = {job_id: [start for start in starts if start.over] for job_id, starts in known.items()}
    return {job_id: starts[-1] for job_id, starts in over.items() if starts}


def gpu_minutes(job: JobState | None, gpus: int) -> float:
    """What a job took from the budget so far or in all, by Slurm's own clock."""
    if job is None or job.start is None or (job.waiting and not job.over):
        return 0.0
    end = job.end if job.over and job.end else datetime.now(UTC)
    return max(0.0, (end - job.start).total_seconds()) / 60 * gpus


def attempts(records: Sequence[Record]) -> list[tuple[str, str]]:
    """What to tell of earlier attempts, as names and sentences."""
    return [(f"Attempt {number}", attempt(record)) for number, record in enumerate(records, 1)]


def attempt(record: Record) -> str:
    """What became of an earlier attempt, in a sentence."""
    job, reported = record.accounting, record.reported
    done = f", {reported.cells_done} of {reported.cells_total} cells" if reported and reported.ended else ""
    if job is None:
        return f"Accounting does not know its end yet{done}."
    spent = gpu_minutes(job, record.submitted.resources.gpus)
    return f"job {job.job_id}, {job.state}{done}, {spent:.1f} GPU minutes"
