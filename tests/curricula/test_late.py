"""What late work loses: by days that begin, by hours, after a grace time, up to a limit; and what cannot be a rule."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from curricula.late import Late, Penalty, points_off, rule

DUE = datetime(2027, 1, 31, 12, tzinfo=UTC)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SECOND = timedelta(seconds=1)
DAILY = Penalty(grace=15, per_day=10, at_most=50)
HOURLY = Penalty(per_hour=2.5)
GRACE = "the first 15 minutes cost nothing"
BEGUN, LAST = "that has begun", "the last attempt counts, late or not"
READ: TypeAdapter[Any] = TypeAdapter(Late)


@pytest.mark.parametrize(
    ("after", "percent"),
    [
        (-DAY, 0),
        (timedelta(), 0),
        (15 * MINUTE, 0),  # the end of the grace time is within it
        (15 * MINUTE + SECOND, 10),
        (DAY, 10),
        (DAY + SECOND, 20),  # grace is for the deadline alone
        (5 * DAY, 50),
        (500 * DAY, 50),
    ],
)
def test_each_day_that_has_begun_costs_the_same_up_to_a_limit(after: timedelta, percent: float) -> None:
    assert DAILY.percent(DUE, DUE + after) == percent


@pytest.mark.parametrize(
    ("after", "percent"), [(timedelta(), 0), (SECOND, 2.5), (HOUR, 2.5), (HOUR + SECOND, 5), (DAY, 60), (3 * DAY, 100)]
)
def test_by_hours_nothing_is_left_in_the_end(after: timedelta, percent: float) -> None:
    assert HOURLY.percent(DUE, DUE + after) == percent


@pytest.mark.parametrize(
    ("due", "hours"),
    [
        (datetime(2027, 3, 27, 23, 59, tzinfo=timezone(HOUR)), 23),  # summer time begins in this day
        (datetime(2027, 10, 30, 23, 59, tzinfo=timezone(2 * HOUR)), 25),  # and ends in this one
        (datetime(2027, 6, 1, 23, 59, tzinfo=timezone(2 * HOUR)), 24),
    ],
)
def test_a_day_ends_at_the_time_of_day_it_was_due(in_berlin: None, due: datetime, hours: int) -> None:
    end = due + hours * HOUR
    assert [DAILY.percent(due, end + after) for after in (timedelta(), SECOND)] == [10, 20]


def test_in_the_hour_that_comes_twice_late_is_late(in_berlin: None) -> None:
    due = datetime(2027, 10, 31, 2, 30, tzinfo=timezone(2 * HOUR))
    assert DAILY.percent(due, due + 40 * MINUTE) == 10


def test_the_zone_in_which_a_time_is_written_changes_nothing() -> None:
    there = timezone(9 * HOUR)
    assert DAILY.percent(DUE.astimezone(there), (DUE + DAY).astimezone(timezone(-HOUR))) == 10


def test_points_are_taken_off_to_a_hundredth() -> None:
    assert [points_off(*told) for told in ((8, 10), (7, 33), (0, 50), (3, 0), (2.5, 100))] == [0.8, 2.31, 0, 0, 2.5]


@pytest.mark.parametrize(
    ("late", "said"),
    [
        ("accept", "late work is taken and marked late"),
        ("refuse", "late work is not taken"),
        (
            {"grace": 15, "per_day": 10, "at_most": 50},
            f"late work loses 10 % of its points for each day {BEGUN}, at most 50 %; {GRACE}; {LAST}",
        ),
        (
            {"per_hour": 2.5},
            f"late work loses 2.5 % of its points for each hour {BEGUN}; {LAST}",
        ),
    ],
)
def test_the_rule_in_words_and_as_it_was_written(late: Any, said: str) -> None:
    found = READ.validate_python(late)
    assert rule(found) == said
    assert READ.validate_python(READ.dump_python(found)) == READ.validate_json(READ.dump_json(found)) == found


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ("maybe", "say accept, refuse, or what is taken off, such as {grace: 15, per_day: 10, at_most: 50}"),
        (None, "say accept, refuse"),
        (10, "say accept, refuse"),
        (["accept"], "say accept, refuse"),
        ({}, "give per_day or per_hour, one of the two"),
        ({"grace": 15}, "give per_day or per_hour, one of the two"),
        ({"per_day": 5, "per_hour": 5}, "give per_day or per_hour, one of the two"),
        ({"per_day": 20, "at_most": 10}, r"at_most \(10\) is less than what the first one costs \(20\)"),
        ({"per_day": 0}, "greater than 0"),
        ({"per_day": 101}, "less than or equal to 100"),
        ({"per_day": float("nan")}, "per_day"),
        ({"per_day": "10"}, "valid number"),
        ({"per_day": True}, "valid number"),
        ({"per_day": 10, "grace": -1}, "greater than or equal to 0"),
        ({"per_day": 10, "grace": 1.5}, "valid integer"),
        ({"per_day": 10, "grace": 20_000}, "less than or equal to 10080"),
        ({"per_day": 10, "at_most": 0}, "greater than 0"),
        ({"per_week": 10}, "Extra inputs"),
    ],
)
def test_what_is_no_rule(told: Any, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        READ.validate_python(told)
