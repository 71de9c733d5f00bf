"""What a learner wanted to hand in while the course service was away: kept in their home until it can be sent.

COURSE/ASSIGNMENT/<when>-<sha256>.ipynb below the outbox: nothing else need be known to send it.
"""

import hashlib
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

# Bytes of a notebook: what an assignment takes whose course says nothing else; nobody can be asked meanwhile.
MOST = 20_000_000
_STAMP = "%Y%m%dT%H%M%S%fZ"


class Waiting(NamedTuple):
    """One notebook that waits: what it is for, since when, and where it lies."""

    course: str
    assignment: str
    since: datetime
    sha256: str
    path: Path


class Outbox:
    """The notebooks of one person that wait; the oldest is sent first."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made when something is put in."""
        self._folder = folder

    def waiting(self) -> list[Waiting]:
        """Return what waits, the oldest first; a file of another name than ours is nobody's business here."""
        found = []
        for path in self._folder.glob("*/*/*.ipynb"):
            when, _, sha256 = path.stem.partition("-")
            try:
                since = datetime.strptime(when, _STAMP).replace(tzinfo=UTC)
            except ValueError:
                continue
            found.append(Waiting(path.parts[-3], path.parts[-2], since, sha256, path))
        return sorted(found, key=lambda one: one.since)

    def put(self, course: str, assignment: str, content: bytes) -> Waiting:
        """Keep a notebook for later; the very file that was put in last is not kept twice. Raises OSError."""
        sha256 = hashlib.sha256(content).hexdigest()
        earlier = [one for one in self.waiting() if (one.course, one.assignment) == (course, assignment)]
        if earlier and earlier[-1].sha256 == sha256:
            return earlier[-1]
        folder = self._folder / course / assignment
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        now = datetime.now(UTC)
        path = folder / f"{now.strftime(_STAMP)}-{sha256}.ipynb"
        fresh = path.with_suffix(".new")
        try:
            fresh.write_bytes(content)
            os.replace(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
        return Waiting(course, assignment, now, sha256, path)

    def set_aside(self, one: Waiting, folder: Path) -> Path:
        """Move what will never be taken to where its owner finds it, and return its new path."""
        folder.mkdir(parents=True, exist_ok=True)
        return one.path.replace(folder / f"{one.since:%Y%m%d-%H%M%S}.ipynb")

    def forget(self, course: str, assignment: str, until: datetime) -> None:
        """Drop what waits for an assignment since before `until`: it was received, or newer work was."""
        for one in self.waiting():
            if (one.course, one.assignment) == (course, assignment) and one.since <= until:
                one.path.unlink(missing_ok=True)
