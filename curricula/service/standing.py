"""What the events say: where each learner stands, what a teacher sees, the table of marks. Pure."""

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import AwareDatetime, BaseModel

from curricula.course import Assignment, Course
from curricula.events import Event

COLUMNS = ("course", "assignment", "user", "attempt", "received_at", "late", "sha256", "state", "score", "max_score")


class CellMark(BaseModel, frozen=True):
    """One test cell's mark and what a learner may read about it; without a score, a person has to look."""

    name: str
    score: float | None
    max_score: float
    message: str = ""


class Mark(BaseModel, frozen=True):
    """The outcome for one attempt: points, or the reason why it was not run."""

    not_run: str | None = None
    cells: tuple[CellMark, ...] = ()

    @property
    def score(self) -> float | None:
        """The sum of the points; None where nothing was run."""
        return None if self.not_run is not None else sum(cell.score or 0 for cell in self.cells)

    @property
    def max_score(self) -> float | None:
        """The points there are; None where nothing was run."""
        return None if self.not_run is not None else sum(cell.max_score for cell in self.cells)

    @property
    def sentence(self) -> str:
        """The mark in words."""
        if self.score is None or self.max_score is None:
            return f"Not run: {self.not_run}"
        return f"{self.score:g} of {self.max_score:g} points"


class Attempt(BaseModel, frozen=True):
    """One thing handed in, and what became of it."""

    id: int
    user: str
    number: int
    sha256: str
    received_at: AwareDatetime
    late: bool
    mark: Mark | None = None
    shown: bool = False

    @property
    def state(self) -> str:
        """One word or two for a table."""
        if self.mark is None:
            return "handed in"
        return "graded" if self.mark.not_run is None else "not run"


class Standing(BaseModel, frozen=True):
    """One assignment as one learner, or the teacher, sees it: attempts oldest first."""

    assignment: Assignment
    released_at: AwareDatetime | None = None
    feedback_at: AwareDatetime | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def latest(self) -> Sequence[Attempt]:
        """The last attempt of each learner, by name."""
        return sorted({attempt.user: attempt for attempt in self.attempts}.values(), key=lambda one: one.user)

    @property
    def waiting(self) -> int:
        """How many last attempts have no result yet."""
        return sum(attempt.mark is None for attempt in self.latest)


def standings(course: Course, events: Iterable[Event], user: str | None = None) -> tuple[Standing, ...]:
    """Return each assignment of a course as `user` sees it, or with everybody's attempts where no user is given."""
    known = [event for event in events if event.user in (None, user) or user is None]
    return tuple(_standing(assignment, known) for assignment in course.assignments)


def _standing(assignment: Assignment, events: Iterable[Event]) -> Standing:
    mine = [event for event in events if event.assignment == assignment.name]
    # A regrade is a new event: the last one counts, of marks and of feedback alike.
    marks = {event.submission: event for event in mine if event.kind in ("graded", "not_run")}
    feedback = _last(mine, "feedback_released")
    shown = set(feedback.payload.get("submissions", ())) if feedback else set()
    return Standing(
        assignment=assignment,
        released_at=_at(_last(mine, "released")),
        feedback_at=_at(feedback),
        attempts=tuple(_attempt(event, marks, shown) for event in mine if event.kind == "received"),
    )


def _attempt(event: Event, marks: Mapping[int | None, Event], shown: Iterable[int]) -> Attempt:
    graded = marks.get(event.id)
    return Attempt(
        id=event.id,
        user=event.user or "",
        number=event.payload["attempt"],
        sha256=event.payload["sha256"],
        received_at=event.at,
        late=event.payload["late"],
        mark=mark_of(graded) if graded else None,
        shown=event.id in shown,
    )


def mark_of(event: Event) -> Mark:
    """Return what a `graded` or `not_run` event says."""
    return Mark.model_validate({name: event.payload.get(name) for name in ("not_run", "cells")})


def _last(events: Iterable[Event], kind: str) -> Event | None:
    return next((event for event in reversed([*events]) if event.kind == kind), None)


def _at(event: Event | None) -> datetime | None:
    return event.at if event else None


def table(course: Course, events: Iterable[Event]) -> str:
    """Return the marks as CSV: one line per learner and assignment, the last attempt; no score where not run."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(COLUMNS)
    for standing in standings(course, events):
        for attempt in standing.latest:
            mark = attempt.mark or Mark(not_run="")
            when = attempt.received_at.isoformat(timespec="seconds")
            row = (course.name, standing.assignment.name, attempt.user, attempt.number, when, attempt.late)
            writer.writerow((*row, attempt.sha256, attempt.state, mark.score, mark.max_score))
    return out.getvalue()
