"""The folder through which notebooks go to a grading job and its answers come back.

The course's account owns it and its group is the grading account's, because the folder above passes its group on
(chmod g+s). Nobody else gets in.
"""

import contextlib
import os
import secrets
import shutil
import stat
import time
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from curricula.marks import GradingError
from curricula.report import Task
from curricula.trial import Trial
from curricula.worker import Answer
from spawners.node_folders import forget_old

_MOST = 100_000_000  # bytes
_WORK: TypeAdapter[Task | Trial] = TypeAdapter(Task | Trial)


class Handover:
    """One grading job's folder: `in/` holds what it is to do, `out/` its answers and its log."""

    def __init__(self, place: Path) -> None:
        """Make it below `place`. Raises GradingError."""
        self.path = place / secrets.token_hex(16)
        self.log = self.path / "out" / "job.log"
        try:
            forget_old(place, now=time.time())  # of a service that was killed
            self._make()
        except OSError as error:
            self.remove()
            raise GradingError(
                f"The grading job's folder cannot be made: {error}. Nothing is lost: grade again."
            ) from error

    def _make(self) -> None:
        """What is made takes its group from above, and stops passing it on once it is opened: `kept` stays closed."""
        for folder in (self.path, self.path / "kept", self.path / "in", self.path / "out"):
            folder.mkdir(0o700)
        self.beat()
        # Slurm opens the log as the grading account, for that account alone where it has to make it.
        self.log.touch()
        self.log.chmod(0o660)
        (self.path / "out").chmod(0o770)
        (self.path / "in").chmod(0o750)
        self.path.chmod(0o750)

    def beat(self) -> None:
        """Show the job that somebody is here; it ends by itself where nobody does for a while."""
        (self.path / "alive").touch()

    def give(self, number: int, work: Task | Trial) -> None:
        """Hand something over: it appears at once, and whole. Raises OSError."""
        path = self._given(number, work)
        fresh = self.path / "kept" / path.name
        fresh.write_bytes(_WORK.dump_json(work))
        fresh.chmod(0o640)
        os.replace(fresh, path)

    def take_back(self, number: int, work: Task | Trial) -> None:
        """Remove what was handed over, and its answer: the job works on it no further."""
        self._given(number, work).unlink(missing_ok=True)
        self._answer(number).unlink(missing_ok=True)

    def reset(self) -> None:
        """Forget what the job has said: Slurm will begin it anew."""
        for path in (self.path / "out").glob("*.json"):
            path.unlink(missing_ok=True)

    @property
    def ready(self) -> bool:
        """Whether the job has begun."""
        return (self.path / "out" / "ready.json").exists()

    def answered(self, number: int) -> bool:
        """Whether there is an answer."""
        return self._answer(number).exists()

    def answer(self, number: int) -> Answer:
        """Return the answer that the job left. Raises GradingError."""
        try:
            return Answer.model_validate_json(read_left(self._answer(number)))
        except ValidationError as error:
            raise GradingError(f"What a grading job left cannot be read: {error}") from None

    def last_words(self, most: int) -> bytes:
        """Return the end of the job's log, empty where that cannot be read."""
        with contextlib.suppress(GradingError):
            return read_left(self.log, last=most)
        return b""

    def remove(self) -> None:
        """Remove the folder; its job ends."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _given(self, number: int, work: Task | Trial) -> Path:
        return self.path / "in" / f"{number}-{'task' if isinstance(work, Task) else 'trial'}.json"

    def _answer(self, number: int) -> Path:
        return self.path / "out" / f"{number}.json"


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
