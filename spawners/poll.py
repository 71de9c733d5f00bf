"""Poll: one question asked for everybody, cached, and never asked twice at once."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Poll(Generic[T]):
    """Shares the answer of `ask` among all callers, for as many seconds as `fresh` says of an answer."""

    def __init__(self, ask: Callable[[], Awaitable[T]], fresh: Callable[[T], float], *, rest: float = 0.0) -> None:
        """`ask` must not raise: it turns a failure into an answer that says so.

        However often something changes, two questions are at least `rest` seconds apart.
        """
        self._ask = ask
        self._fresh = fresh
        self._rest = rest
        self._answer: T | None = None
        self._asked, self._until = float("-inf"), 0.0
        self._changed = False
        self._running: asyncio.Task[T] | None = None

    async def get(self) -> T:
        """The cached answer while it is fresh, else the one in flight or a new one.

        A caller that is cancelled leaves the question running for the others.
        """
        if self._answer is not None and self._now() < self._until:
            return self._answer
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return await asyncio.shield(self._running)

    def expire(self) -> None:
        """Make the next caller ask anew: something has just changed, also for a question that is under way."""
        self._until, self._changed = 0.0, True

    async def _run(self) -> T:
        """Ask once and keep the answer, fresh from now on: a slow question is not asked again at once."""
        try:
            await asyncio.sleep(self._asked + self._rest - self._now())
            self._asked, self._changed = self._now(), False
            self._answer = await self._ask()
            self._until = 0.0 if self._changed else self._now() + self._fresh(self._answer)
            return self._answer
        finally:
            self._running = None

    @staticmethod
    def _now() -> float:
        """The event loop's clock."""
        return asyncio.get_running_loop().time()
