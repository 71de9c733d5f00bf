"""What teachers decide about learners: who is in, more time, points. Each decision is an event with its author."""

import math
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from curricula.course import Assignment, Course
from curricula.events import Event
from curricula.roster import RosterError, read_roster
from curricula.service.desk import Desk, assignment_of
from curricula.service.refused import Refused
from curricula.service.standing import CellMark, Mark, marks_of
from curricula.submissions import spoken

COMMENT = 2000  # characters


class Deciding:
    """The decisions of a course's teachers; every method writes one event, or raises Refused and writes nothing."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    def extend(self, actor: str, course: Course, name: str, told: Mapping[str, Any]) -> str:
        """Give a learner (`user`) until `until`, an ISO time; None takes an extension back. Say what holds now."""
        assignment = assignment_of(course, name)
        user = self._learner(course, told.get("user"))
        until = None if told.get("until") is None else _later(assignment, told["until"])
        if assignment.due is None:
            raise Refused(409, f"{assignment.title} has no deadline, so there is nothing to extend.")
        before = self._desk.deadline(course, assignment, user).due
        self._desk.store.append(
            "extended",
            course=course.name,
            assignment=name,
            user=user,
            actor=actor,
            payload={"until": until and until.isoformat(), "before": before and before.isoformat()},
        )
        due = self._desk.deadline(course, assignment, user).due
        return f"{assignment.title} is due for {user} on {spoken(due)}." if due else ""

    def enrol(self, actor: str, course: Course, text: str) -> str:
        """Let in everybody whom a CSV names; nobody is taken off. Say how many are new."""
        try:
            named = read_roster(text)
        except RosterError as error:
            raise Refused(400, str(error)) from None
        new = sum(self._desk.enrol(actor, course, user) for user in named)
        return f"{new} of the {len(named)} on the roster are new in {course.title}; the others were in it before."

    def remove(self, actor: str, course: Course, told: Mapping[str, Any]) -> str:
        """Take a learner (`user`) off; what they handed in stays, and they may join again."""
        user = self._learner(course, told.get("user"))
        self._desk.store.append("left", course=course.name, actor=actor, user=user)
        return f"{user} is no longer in {course.title}. What {user} handed in is kept."

    def mark(self, actor: str, course: Course, submission: int, told: Mapping[str, Any]) -> str:
        """Give the answer in `cell` of an attempt `score` points, with a `comment`. Say what it is worth now."""
        events, cell = self._marked(course, submission, told.get("cell"))
        score = _points(cell, told.get("score"))
        event = self._decide(actor, events[-1], cell, score, _comment(told))
        after = marks_of((*events, event))[submission]
        return f"{cell.name} has {score:g} of {cell.max_score:g} points now; in all {after.sentence}."

    def give_back(
        self, actor: str, course: Course, submission: int, told: Mapping[str, Any], key: str | None = None
    ) -> None:
        """As `mark`; and None as `score` gives the answer back to its test, with the comment that is told."""
        events, cell = self._marked(course, submission, told.get("cell"))
        score = None if told.get("score") is None else _points(cell, told["score"])
        self._decide(actor, events[-1], cell, score, _comment(told), key)

    def _marked(self, course: Course, submission: int, name: object) -> tuple[tuple[Event, ...], CellMark]:
        """Return what happened to an attempt, and what one of its answers is worth now. Raises Refused."""
        events = self._desk.store.events(course=course.name, submission=submission)
        mark = marks_of(events).get(submission)
        if mark is None or mark.not_run is not None:
            raise Refused(409, "This attempt has no points to change: it was not run. Grade it first.")
        return events, _cell(mark, name)

    def _decide(
        self, actor: str, about: Event, cell: CellMark, score: float | None, comment: str, key: str | None = None
    ) -> Event:
        return self._desk.store.append(
            "overridden",
            course=about.course,
            assignment=about.assignment,
            user=about.user,
            actor=actor,
            submission=about.submission,
            key=key,
            payload={"cell": cell.name, "score": score, "comment": comment, "before": cell.score},
        )

    def _learner(self, course: Course, user: object) -> str:
        learners = self._desk.learners(course)
        if isinstance(user, str) and user in learners:
            return user
        some = ", ".join(learners[:20]) or "nobody yet"
        more = ", …" if len(learners) > 20 else ""
        raise Refused(404, f"{ascii(user)[:60]} is not in {course.title}. Who is: {some}{more}.")


def _later(assignment: Assignment, text: object) -> datetime:
    """Return the moment that `text` says, in the server's time zone where it names none. Raises Refused."""
    try:
        until = datetime.fromisoformat(str(text)).astimezone()
    except (ValueError, OverflowError):
        raise Refused(400, f"{ascii(text)[:60]} is no time. Write it as 2027-01-31T23:59.") from None
    if assignment.due is not None and until <= assignment.due:
        before = spoken(assignment.due)
        raise Refused(409, f"{spoken(until)} is not after the deadline of {assignment.title}, {before}.")
    return until


def _cell(mark: Mark, name: object) -> CellMark:
    for cell in mark.cells:
        if cell.name == name:
            return cell
    known = ", ".join(cell.name for cell in mark.cells)
    raise Refused(404, f"This attempt has no graded cell {ascii(name)[:60]}: choose one of {known}.")


def _points(cell: CellMark, value: object) -> float:
    """Return points that are from 0 to all there are. Raises Refused."""
    try:
        points = float(value) if isinstance(value, int | float | str) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        points = math.nan
    if not 0 <= points <= cell.max_score:
        raise Refused(400, f"{cell.name} takes from 0 to {cell.max_score:g} points, not {ascii(value)[:60]}.")
    return points


def _comment(told: Mapping[str, Any]) -> str:
    comment = told.get("comment", "")
    if not isinstance(comment, str) or len(comment) > COMMENT:
        raise Refused(400, f"A comment is text of at most {COMMENT} characters.")
    return comment.strip()
