"""Foresight: from when Slurm says that a job would start, and how wrong that was lately, to an honest range.

Slurm's answer supposes that every job before this one lasts until its time limit. How far that was off is known of
earlier starts. A new start is no different from them, so it falls between the k-th smallest and the k-th largest of
n such errors with the probability 1 - 2k/(n + 1), whatever made them (a conformal prediction interval); where n is too
small for that, between the worst errors that we suppose.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import cycle, islice
from typing import NamedTuple

from pydantic import BaseModel

from spawners.scheduler import PastJob

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0
# So many of a hundred starts are meant to lie outside of their ranges, half of them on either side.
OUTSIDE = 10
# How far a start was off is counted as the ratio of waits, each longer by these seconds, which nobody minds.
GRAIN = 20.0
# What is supposed where too few starts are known: anything from "at once" to so many times as long as foreseen.
WORST = 2.0
# It is learned of so many cases, in which Slurm foresaw as long a wait, within a factor.
ENOUGH, ALIKE = 40, 2.0
# And of so many jobs in accounting, the last ones.
LATELY = 400


class Case(NamedTuple):
    """One start that is past: the wait in seconds that was foreseen, and the one that it was."""

    foreseen: float
    waited: float


class Range(NamedTuple):
    """When a start is expected: seconds from now, the soonest and the latest."""

    soonest: float
    latest: float


class Foreseen(BaseModel, frozen=True, extra="forbid"):
    """What a person was told of a start: where the job was to wait, what Slurm foresaw, and the range, in seconds."""

    partition: str
    qos: str | None
    wait: float
    soonest: float
    latest: float

    @property
    def range(self) -> Range:
        """The range alone."""
        return Range(self.soonest, self.latest)


class Told(BaseModel, frozen=True, extra="forbid"):
    """One start that is past: what was foreseen of it, and how long it waited, in seconds."""

    foreseen: Foreseen
    waited: float


class Past(NamedTuple):
    """How earlier starts went, and the jobs of accounting, which stand in while those are few; the last first."""

    told: Sequence[Told] = ()
    jobs: Sequence[PastJob] = ()


NOTHING = Past()


def foresee(partition: str, qos: str | None, wait: float, past: Past = NOTHING) -> Foreseen:
    """Return what to tell of a job for which Slurm foresees a wait of so many seconds."""
    wait = max(wait, 0.0)
    cases = [Case(one.foreseen.wait, one.waited) for one in past.told if one.foreseen.partition == partition]
    cases = [case for case in cases if _ratio(case.foreseen, wait) <= ALIKE][:ENOUGH]
    lately = islice((job for job in past.jobs if job.partition == partition), LATELY)
    chains = islice(_chains(list(lately), wait), ENOUGH - len(cases))
    soonest, latest = range_of(wait, (*cases, *chains))
    return Foreseen(partition=partition, qos=qos, wait=wait, soonest=soonest, latest=latest)


def _ratio(one: float, other: float) -> float:
    shorter, longer = sorted((one, other))
    return (longer + GRAIN) / (shorter + GRAIN)


def _chains(jobs: Sequence[PastJob], wait: float) -> Iterator[Case]:
    """Jobs one after another whose limits make up the wait, the first already half-way through: what came of that.

    A long wait is for many jobs, whose errors cancel out; so it is foreseen better than that for a single one. Slurm's
    plan also leaves gaps, for jobs that need much at once, and early ends fill them: it may take half as long.
    """
    for first, running in enumerate(jobs):
        foreseen, waited = running.limit - running.ran / 2, running.ran / 2
        for job in islice(cycle(jobs), first + 1, first + len(jobs)):
            if foreseen >= wait:
                break
            foreseen, waited = foreseen + job.limit, waited + job.ran
        yield Case(foreseen, waited)
        yield Case(foreseen, waited / 2)


def range_of(foreseen: float, past: Iterable[Case] = ()) -> Range:
    """Return between when a job starts for which Slurm foresees a wait of so many seconds (below 0 is at once)."""
    expected = max(foreseen, 0.0) + GRAIN
    errors = sorted((max(one.waited, 0.0) + GRAIN) / (max(one.foreseen, 0.0) + GRAIN) for one in past)
    tail = OUTSIDE * (len(errors) + 1) // 200
    if tail:
        low, high = errors[tail - 1] * expected, errors[-tail] * expected
    else:
        # What was seen may be worse than what is supposed.
        low = GRAIN
        high = max([WORST * (expected - GRAIN) + GRAIN, *(error * expected for error in errors)])
    return Range(max(low - GRAIN, 0.0), max(high - GRAIN, 0.0))


def in_words(when: Range) -> str:
    """Say a range as it follows "starts": "at once", "within about 20 minutes", "in about 5 to 20 minutes".

    Both ends are rounded outwards, as coarsely as a queue can be foreseen.
    """
    if when.latest <= MINUTE:
        return "at once"
    late, soon = _rounded(when.latest, _up), _rounded(when.soonest, _down)
    if not soon.number:
        return f"within about {late}"
    if soon == late:
        return f"in about {late}"
    return f"in about {soon.number if soon.unit == late.unit else soon} to {late}"


class _Time(NamedTuple):
    number: int
    unit: str

    def __str__(self) -> str:
        return f"{self.number} {self.unit}" if self.number == 1 else f"{self.number} {self.unit}s"


def _up(number: float) -> int:
    # A tenth of a step more is no reason to say a whole one.
    return math.ceil(number - 0.1)


def _down(number: float) -> int:
    return math.floor(number + 0.1)


def _rounded(seconds: float, to: Callable[[float], int]) -> _Time:
    """Return a time as coarsely as it is told: the longer, the coarser."""
    for below, step in ((10, 1), (30, 5), (60, 10)):
        if seconds < below * MINUTE:
            minutes = to(seconds / MINUTE / step) * step
            return _Time(1, "hour") if minutes == 60 else _Time(minutes, "minute")
    unit, name = (HOUR, "hour") if seconds < 2 * DAY else (DAY, "day")
    return _Time(to(seconds / unit), name)
