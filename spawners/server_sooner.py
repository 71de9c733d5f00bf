"""What would start sooner than a queued job: the same by another way into the queue, or the profile's fallback.

Nothing is asked but while somebody looks at the page of the start, and then at most once a minute.
"""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Self

from spawners.accounts import Account
from spawners.foresight import in_words
from spawners.lanes import FRESH, Lanes, Way
from spawners.request import Request
from spawners.site import Site, lanes

# Another start is worth an offer where it is so much sooner than what is foreseen for the queued job, or, where
# nothing is foreseen for that, where it is at once.
WORTH_IT, AT_ONCE = timedelta(minutes=5), timedelta(minutes=1)


@dataclass(frozen=True)
class Sooner:
    """One offer: what is said of it, what its button says, and the options that a start of it has."""

    says: str
    button: str
    options: Mapping[str, object]


async def sooner(
    site: Site, known: Lanes, request: Request, account: Account, *, queued: datetime | None, now: datetime
) -> Sooner | None:
    """Return what starts soonest of all that is worth an offer; `queued` is when the queued job is to start."""
    other = _fallback(site, request)
    asked = [request, *([other] if other else [])]
    ways = await asyncio.gather(*(known.soonest(one, account) for one in asked))
    # The way of number 0 into the queue is the one that the queued job has taken itself.
    found = [way for way in ways if way.start is not None and (way.number or way.request.profile != request.profile)]
    best = min(found, key=lambda way: way.start or now, default=None)
    if best is None or best.start is None:
        return None
    worth_it = best.start - now <= AT_ONCE if queued is None else queued - max(best.start, now) >= WORTH_IT
    return _offer(site, best) if worth_it else None


def _fallback(site: Site, request: Request) -> Request | None:
    name = site.profile(request.profile).fallback
    return Request(profile=name, account=request.account) if name else None


def _offer(site: Site, way: Way) -> Sooner:
    assert way.foreseen is not None
    profile = site.profile(way.request.profile)
    lane = lanes(profile)[way.number]
    queue = f" in the queue {way.request.qos or lane.partition}" if way.number else ""
    return Sooner(
        says=f"{profile.display_name}{queue} starts {in_words(way.foreseen.range)}.",
        button=f"Start {profile.display_name}{queue} instead",
        options=way.request.model_dump(exclude_defaults=True),
    )


class Question:
    """A question that is asked beside something else, again and again, for as long as that lasts."""

    def __init__(self, ask: Callable[[], Coroutine[Any, Any, Sooner | None]]) -> None:
        """Nothing is asked before the first look at the answer."""
        self._ask = ask
        self._task: asyncio.Task[Sooner | None] | None = None
        self._again = 0.0
        self._answer: Sooner | None = None

    def answer(self) -> Sooner | None:
        """The last answer; asks again where that is old."""
        now = asyncio.get_running_loop().time()
        if self._task is not None and self._task.done():
            self._answer, self._task = self._task.result(), None
        if self._task is None and now >= self._again:
            self._task, self._again = asyncio.create_task(self._ask()), now + FRESH
        return self._answer

    def forget(self) -> None:
        """Ask anew: it is now about something else."""
        if self._task is not None:
            self._task.cancel()
        self._task, self._again, self._answer = None, 0.0, None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        """Stop asking."""
        self.forget()
