"""The folder through which one notebook goes to a grading job and its report comes back.

The course's account owns it and its group is the grading account's, because the folder above passes its group on
(chmod g+s). Nobody else gets in.
"""

import os
import secrets
import shutil
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from curricula.marks import GradingError
from curricula.report import Task, Trial
from spawners.node_folders import forget_old

# Beside the report: it goes with the folder when the result is there.
JOB_LOG = "out/job.log"
_Answer = TypeVar("_Answer", bound=BaseModel)
_MOST = 100_000_000  # bytes


@contextmanager
def handed_over(place: Path, work: Task | Trial) -> Iterator[Path]:
    """Make a folder below `place` with what a job is to do; it is gone afterwards. Raises GradingError."""
    folder = place / secrets.token_hex(16)
    name = "task.json" if isinstance(work, Task) else "trial.json"
    try:
        forget_old(place, now=time.time())  # of a service that was killed
        _fill(folder, {name: work.model_dump_json()})
    except OSError as error:
        shutil.rmtree(folder, ignore_errors=True)
        raise GradingError(
            f"The grading job's folder cannot be made: {error}. Nothing is lost: grade again."
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _fill(folder: Path, files: dict[str, str]) -> None:
    """Make the folder, `out` in it, and the files; what is made takes its group from above, so it is opened last."""
    folder.mkdir(0o700)
    (folder / "out").mkdir(0o700)
    for name, text in files.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o640)
    # Slurm opens the log as the grading account, for that account alone where it has to make it.
    (folder / JOB_LOG).touch()
    (folder / JOB_LOG).chmod(0o660)
    (folder / "out").chmod(0o770)
    folder.chmod(0o750)


def read_answer(path: Path, kind: type[_Answer]) -> _Answer:
    """The answer that a job left. Raises GradingError."""
    try:
        return kind.model_validate_json(read_left(path))
    except ValidationError as error:
        raise GradingError(f"What a grading job left cannot be read: {error}") from None


def read_left(path: Path, *, last: int = _MOST) -> bytes:
    """What the grading account left: the `last` bytes of an ordinary file of a reasonable size. Raises GradingError."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode) or found.st_size > _MOST:
                raise GradingError("A grading job left something that is no file of its own. Nothing was recorded.")
            file.seek(max(0, found.st_size - last))
            return file.read(last)
    except OSError as error:
        raise GradingError(f"What a grading job left cannot be read: {error}") from None
