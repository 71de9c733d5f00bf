"""The record of a run: a folder whose run.json says what was asked for, and what the job said about itself.

Each file of the folder has one writer at a time: whoever promotes writes before the job exists, then the job, and
whoever looks once the job has been over for a while.
"""

import contextlib
import fcntl
import json
import os
import pwd
import re
import secrets
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ValidationError

from spawners.plain_error import PlainError
from spawners.request import Resources
from spawners.run_seal import Seal
from spawners.run_use import Use
from spawners.scheduler import JobState

INPUT, PARAMETERS, RECORD, JOB_ID, LOG = "input.ipynb", "parameters.yaml", "run.json", "job.id", "job.log"
OUTPUT, ENVIRONMENT, REPORT = "output.ipynb", "environment.txt", "report.html"
# Written before its owner ends a run: it is not to go on by itself.
CANCELLED = "cancelled"
# Of a script: as it was promoted, and as it is run, with its parameters.
SCRIPT_INPUT, SCRIPT = "input.py", "script.py"
# How the comment of a run's job begins; the run's name follows.
RUN_COMMENT = "onramp:run:"
# What a run may print and show in all: more of it nobody reads, JupyterLab does not open, and it fills a home folder.
MOST_SHOWN = 50 * 1024**2
# Names the folder to the notebook that is executed in it.
INSIDE = "ONRAMP_RUN"


class RunError(PlainError, ValueError):
    """A run cannot be made, found or changed; the message says what was asked, what was found, what to do."""


class Submitted(BaseModel, frozen=True, extra="forbid"):
    """What was asked for: the notebook or script (where it lay, sha256), where it is run, and what Slurm was asked for.

    `name` is what its owner calls it, where that is not the notebook's name.
    """

    name: str | None = None
    notebook: str
    sha256: str
    parameters_sha256: str | None = None
    cwd: str
    site: str
    profile: str
    resources: Resources
    at: datetime

    @property
    def is_script(self) -> bool:
        """Whether it is a script, which torchrun runs once for each GPU, and no notebook."""
        return self.notebook.endswith(".py")

    @property
    def input(self) -> str:
        """The name of the copy in the run's folder."""
        return SCRIPT_INPUT if self.is_script else INPUT

    @property
    def ranks_per_node(self) -> int:
        """How many processes of a script run on each node: one for each GPU, or one."""
        return max(1, self.resources.gpus // self.resources.nodes)


class Failure(BaseModel, frozen=True, extra="forbid"):
    """What ended a notebook: the number its cell is marked with, the cell's first line, the exception.

    Of a script it is the `rank` of the process that failed first.
    """

    cell: int | None = None
    rank: int | None = None
    line: str = ""
    ename: str
    evalue: str = ""


class Reported(BaseModel, frozen=True, extra="forbid"):
    """What the job says about itself. The owner's own code ran beside it, so nobody has verified any of it.

    `resumed_from` counts the cells, of all kinds, that lay before the checkpoint it began with.
    """

    verified: Literal[False] = False
    job_id: str | None = None
    node: str | None = None
    started: datetime
    ended: datetime | None = None
    outcome: Literal["running", "completed", "failed", "stopped"] = "running"
    cells_done: int = 0
    cells_total: int = 0
    resumed_from: int = 0
    failure: Failure | None = None
    environment_sha256: str | None = None
    output_sha256: str | None = None
    use: Use | None = None


class Record(BaseModel, frozen=True, extra="forbid"):
    """All of run.json; `refused` holds Slurm's words where it did not take the job.

    `accounting` is how Slurm's accounting says that the job ended, kept so that it is asked once. It lies in the
    owner's own folder, so it is proof to others only with `seal`, the platform's signature under it. `resumed` is when
    this attempt was submitted, where it is not the first; those before lie in run_attempts' files.
    """

    submitted: Submitted
    resumed: datetime | None = None
    refused: str | None = None
    reported: Reported | None = None
    accounting: JobState | None = None
    seal: Seal | None = None

    @property
    def asked(self) -> datetime:
        """When this attempt was submitted."""
        return self.resumed or self.submitted.at


def read_record(folder: Path, name: str = RECORD) -> Record:
    """Read a run's record; RunError where the folder holds none that can be read."""
    try:
        return Record.model_validate_json((folder / name).read_bytes())
    except FileNotFoundError:
        raise RunError(f"{folder} is not the folder of a run: it has no {name}.") from None
    except (OSError, ValidationError) as error:
        raise RunError(f"The record {folder / name} cannot be read: {error}") from error


def write_record(folder: Path, record: Record, name: str = RECORD) -> None:
    """Replace run.json, or another record, as a whole: a reader sees the old one or the new one."""
    write_whole(folder / name, record.model_dump_json(indent=1) + "\n")


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
        code = [cell for cell in output_cells(folder) if cell["cell_type"] == "code"]
        states = [cell["metadata"].get("papermill", {}).get("status") for cell in code]
    except (OSError, ValueError, KeyError):
        return None
    return states.count("completed"), len(states)


def output_cells(folder: Path) -> list[dict[str, Any]]:
    """All cells of the output notebook as they were saved last; OSError or ValueError where there is none."""
    found: list[dict[str, Any]] = json.loads((folder / OUTPUT).read_bytes())["cells"]
    return found


@contextlib.contextmanager
def one_at_a_time() -> Iterator[None]:
    """Hold the folder of runs, so that of two at once the later one sees what the first has written.

    Not every file system of a home locks folders; there two clicks at the very same moment are two.
    """
    root().mkdir(mode=0o700, exist_ok=True)
    folder = os.open(root(), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with contextlib.suppress(OSError):
            fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def rank_log(rank: int | None) -> str:
    """The name of the file in which a process of a script prints; what the first one prints is the job's log."""
    return f"rank-{rank}.log" if rank else LOG


def root() -> Path:
    """Where your runs are kept."""
    return Path.home() / "runs"


def me() -> str:
    """Your Unix name."""
    return pwd.getpwuid(os.getuid()).pw_name
