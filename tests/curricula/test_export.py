"""The marks as CSV: the last attempt of each, what was reached, what is taken off, and nothing where nothing ran."""

from datetime import UTC, datetime, timedelta
from typing import Any

from curricula.course import Assignment, Course
from curricula.events import Event
from curricula.late import Penalty
from curricula.service.export import COLUMNS, table

DUE = datetime(2027, 1, 31, 12, tzinfo=UTC)
FIRST = Assignment(name="a1", title="First", notebook="a.ipynb", due=DUE, late=Penalty(per_hour=10))
COURSE = Course(name="c1", title="C", teachers=frozenset({"t"}), code="CODE", assignments=(FIRST,))


def event(number: int, kind: Any, user: str, **more: Any) -> Event:
    at = DUE + timedelta(minutes=number)
    return Event(id=number, at=at, kind=kind, course="c1", assignment="a1", user=user, actor="t", **more)


def received(number: int, user: str, attempt: int = 1) -> Event:
    return event(number, "received", user, payload={"late": True, "sha256": "ab", "attempt": attempt})


def graded(number: int, user: str, score: float, submission: int) -> Event:
    told = {"not_run": None, "cells": [{"name": "t", "score": score, "max_score": 4}]}
    return event(number, "graded", user, submission=submission, payload=told)


def test_the_last_attempt_of_each_and_what_is_left_of_its_points() -> None:
    not_run = event(70, "not_run", "bob", submission=69, payload={"not_run": "No.", "cells": []})
    extended = event(71, "extended", "dan", payload={"until": (DUE + timedelta(hours=2)).isoformat()})
    events = (
        *(received(1, "ann"), graded(2, "ann", 4, 1), received(61, "ann", 2), graded(62, "ann", 3.7, 61)),
        *(received(69, "bob"), not_run),
        received(80, "cleo"),
        *(received(90, "dan"), graded(91, "dan", 4, 90), extended),
    )
    header, *rows = (line.split(",") for line in table(COURSE, events).splitlines())
    assert tuple(header) == COLUMNS
    assert [(*row[2:4], *row[5:]) for row in rows] == [
        ("ann", "2", "True", "ab", "graded", "3.7", "0.74", "2.96", "4.0"),
        ("bob", "1", "True", "ab", "not run", "", "", "", ""),
        ("cleo", "1", "True", "ab", "handed in", "", "", "", ""),
        ("dan", "1", "False", "ab", "graded", "4.0", "0.0", "4.0", "4.0"),
    ]
