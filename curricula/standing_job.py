"""One grading job, as who gives it work sees it: what it has been given, its answers, and how much more it may have."""

import asyncio
import itertools
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from curricula.handover import Handover
from curricula.marks import GradingError
from curricula.pieces import Outcome, Piece
from curricula.worker import Answer
from spawners.request import Resources

# Seconds: so long before a job's end the next one is asked for; and between two signs of life to it.
RENEW, BEAT = 300.0, 10.0
LOG_KEPT = 100_000  # bytes


@dataclass(eq=False)
class StandingJob:
    """Job `job_id`, which examines `slots` pieces at a time; `own` is the piece whose alone it is, if it is one's."""

    folder: Handover
    job_id: str
    resources: Resources
    slots: int
    own: Piece | None = None
    given: dict[int, Piece] = field(default_factory=dict)
    ahead: int = 1
    ready: bool = False
    put_back: bool = False
    ends: datetime | None = None
    absent: int = 0
    idle_since: float = field(default_factory=time.monotonic)
    _beaten: float = field(default_factory=time.monotonic)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def left(self) -> float:
        """Seconds until Slurm ends it."""
        return (self.ends - datetime.now(UTC)).total_seconds() if self.ends else float("inf")

    @property
    def lasts(self) -> bool:
        """Whether it is too early to think of the next one; of a short job that is its last quarter."""
        return self.left > min(RENEW, self.resources.time * 60 / 4)

    @property
    def room(self) -> int:
        """How much more it may be given; so much waits in its folder that no processor waits for us."""
        return self.slots + self.ahead - len(self.given) if self.own is None and self.ready else 0

    @property
    def log(self) -> bytes:
        """The end of what it printed."""
        return self.folder.last_words(LOG_KEPT)

    @property
    def unanswered(self) -> Sequence[Piece]:
        """What it has been given or was begun for."""
        return list(self.given.values()) or ([self.own] if self.own else [])

    def beat(self) -> None:
        """Show it now and then that somebody is here."""
        now = time.monotonic()
        if now - self._beaten > BEAT:
            self.folder.beat()
            self._beaten = now

    def give(self, piece: Piece) -> None:
        """Hand a piece over; one that cannot be is settled."""
        number = next(self._numbers)
        self.given[number] = piece
        try:
            self.folder.give(number, piece.work)
        except (OSError, ValueError) as error:  # such as half a character, which no file can hold
            del self.given[number]
            piece.settle(Outcome(problem=_failed(f"it could not be handed over: {error}")))

    async def collect(self) -> None:
        """Take the answers that it has left: as many wait there from now on, for it would finish them meanwhile."""
        before = len(self.given)
        for number, piece in tuple(self.given.items()):
            if self.folder.answered(number):
                await self._collect(number, piece)
        if (answered := before - len(self.given)) > 0:
            self.ahead = answered

    async def _collect(self, number: int, piece: Piece) -> None:
        try:
            answer = await asyncio.to_thread(self.folder.answer, number)
            problem = _failed(answer.problem) if answer.problem else None
        except GradingError as error:
            answer, problem = Answer(), error
        if self.given.get(number) is not piece:  # it was taken away meanwhile
            return
        bad = problem is not None or (answer.report is not None and answer.report.stopped is not None)
        words = self.log if bad else b""
        self._take_back(number)
        piece.settle(Outcome(answer, self.job_id, problem, words))

    def drop(self, piece: Piece) -> None:
        """Have it work on a piece no further."""
        for number in [number for number, one in self.given.items() if one is piece]:
            self._take_back(number)

    def _take_back(self, number: int) -> None:
        self.folder.take_back(number, self.given.pop(number).work)
        self.idle_since = time.monotonic()

    def begin_anew(self) -> Sequence[Piece]:
        """Slurm has put it back into its queue: return what others may do sooner."""
        self.ready, self.put_back = False, True
        pieces = list(self.given.values())
        for number in tuple(self.given):
            self._take_back(number)
        self.folder.reset()
        return [piece for piece in pieces if piece is not self.own]


def _failed(why: str) -> GradingError:
    return GradingError(f"It could not be graded: {why} Nothing is lost: grade again.")
