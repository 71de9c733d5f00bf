"""Pieces of work for grading jobs: what came of each, and those that no job has yet, in their order."""

import asyncio
import time
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from curricula.report import Task
from curricula.trial import Trial
from curricula.worker import Answer


@dataclass(frozen=True)
class Outcome:
    """What came of a piece of work: the answer or the `problem`, by which job, and the end of its log if it failed."""

    answer: Answer = field(default_factory=Answer)
    job_id: str | None = None
    problem: Exception | None = None
    log: bytes = b""


@dataclass(eq=False)
class Piece:
    """Something to be done that may take so many `minutes`: by a job of its own, where `alone`."""

    work: Task | Trial
    minutes: int
    alone: bool
    done: asyncio.Future[Outcome]
    since: float = field(default_factory=time.monotonic)
    tries: int = 0

    def settle(self, outcome: Outcome) -> None:
        """Say what came of it, unless nobody waits for that any more."""
        if not self.done.done():
            self.done.set_result(outcome)


class Waiting:
    """Pieces that no job has; the first that waits comes first."""

    def __init__(self) -> None:
        self._pieces: deque[Piece] = deque()

    def __iter__(self) -> Iterator[Piece]:
        return iter(tuple(self._pieces))

    def __len__(self) -> int:
        return len(self._pieces)

    @property
    def alone(self) -> Sequence[Piece]:
        """Those that want a job each."""
        return [one for one in self._pieces if one.alone]

    @property
    def shared(self) -> Sequence[Piece]:
        """Those that any job may do."""
        return [one for one in self._pieces if not one.alone]

    def add(self, piece: Piece) -> None:
        """Put one at the end."""
        self._pieces.append(piece)

    def put_back(self, pieces: Iterable[Piece]) -> None:
        """Put these first, as they come: they have waited before."""
        self._pieces.extendleft(reversed(list(pieces)))

    def take(self, piece: Piece) -> None:
        """It waits no more, if it did."""
        if piece in self._pieces:
            self._pieces.remove(piece)

    def settle(self, pieces: Iterable[Piece], outcome: Outcome) -> None:
        """The same came of all of these."""
        for piece in tuple(pieces):
            self.take(piece)
            piece.settle(outcome)
