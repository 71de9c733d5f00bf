"""Whether a kernel in a job of its own is used, and when it is released: judged as a server is. Pure.

Its node tells what computes there, and the stub whether a cell has no answer yet: one that waits for something
computes nothing. An open tab is no use of a GPU.
"""

from collections.abc import Sequence

from spawners import idle
from spawners.idle import Idle, Policy
from spawners.site_parts import IdleRule

# Seconds between two looks, at most.
LOOK = 15.0


class KernelIdle:
    """What was seen of one kernel; where nothing is heard from its node, no time passes."""

    def __init__(self, rule: IdleRule, now: float) -> None:
        """`now`, like every moment here, is in seconds since 1970."""
        self._policy = Policy(60.0 * rule.after, 60.0 * rule.grace)
        self._idle = Idle(now)

    @property
    def interval(self) -> float:
        """Seconds after which its node is to look again."""
        return min(LOOK, self._policy.after / 4, self._policy.grace / 4)

    def look(self, now: float, *, asked: float, busy: Sequence[str]) -> None:
        """See it at `now`: it was asked something last at `asked`, and `busy` names what computes."""
        self._idle = idle.look(self._idle, now, person=asked, busy=tuple(busy), longest=2 * self.interval)

    @property
    def ends(self) -> float | None:
        """When it is released unless something happens; None while nobody need be warned."""
        return idle.ends(self._idle, self._policy)

    @property
    def over(self) -> bool:
        """Whether it is to be released now."""
        return idle.over(self._idle, self._policy)

    @property
    def minutes(self) -> float:
        """After how many minutes of nothing its person is warned."""
        return self._policy.after / 60
