"""Answers that are kept for a while."""

import asyncio

import pytest

from spawners.kept import Kept


class Service:
    """A slow service that counts its questions and can fail."""

    def __init__(self) -> None:
        self.asked = 0
        self.fails = False
        self.go = asyncio.Event()

    async def ask(self) -> int:
        self.asked += 1
        await self.go.wait()
        if self.fails:
            raise OSError("away")
        return self.asked


async def test_many_callers_ask_once() -> None:
    service, kept = Service(), Kept[int](60)
    callers = [asyncio.create_task(kept.get("a", service.ask)) for _ in range(100)]
    await asyncio.sleep(0)
    service.go.set()

    assert set(await asyncio.gather(*callers)) == {1}
    assert await kept.get("a", service.ask) == 1
    assert await kept.get("b", service.ask) == 2


async def test_what_is_old_is_asked_again() -> None:
    service, kept = Service(), Kept[int](0)
    service.go.set()

    assert [await kept.get("a", service.ask), await kept.get("a", service.ask)] == [1, 2]


async def test_a_failure_reaches_all_who_wait_and_is_not_kept() -> None:
    service, kept = Service(), Kept[int](60)
    service.fails = True
    callers = [asyncio.create_task(kept.get("a", service.ask)) for _ in range(2)]
    await asyncio.sleep(0)
    service.go.set()

    assert [type(one) for one in await asyncio.gather(*callers, return_exceptions=True)] == [OSError, OSError]
    service.fails = False
    assert await kept.get("a", service.ask) == 2


async def test_who_gives_up_does_not_end_the_question() -> None:
    service, kept = Service(), Kept[int](60)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await kept.get("a", service.ask)
    service.go.set()

    assert await kept.get("a", service.ask) == 1


async def test_what_is_known_is_told_without_asking() -> None:
    service, kept = Service(), Kept[int](60)
    assert kept.known("a") is None
    asking = asyncio.create_task(kept.get("a", service.ask))
    await asyncio.sleep(0)
    assert kept.known("a") is None

    service.go.set()
    await asking
    assert (kept.known("a"), kept.known("b"), await kept.get("a", service.ask)) == (1, None, 1)


async def test_nothing_is_known_of_a_failure() -> None:
    service, kept = Service(), Kept[int](60)
    service.fails = True
    service.go.set()

    await asyncio.gather(kept.get("a", service.ask), return_exceptions=True)
    assert kept.known("a") is None
