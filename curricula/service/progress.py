"""How far a grading is, and how long the rest takes at the pace so far. Pure."""

import math
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Progress:
    """`done` of `total` have been through a grading that began at `began`, the last of them at `last` (monotonic)."""

    total: int
    at_once: int
    began: float
    done: int = 0
    failed: int = 0
    last: float = 0.0

    def step(self, now: float, *, failed: bool = False) -> "Progress":
        """Return how far it is after one more, which got a result or `failed` to get one."""
        return replace(self, done=self.done + 1, failed=self.failed + failed, last=now)

    def eta(self, now: float) -> int | None:
        """Return the seconds that are left, or None before the pace is known.

        It is known once as many are done as are graded at once, or half of all: the first to end say little.
        """
        if self.done == 0 or self.done < min(self.at_once, math.ceil(self.total / 2)):
            return None
        rest = (self.last - self.began) / self.done * (self.total - self.done)
        return max(0, math.ceil(rest - (now - self.last)))

    def sentence(self, now: float) -> str:
        """Say it in words."""
        left = self.eta(now)
        failed = f", {self.failed} could not be" if self.failed else ""
        rest = f", about {spoken_seconds(left)} left" if left else ""
        return f"{self.done - self.failed} of {self.total} graded{failed}{rest}"


def spoken_seconds(seconds: int) -> str:
    """Return a rough time in words: nobody needs more of it, and what changes at every look is tiring to hear."""
    if seconds > 90:
        return f"{math.ceil(seconds / 60)} min"
    return f"{seconds if seconds < 10 else math.ceil(seconds / 5) * 5} s"
