"""Answers kept for a while, so that a page that many people load asks a slow service once."""

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Kept(Generic[T]):
    """Answers by key; each is asked for once in `seconds`, also where several callers want it at the same time."""

    def __init__(self, seconds: float) -> None:
        """Nothing is known yet."""
        self._seconds = seconds
        self._answers: dict[Hashable, tuple[float, asyncio.Task[T]]] = {}

    async def get(self, key: Hashable, ask: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The answer for `key`: the one kept, or a new one. A failure reaches all who wait for it, and is not kept.

        A caller that gives up does not end the question: the next one may still want the answer.
        """
        now = asyncio.get_running_loop().time()
        self._answers = {key: kept for key, kept in self._answers.items() if now - kept[0] < self._seconds}
        if key not in self._answers:
            task = asyncio.create_task(ask())
            self._answers[key] = now, task
            task.add_done_callback(lambda done: self._forget(key, done))
        return await asyncio.shield(self._answers[key][1])

    def known(self, key: Hashable) -> T | None:
        """The answer for `key` where it is kept; nothing is asked."""
        begun, task = self._answers.get(key, (0.0, None))
        if task is None or asyncio.get_running_loop().time() - begun >= self._seconds:
            return None
        return task.result() if task.done() and not task.cancelled() and task.exception() is None else None

    def _forget(self, key: Hashable, done: "asyncio.Task[T]") -> None:
        """Keep no failure."""
        if (done.cancelled() or done.exception() is not None) and self._answers.get(key, (0, None))[1] is done:
            del self._answers[key]
