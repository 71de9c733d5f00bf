"""When a kernel in a job of its own ends by itself: nobody uses it, or its time is up. Pure.

Use is judged as a server's is: its node tells what computes there, and the stub whether a cell has no answer yet, since
one that waits for something computes nothing. An open tab is no use of a GPU. Every moment is in seconds since 1970.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from spawners import idle
from spawners.idle import Idle, Policy
from spawners.site_parts import IdleRule

# Seconds between two looks, at most; and before the end of its time, at which a person is told.
LOOK, WARN = 15.0, 300.0


class KernelEnd:
    """What is known of the end of one job's kernels; where nothing is heard from the node, no idle time passes."""

    def __init__(self, rule: IdleRule | None, now: float) -> None:
        """`rule` says when it is released; None: never."""
        self._policy = Policy(60.0 * rule.after, 60.0 * rule.grace) if rule else None
        self._idle = Idle(now)
        self.time_up: float | None = None

    @property
    def interval(self) -> float | None:
        """Seconds after which its node is to look again; None where it need not."""
        return self._policy and min(LOOK, self._policy.after / 4, self._policy.grace / 4)

    def look(self, now: float, *, asked: float, busy: Sequence[str]) -> bool:
        """See it at `now`: it was asked something last at `asked`, and `busy` names what computes. True: release it."""
        if self._policy is None or self.interval is None:
            return False
        self._idle = idle.look(self._idle, now, person=asked, busy=tuple(busy), longest=2 * self.interval)
        return idle.over(self._idle, self._policy)

    def notice(self, now: float) -> dict[str, str] | None:
        """What a person should know: {"why": "idle" or "time", "ends": ISO 8601}; None where no end is near."""
        moments = []
        if self._policy is not None and (release := idle.ends(self._idle, self._policy)) is not None:
            moments.append((release, "idle"))
        if self.time_up is not None and self.time_up - now < WARN:
            moments.append((self.time_up, "time"))
        if not moments:
            return None
        when, why = min(moments)
        return {"why": why, "ends": datetime.fromtimestamp(when, UTC).isoformat()}

    def nearly_over(self, job_id: str) -> str:
        """What is said below a cell shortly before its time is up."""
        clock = f"{datetime.fromtimestamp(self.time_up or 0).astimezone():%H:%M}"
        return (
            f"The time of job {job_id} is up at {clock}; then this kernel and its variables are gone. "
            "What must run longer, promote to a job of its own."
        )

    def unused(self, job_id: str) -> str:
        """Why it was released."""
        minutes = self._policy.after / 60 if self._policy else 0
        return f"Nothing happened in this kernel for {minutes:g} minutes, so its job {job_id} is ended."


def interrupted(job_id: str) -> str:
    """Why a job is taken back that waits."""
    return f"You interrupted this kernel while job {job_id} waited in the queue, so the job is cancelled."


def nothing_lost(why: str) -> str:
    """What is said below the cells of a kernel that had not begun."""
    return f"{why.rstrip('.')}. The next cell that you run asks for a job again."


def variables_lost(why: str) -> str:
    """What is said below the cells of a kernel that had."""
    again = "Restart the kernel; the next cell that you run asks for another job."
    return f"{why.rstrip('.')}. Its variables are lost. {again}"
