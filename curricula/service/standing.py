"""What the events say: where each learner stands, and what a teacher sees. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

from pydantic import AwareDatetime, BaseModel

from curricula.course import Assignment, Course
from curricula.deadline import Deadline, came_late, deadline_of, percent_off
from curricula.erasure import erased
from curricula.events import RESULTS, Event
from curricula.late import points_off


class CellMark(BaseModel, frozen=True):
    """One test cell's mark and what a learner may read about it; without a score, a person has to look.

    `mode` says where it ran, split or in-sandbox. `by` is the teacher whose points these are, and `comment` what they
    wrote beside them; empty where it was the tests.
    """

    name: str
    score: float | None
    max_score: float
    message: str = ""
    by: str = ""
    comment: str = ""
    mode: str = ""


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
        left = sum(cell.score is None for cell in self.cells)
        said = f"{self.score:g} of {self.max_score:g} points"
        return f"{said}, {left} {'answer' if left == 1 else 'answers'} not marked yet" if left else said


class Attempt(BaseModel, frozen=True):
    """One thing handed in, and what became of it."""

    id: int
    user: str
    number: int
    sha256: str
    received_at: AwareDatetime
    late: bool
    percent_off: float = 0
    mark: Mark | None = None
    shown: bool = False
    erased: bool = False

    @property
    def state(self) -> str:
        """One word or two for a table."""
        if self.mark is None:
            return "erased" if self.erased else "handed in"
        return "graded" if self.mark.not_run is None else "not run"

    @property
    def late_submission_penalty(self) -> float | None:
        """The points that are taken off since it came late; None where there are no points."""
        return None if self.mark is None or self.mark.score is None else points_off(self.mark.score, self.percent_off)

    @property
    def score(self) -> float | None:
        """The points that count; None where there are none."""
        if self.mark is None or self.mark.score is None:
            return None
        off = self.late_submission_penalty
        return round(self.mark.score - off, 2) if off else self.mark.score

    @property
    def sentence(self) -> str:
        """The mark in words, with what is left of it."""
        said = self.mark.sentence if self.mark else "Erased before it was graded" if self.erased else ""
        if not self.late_submission_penalty:
            return said
        off = f"{self.late_submission_penalty:g} ({self.percent_off:g} %) taken off since it came late"
        return f"{said}, {off}: {self.score:g} count"


class Standing(BaseModel, frozen=True):
    """One assignment as one learner, or the teacher, sees it: attempts oldest first.

    `deadline` is that learner's; in what the teacher sees it is everybody's, and `extensions` says who has another.
    """

    assignment: Assignment
    deadline: Deadline = Deadline()
    extensions: Mapping[str, Deadline] = {}
    released_at: AwareDatetime | None = None
    feedback_at: AwareDatetime | None = None
    attempts: tuple[Attempt, ...] = ()

    @property
    def latest(self) -> Sequence[Attempt]:
        """The last attempt of each learner, by name."""
        return sorted({attempt.user: attempt for attempt in self.attempts}.values(), key=lambda one: one.user)

    @property
    def waiting(self) -> int:
        """How many last attempts have no result yet, and will have one."""
        return sum(attempt.mark is None and not attempt.erased for attempt in self.latest)


def standings(course: Course, events: Iterable[Event], user: str | None = None) -> tuple[Standing, ...]:
    """Return each assignment of a course as `user` sees it, or with everybody's attempts where no user is given."""
    known = [event for event in events if event.user in (None, user) or user is None]
    outages = [event for event in known if event.kind == "outage"]
    return tuple(
        _standing(assignment, [event for event in known if event.assignment == assignment.name], outages, user)
        for assignment in course.assignments
    )


def _standing(assignment: Assignment, mine: Sequence[Event], outages: Sequence[Event], user: str | None) -> Standing:
    moved = [*(event for event in mine if event.kind == "extended"), *outages]
    people = {event.user for event in mine if event.kind in ("extended", "received")}
    deadlines = {one or "": deadline_of(assignment, moved, one) for one in (*people, user)}
    marks = marks_of(mine)
    feedback = _last(mine, "feedback_released")
    always = assignment.feedback == "at-once"
    shown = set(feedback.payload.get("submissions", ())) if feedback else set()
    return Standing(
        assignment=assignment,
        deadline=deadlines[user or ""],
        extensions={one: found for one, found in deadlines.items() if one and found.moved == "extension"},
        released_at=_at(_last(mine, "released")),
        feedback_at=_at(feedback),
        attempts=tuple(
            _attempt(
                assignment, event, marks.get(event.id), deadlines[event.user or ""], shown=event.id in shown or always
            )
            for event in mine
            if event.kind == "received"
        ),
    )


def _attempt(assignment: Assignment, event: Event, mark: Mark | None, deadline: Deadline, *, shown: bool) -> Attempt:
    return Attempt(
        id=event.id,
        user=event.user or "",
        number=event.payload["attempt"],
        sha256=event.payload["sha256"],
        received_at=event.at,
        late=came_late(event, deadline),
        percent_off=percent_off(assignment, event, deadline),
        mark=mark,
        shown=shown and mark is not None,
        erased=erased(event),
    )


def marks_of(events: Iterable[Event]) -> dict[int, Mark]:
    """Return each attempt's mark: what the last grading found, and over it what teachers decided, the last of each.

    `events` are in order. A person's points stay over those of a later grading, as in nbgrader.
    """
    found: dict[int, Mark] = {}
    decided: dict[int, dict[str, Event]] = {}
    for event in events:
        if event.submission is not None and event.kind in RESULTS:
            found[event.submission] = Mark.model_validate(
                {name: event.payload.get(name) for name in ("not_run", "cells")}
            )
        elif event.submission is not None and event.kind == "overridden":
            decided.setdefault(event.submission, {})[event.payload["cell"]] = event
    return {number: _decided(mark, decided.get(number, {})) for number, mark in found.items()}


def _decided(mark: Mark, by_teachers: Mapping[str, Event]) -> Mark:
    if not by_teachers:
        return mark
    cells = [_cell(cell, by_teachers.get(cell.name)) for cell in mark.cells]
    return mark.model_copy(update={"cells": tuple(cells)})


def _cell(cell: CellMark, decided: Event | None) -> CellMark:
    if decided is None:
        return cell
    told = decided.payload
    if told["score"] is None:  # a comment alone; without one, what was decided before is taken back
        return cell.model_copy(update={"comment": told["comment"], "by": decided.actor if told["comment"] else ""})
    return cell.model_copy(update={"score": told["score"], "comment": told["comment"], "by": decided.actor})


def _last(events: Iterable[Event], kind: str) -> Event | None:
    return next((event for event in reversed([*events]) if event.kind == kind), None)


def _at(event: Event | None) -> datetime | None:
    return event.at if event else None
