"""Deadlines: the course's own, extended for one learner, and moved by outages."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from curricula.course import Assignment
from curricula.deadline import Deadline, came_late, deadline_of, extra, percent_off
from curricula.events import Event
from curricula.late import Penalty

DUE = datetime(2027, 1, 31, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
FIRST = Assignment(name="a1", title="First", notebook="first.ipynb", due=DUE)


def event(kind: Any, user: str | None = None, assignment: str | None = "a1", **payload: Any) -> Event:
    return Event(id=1, at=DUE, kind=kind, course="c1", assignment=assignment, user=user, actor="t", payload=payload)


def extended(until: datetime | None, user: str = "ann", assignment: str = "a1") -> Event:
    return event("extended", user, assignment, until=until and until.isoformat())


def outage(begin: datetime, end: datetime) -> Event:
    return event("outage", None, None, begin=begin.isoformat(), end=end.isoformat())


@pytest.mark.parametrize(("seconds", "late"), [(-1, False), (0, False), (1, True)])
def test_late_begins_after_the_deadline(seconds: int, late: bool) -> None:
    assert deadline_of(FIRST, ()).is_late(DUE + timedelta(seconds=seconds)) is late


def test_without_a_deadline_nothing_is_late_and_nothing_moves_it() -> None:
    free = FIRST.model_copy(update={"due": None})
    assert deadline_of(free, [extended(DUE), outage(DUE, DUE + HOUR)], "ann") == Deadline()
    assert not Deadline().is_late(DUE)


def test_an_extension_is_for_one_learner_and_one_assignment() -> None:
    events = [extended(DUE + HOUR), extended(DUE + 2 * HOUR, "bob"), extended(DUE + 3 * HOUR, "ann", "a2")]
    assert deadline_of(FIRST, events, "ann") == Deadline(due=DUE + HOUR, moved="extension")
    assert deadline_of(FIRST, events, "eve") == deadline_of(FIRST, events) == Deadline(due=DUE)
    assert extra(FIRST, events, "ann") == HOUR


@pytest.mark.parametrize(("last", "due"), [(DUE + HOUR, DUE + HOUR), (None, DUE), (DUE - HOUR, DUE)])
def test_the_last_extension_counts_and_never_takes_time_away(last: datetime | None, due: datetime) -> None:
    assert deadline_of(FIRST, [extended(DUE + 5 * HOUR), extended(last)], "ann").due == due


@pytest.mark.parametrize(
    ("begin", "end", "due"),
    [
        (-2, -1, 0),  # over before
        (1, 2, 0),  # later
        (-1, 3, 4),  # an hour was lost: it is given back from the end on
        (0, 3, 3),
        (-2, 0, 2),
    ],
)
def test_what_an_outage_took_is_given_back(begin: int, end: int, due: int) -> None:
    found = deadline_of(FIRST, [outage(DUE + begin * HOUR, DUE + end * HOUR)])
    assert found == Deadline(due=DUE + due * HOUR, moved="outage" if due else "")


def test_outages_one_after_another_and_over_an_extension() -> None:
    two = [outage(DUE + 3 * HOUR, DUE + 5 * HOUR), outage(DUE - HOUR, DUE + 2 * HOUR)]
    assert deadline_of(FIRST, two).due == DUE + 5 * HOUR
    assert deadline_of(FIRST, [extended(DUE + 4 * HOUR), *two], "ann").due == DUE + 6 * HOUR


# Grace, and what late work loses.

MINUTE = timedelta(minutes=1)
DAILY = FIRST.model_copy(update={"late": Penalty(grace=15, per_day=10)})


def received(after: timedelta, *, late: bool = True) -> Event:
    told = {"late": late, "sha256": "0" * 64, "attempt": 1}
    return event("received", "ann", **told).model_copy(update={"at": DUE + after})


@pytest.mark.parametrize(("minutes", "late"), [(0, False), (15, False), (16, True)])
def test_within_the_grace_time_nothing_is_late(minutes: int, late: bool) -> None:
    assert deadline_of(DAILY, ()).is_late(DUE + minutes * MINUTE) is late


def test_an_outage_in_the_grace_time_is_given_back_too() -> None:
    begin, end = DUE + 10 * MINUTE, DUE + 70 * MINUTE
    assert deadline_of(FIRST, [outage(begin, end)]).due == DUE
    found = deadline_of(DAILY, [outage(begin, end)])
    assert (found.due, found.moved) == (DUE + HOUR, "outage")
    assert not found.is_late(end + 5 * MINUTE)


def test_what_is_lost_follows_the_deadline_wherever_it_moves() -> None:
    work = received(25 * HOUR)
    moved = {
        "by nothing": (),
        "by a teacher": [extended(DUE + HOUR)],
        "by a teacher, until then": [extended(DUE + 25 * HOUR)],
        "by another's extension": [extended(DUE + 25 * HOUR, "bob")],
        "and taken back": [extended(DUE + 25 * HOUR), extended(None)],
        "by an outage": [outage(DUE - HOUR, DUE + 3 * HOUR)],
    }
    lost = {how: percent_off(DAILY, work, deadline_of(DAILY, events, "ann")) for how, events in moved.items()}
    assert list(lost.values()) == [20, 10, 0, 20, 20, 10]


@pytest.mark.parametrize("late", ["accept", "refuse"])
def test_only_where_the_course_says_so(late: Any) -> None:
    free = FIRST.model_copy(update={"late": late})
    assert percent_off(free, received(25 * HOUR), deadline_of(free, (), "ann")) == 0
    never = DAILY.model_copy(update={"due": None})
    assert percent_off(never, received(25 * HOUR), deadline_of(never, (), "ann")) == 0


def test_what_was_in_time_stays_so() -> None:
    """An extension was taken back after the work had come in."""
    work, deadline = received(25 * HOUR, late=False), deadline_of(DAILY, (), "ann")
    assert (came_late(work, deadline), percent_off(DAILY, work, deadline)) == (False, 0)
