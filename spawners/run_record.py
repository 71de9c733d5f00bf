"""The record of a run: a folder whose run.json says what was asked for, and what the job said about itself.

Each file of the folder has one writer at a time: whoever promotes writes before the job exists, then the job, and
whoever looks once the job has been over for a while.
"""

import json
import os
import pwd
import re
import secrets
from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ValidationError

from spawners.plain_error import PlainError
from spawners.request import Resources
from spawners.run_seal import Seal
from spawners.scheduler import JobState

INPUT, PARAMETERS, RECORD, JOB_ID, LOG = "input.ipynb", "parameters.yaml", "run.json", "job.id", "job.log"
OUTPUT, ENVIRONMENT = "output.ipynb", "environment.txt"
# How the comment of a run's job begins; the run's name follows.
RUN_COMMENT = "onramp:run:"
# Names the folder to the notebook that is executed in it.
INSIDE = "ONRAMP_RUN"


class RunError(PlainError, ValueError):
    """A run cannot be made, found or changed; the message says what was asked, what was found, what to do."""


class Submitted(BaseModel, frozen=True, extra="forbid"):
    """What was asked for: the notebook (where it lay, sha256), where it is run, and what Slurm was asked for."""

    notebook: str
    sha256: str
    parameters_sha256: str | None = None
    cwd: str
    site: str
    profile: str
    resources: Resources
    at: datetime


class Failure(BaseModel, frozen=True, extra="forbid"):
    """What ended a notebook: the number its cell is marked with, the cell's first line, the exception."""

    cell: int | None = None
    line: str = ""
    ename: str
    evalue: str = ""


class Reported(BaseModel, frozen=True, extra="forbid"):
    """What the job says about itself. The owner's own code ran beside it, so nobody has verified any of it."""

    verified: Literal[False] = False
    job_id: str | None = None
    node: str | None = None
    started: datetime
    ended: datetime | None = None
    outcome: Literal["running", "completed", "failed", "stopped"] = "running"
    cells_done: int = 0
    cells_total: int = 0
    failure: Failure | None = None
    environment_sha256: str | None = None
    output_sha256: str | None = None


class Record(BaseModel, frozen=True, extra="forbid"):
    """All of run.json; `refused` holds Slurm's words where it did not take the job.

    `accounting` is how Slurm's accounting says that the job ended, kept so that it is asked once. It lies in the
    owner's own folder, so it is proof to others only with `seal`, the platform's signature under it.
    """

    submitted: Submitted
    refused: str | None = None
    reported: Reported | None = None
    accounting: JobState | None = None
    seal: Seal | None = None


def read_record(folder: Path) -> Record:
    """Read a run's record; RunError where the folder holds none that can be read."""
    try:
        return Record.model_validate_json((folder / RECORD).read_bytes())
    except FileNotFoundError:
        raise RunError(f"{folder} is not the folder of a run: it has no {RECORD}.") from None
    except (OSError, ValidationError) as error:
        raise RunError(f"The record {folder / RECORD} cannot be read: {error}") from error


def write_record(folder: Path, record: Record) -> None:
    """Replace run.json as a whole: a reader sees the old one or the new one."""
    write_whole(folder / RECORD, record.model_dump_json(indent=1) + "\n")


def write_whole(path: Path, text: str) -> None:
    """Replace a file by way of a second one, so that a full disk or a sudden end leaves the old one."""
    new = path.with_name(f".{path.name}.{secrets.token_hex(4)}.new")
    try:
        with new.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        new.replace(path)
    except OSError:
        new.unlink(missing_ok=True)
        raise


def make_folder(root: Path, notebook: str, at: datetime) -> Path:
    """Make `<stamp>-<name>` below `root`, 0700, numbered on where two runs begin in the same second."""
    root.mkdir(mode=0o700, exist_ok=True)
    slug = re.sub(r"[^a-z0-9]+", "-", notebook.casefold(), flags=re.ASCII).strip("-")[:40] or "notebook"
    for number in range(1, 100):
        folder = root / f"{at:%Y%m%d-%H%M%S}-{slug}{f'-{number}' if number > 1 else ''}"
        try:
            folder.mkdir(mode=0o700)
        except FileExistsError:
            continue
        return folder
    raise RunError(f"99 runs of {notebook} began in this second. Wait a moment and try again.")


def cells(folder: Path) -> tuple[int, int] | None:
    """How many code cells of the output notebook are done, of how many; None before there is one."""
    try:
        notebook = json.loads((folder / OUTPUT).read_bytes())
        code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
        states = [cell["metadata"].get("papermill", {}).get("status") for cell in code]
    except (OSError, ValueError, KeyError):
        return None
    return states.count("completed"), len(states)


def root() -> Path:
    """Where your runs are kept."""
    return Path.home() / "runs"


def me() -> str:
    """Your Unix name."""
    return pwd.getpwuid(os.getuid()).pw_name
