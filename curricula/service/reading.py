"""The operator's commands that only read: each prints what a teacher's page shows."""

from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence

from curricula.course import Course
from curricula.service import telling
from curricula.service.comparing import as_text, compared
from curricula.service.desk import Desk, assignment_of
from curricula.service.export import table
from curricula.service.marking import comments, texts, to_mark
from curricula.service.refused import Refused
from curricula.service.standing import Standing

Read = Callable[[Desk, Course, Namespace], None]


def _standings(desk: Desk, course: Course, name: str | None) -> Sequence[Standing]:
    """Return how one assignment stands, or each. Raises Refused."""
    chosen = {assignment_of(course, name).name} if name else {one.name for one in course.assignments}
    return [one for one in desk.standings(course) if one.assignment.name in chosen]


def _submissions(desk: Desk, course: Course, asked: Namespace) -> None:
    for one in _standings(desk, course, asked.assignment):
        telling.tell(telling.submissions(one))


def _statistics(desk: Desk, course: Course, asked: Namespace) -> None:
    for one in _standings(desk, course, asked.assignment):
        telling.tell(telling.statistics(one))


def _marking(desk: Desk, course: Course, asked: Namespace) -> None:
    """Tell what there is to mark, or of one learner what they wrote."""
    (standing,) = _standings(desk, course, asked.assignment)
    events = desk.store.events(course=course.name)
    found = to_mark(standing, events)
    if asked.learner is None:
        telling.tell(telling.to_be_marked(found))
        return
    theirs = [one for one in found if one.user == asked.learner]
    if not theirs:
        raise Refused(404, f"There is no answer by {ascii(asked.learner)[:60]} to mark in {standing.assignment.title}.")
    for one in theirs:
        read = desk.to_read(course, standing.assignment, one.submission)
        before = comments(events, standing.assignment.name, one.cell.name)
        telling.tell(telling.answer(one, texts(one, *read), before))


def _similar(desk: Desk, course: Course, asked: Namespace) -> None:
    print(as_text(*compared(desk, course, assignment_of(course, asked.assignment))))


def _log(desk: Desk, course: Course, _asked: Namespace) -> None:
    telling.tell(telling.happened(desk.store.events(course=course.name), course))


def _learners(desk: Desk, course: Course, _asked: Namespace) -> None:
    for user in desk.learners(course):
        print(user)


def _export(desk: Desk, course: Course, _asked: Namespace) -> None:
    print(table(course, desk.store.events(course=course.name)), end="")


READING: Mapping[str, Read] = {
    "submissions": _submissions,
    "statistics": _statistics,
    "marking": _marking,
    "similar": _similar,
    "log": _log,
    "learners": _learners,
    "export": _export,
}
