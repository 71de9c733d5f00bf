"""What becomes of work that comes after its deadline: taken, refused, or taken for fewer points. Pure."""

import math
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, Field, WrapValidator, model_validator

_Percent = Annotated[float, Field(gt=0, le=100, strict=True)]
_HOUR = timedelta(hours=1)


class Penalty(BaseModel, frozen=True, extra="forbid"):
    """Late work is taken, and loses so many percent of the points it reached for each day, or hour, that has begun."""

    grace: int = Field(
        default=0, ge=0, le=7 * 24 * 60, strict=True, description="minutes after `due` that cost nothing"
    )
    per_day: _Percent | None = None
    per_hour: _Percent | None = None
    at_most: _Percent = 100

    @model_validator(mode="after")
    def _of_one_kind(self) -> Self:
        if (self.per_day is None) == (self.per_hour is None):
            raise ValueError(
                "give per_day or per_hour, one of the two: percent of the points that are taken off for each"
            )
        if self.at_most < self._each:
            raise ValueError(f"at_most ({self.at_most:g}) is less than what the first one costs ({self._each:g})")
        return self

    @property
    def _each(self) -> float:
        return self.per_day or self.per_hour or 0

    def percent(self, due: datetime, received: datetime) -> float:
        """Return how much of its points work loses that was due and was received then."""
        if received <= due + timedelta(minutes=self.grace):
            return 0
        begun = _days(due, received) if self.per_day else math.ceil((received - due) / _HOUR)
        return min(self.at_most, self._each * begun)

    @property
    def sentence(self) -> str:
        """The rule as learners read it before they hand in."""
        each = f"{self._each:g} % of its points for each {'day' if self.per_day else 'hour'} that has begun"
        most = f", at most {self.at_most:g} %" if self.at_most < 100 else ""
        grace = f"; the first {self.grace} minutes cost nothing" if self.grace else ""
        return f"late work loses {each}{most}{grace}; the last attempt counts, late or not"


def points_off(score: float, percent: float) -> float:
    """Return so many percent of the points that were reached, to a hundredth."""
    return round(score * percent / 100, 2)


def _days(due: datetime, received: datetime) -> int:
    """Return how many days have begun; one ends at the time of day it was due, also when the clocks have changed."""
    here = received.astimezone().replace(tzinfo=None) - due.astimezone().replace(tzinfo=None)
    return max(1, math.ceil(here / timedelta(days=1)))


def _read(told: object, _union: object) -> object:
    """Read a rule by its kind, so that a mistake is named as one of that kind."""
    if told in ("accept", "refuse") or isinstance(told, Penalty):
        return told
    if isinstance(told, Mapping):
        return Penalty.model_validate(told)
    raise ValueError("say accept, refuse, or what is taken off, such as {grace: 15, per_day: 10, at_most: 50}")


Late = Annotated[Literal["accept", "refuse"] | Penalty, WrapValidator(_read)]
_SENTENCES = {"accept": "late work is taken and marked late", "refuse": "late work is not taken"}


def rule(late: Late) -> str:
    """Return in words what becomes of late work."""
    return late.sentence if isinstance(late, Penalty) else _SENTENCES[late]
