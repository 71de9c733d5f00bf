"""The record of a sweep: a folder whose sweep.json says what was asked for, and below it a run for each member.

sweep.json and job.id are written by whoever submits; a member's folder by the job that has claimed it.
"""

import contextlib
import hashlib
import json
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ValidationError

from spawners import run_record as files
from spawners.run_record import Record, RunError, Submitted
from spawners.run_seal import Statement

SWEEP, MEMBERS, CLAIM = "sweep.json", "members", "claim"


class SweepRecord(BaseModel, frozen=True, extra="forbid"):
    """What was asked for: the notebook and what each job gets, the grid, how many jobs share it, and the cap.

    `sealed` is what accounting says of its jobs, once somebody has asked the platform to sign that.
    """

    submitted: Submitted
    grid: dict[str, list[Any]]
    jobs: int
    gpu_hours: float | None = None
    sealed: tuple[Statement, ...] = ()
    refused: str | None = None


def read_sweep(folder: Path) -> SweepRecord:
    """Read a sweep's record; RunError where the folder holds none that can be read."""
    try:
        return SweepRecord.model_validate_json((folder / SWEEP).read_bytes())
    except FileNotFoundError:
        raise RunError(f"{folder} is not the folder of a sweep: it has no {SWEEP}.") from None
    except (OSError, ValidationError) as error:
        raise RunError(f"The record {folder / SWEEP} cannot be read: {error}") from error


def write_sweep(folder: Path, record: SweepRecord) -> None:
    """Replace sweep.json as a whole."""
    files.write_whole(folder / SWEEP, record.model_dump_json(indent=1) + "\n")


def write_members(folder: Path, record: SweepRecord, members: list[dict[str, Any]]) -> None:
    """Write a run's folder for each member; the notebook is there once."""
    (folder / MEMBERS).mkdir(mode=0o700)
    for number, values in enumerate(members, 1):
        member = folder / MEMBERS / f"{number:04}"
        member.mkdir(mode=0o700)
        (member / files.INPUT).symlink_to(f"../../{files.INPUT}")
        text = str(yaml.safe_dump(values, sort_keys=False))
        (member / files.PARAMETERS).write_text(text)
        noted = {"parameters_sha256": hashlib.sha256(text.encode()).hexdigest()}
        asked = Record(submitted=record.submitted.model_copy(update=noted))
        (member / files.RECORD).write_text(asked.model_dump_json(indent=1) + "\n")


def member_folders(folder: Path) -> list[Path]:
    """The folders of all members, in order."""
    return sorted(path for path in (folder / MEMBERS).glob("*") if path.is_dir())


def parameters_of(member: Path) -> dict[str, Any]:
    """The values that a member is run with."""
    with contextlib.suppress(OSError, yaml.YAMLError):
        found = yaml.safe_load((member / files.PARAMETERS).read_text())
        return found if isinstance(found, dict) else {}
    return {}


def claim(member: Path, job_id: str) -> bool:
    """Take a member for this job; False where another has it."""
    try:
        file = os.open(member / CLAIM, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        return False
    with os.fdopen(file, "w") as claimed:
        claimed.write(f"{job_id}\n")
    return True


def release(member: Path, record: SweepRecord) -> None:
    """Make a member that did not come to its end as it was before: it is run anew."""
    for name in (files.OUTPUT, "values.json"):
        (member / name).unlink(missing_ok=True)
    submitted = record.submitted
    with contextlib.suppress(RunError):  # one that cannot be read has noted nothing
        submitted = files.read_record(member).submitted
    files.write_record(member, Record(submitted=submitted.model_copy(update={"at": datetime.now(UTC)})))
    (member / CLAIM).unlink(missing_ok=True)


def arrays(folder: Path) -> list[str]:
    """The ids of the arrays that were submitted for it, a second one after a retry."""
    with contextlib.suppress(OSError, ValueError):
        return [str(int(line)) for line in (folder / files.JOB_ID).read_text().split()]
    return []


def note_array(folder: Path, job_id: str) -> None:
    """Write down one more."""
    files.write_whole(folder / files.JOB_ID, "".join(f"{one}\n" for one in [*arrays(folder), job_id]))


def dumped(values: object) -> str:
    """Values on one line, for a person."""
    return json.dumps(values, ensure_ascii=False, default=str)
