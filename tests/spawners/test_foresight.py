"""From what Slurm foresees and how wrong that was to a range, and the range in words."""

import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spawners.foresight import DAY, HOUR, MINUTE, Case, Foreseen, Past, Range, Told, foresee, in_words, range_of
from spawners.scheduler import PastJob

waits = st.floats(0, 30 * DAY)
cases = st.lists(st.builds(Case, waits, waits), max_size=60)


def test_an_idle_cluster_starts_at_once() -> None:
    assert in_words(range_of(0)) == "at once"
    assert in_words(range_of(-300, [Case(0, 2)] * 50)) == "at once"


def test_where_nothing_is_known_the_range_is_wide() -> None:
    assert range_of(600) == Range(0, 1200)
    assert in_words(range_of(600)) == "within about 20 minutes"


def test_few_starts_only_widen_it() -> None:
    early, late = Case(600, 60), Case(600, 3600)

    assert range_of(600, [early] * 18) == range_of(600)
    assert range_of(600, [early, late]).latest == pytest.approx(3600)


def test_what_was_off_by_half_is_told_so() -> None:
    """Jobs that end half-way to their limits: every start came after half of what was foreseen."""
    past = [Case(wait, wait / 2) for wait in range(3600, 36000, 1000)]

    told = range_of(4 * HOUR, past)
    assert told.soonest == pytest.approx(2 * HOUR, rel=0.05)
    assert told.latest == pytest.approx(2 * HOUR, rel=0.05)


def job(partition: str = "gpu", *, ran: float, limit: float = HOUR) -> PastJob:
    return PastJob(partition=partition, ran=ran, limit=limit)


def told(wait: float, waited: float, partition: str = "gpu") -> Told:
    return Told(foreseen=Foreseen(partition=partition, qos=None, wait=wait, soonest=0, latest=0), waited=waited)


def test_how_jobs_use_their_limits_is_learned_from_accounting() -> None:
    """One that took a quarter of its limit and is half-way through needs an eighth, of seven eighths foreseen.

    It may also be half of that.
    """
    one = foresee("gpu", None, 0.875 * HOUR, Past(jobs=[job(ran=HOUR / 4)] * 40))
    assert (one.soonest, one.latest) == pytest.approx((HOUR / 16, HOUR / 8), rel=0.05)
    many = foresee("gpu", None, 10.875 * HOUR, Past(jobs=[job(ran=HOUR / 4)] * 40))
    assert (many.soonest, many.latest) == pytest.approx((2.625 / 2 * HOUR, 2.625 * HOUR), rel=0.05)


def test_a_long_wait_is_foreseen_better_than_a_short_one() -> None:
    draw = random.Random(7)
    jobs = [job(ran=draw.choice((0.1, 0.3, 1)) * HOUR) for _ in range(100)]

    short, long = (foresee("gpu", None, wait, Past(jobs=jobs)).range for wait in (0.5 * HOUR, 20 * HOUR))
    assert short.latest > 10 * short.soonest
    assert long.latest < 4 * long.soonest


def test_what_came_of_earlier_starts_takes_the_place_of_accounting() -> None:
    jobs = [job(ran=HOUR / 4)] * 40
    mine = [told(HOUR, 2 * HOUR)] * 40

    assert foresee("gpu", None, HOUR, Past(mine[:20], jobs)).latest == pytest.approx(2 * HOUR, rel=0.05)
    assert foresee("gpu", None, HOUR, Past(mine[:20], jobs)).soonest < HOUR
    assert foresee("gpu", None, HOUR, Past(mine, jobs)).soonest == pytest.approx(2 * HOUR, rel=0.05)


def test_other_partitions_and_waits_of_another_length_teach_nothing() -> None:
    mine = [told(HOUR, 9 * HOUR, "cpu"), told(10, 9 * HOUR), told(30 * HOUR, 9 * HOUR)] * 20
    alone = foresee("gpu", None, HOUR)

    assert foresee("gpu", None, HOUR, Past(mine, [job("cpu", ran=0)] * 40)) == alone
    assert (alone.soonest, alone.latest) == (0, 2 * HOUR)


def test_starts_at_once_that_were_none_are_remembered() -> None:
    assert in_words(range_of(0, [Case(0, 5)] * 30 + [Case(0, 840)] * 10)) == "within about 15 minutes"


@given(waits, cases)
def test_a_range_is_a_range(foreseen: float, past: list[Case]) -> None:
    told = range_of(foreseen, past)

    assert 0 <= told.soonest <= told.latest < math.inf
    assert in_words(told)


@given(st.integers(0, 2**32))
def test_nine_of_ten_fall_into_it(seed: int) -> None:
    """Of starts that are all of one kind, whatever kind that is; by chance a few less."""
    draw = random.Random(seed)
    spread, shift = draw.uniform(0.1, 2), draw.uniform(-1, 1)

    def start() -> Case:
        foreseen = draw.expovariate(1 / HOUR)
        return Case(foreseen, (foreseen + MINUTE) * math.exp(draw.gauss(shift, spread)))

    inside = 0
    for _ in range(300):
        new, past = start(), [start() for _ in range(39)]
        told = range_of(new.foreseen, past)
        inside += told.soonest <= new.waited <= told.latest
    assert inside >= 240


@pytest.mark.parametrize(
    ("soonest", "latest", "words"),
    [
        (0, 0, "at once"),
        (0, MINUTE, "at once"),
        (0, MINUTE + 10, "within about 2 minutes"),
        (50, 5 * MINUTE, "within about 5 minutes"),
        (MINUTE, 2 * MINUTE, "in about 1 to 2 minutes"),
        (5 * MINUTE, 19 * MINUTE, "in about 5 to 20 minutes"),
        (20 * MINUTE, 20 * MINUTE, "in about 20 minutes"),
        (44 * MINUTE, 90 * MINUTE, "in about 40 minutes to 2 hours"),
        (59.5 * MINUTE, 62 * MINUTE, "in about 1 hour"),
        (60 * MINUTE, 3 * HOUR, "in about 1 to 3 hours"),
        (100 * MINUTE, 5 * HOUR, "in about 1 to 5 hours"),
        (30 * HOUR, 3 * DAY, "in about 30 hours to 3 days"),
        (2 * DAY, 2.5 * DAY, "in about 2 to 3 days"),
    ],
)
def test_words(soonest: float, latest: float, words: str) -> None:
    assert in_words(Range(soonest, latest)) == words
