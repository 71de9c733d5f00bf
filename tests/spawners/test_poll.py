"""One question for everybody: how often it is asked, and that nobody is told what was true before a change."""

import asyncio
import time

from spawners.poll import Poll


class Asked:
    """What is asked, and when; an answer is the number of the question."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self.wait = asyncio.Event()
        self.wait.set()

    async def __call__(self) -> int:
        self.times.append(time.monotonic())
        number = len(self.times)
        await self.wait.wait()
        return number


def poll(asked: Asked, **named: float) -> Poll[int]:
    return Poll(asked, lambda _: 60, **named)


async def test_all_callers_share_one_question_and_its_answer() -> None:
    asked = Asked()
    shared = poll(asked)

    assert set(await asyncio.gather(*(shared.get() for _ in range(100)))) == {1}
    assert await shared.get() == 1


async def test_after_a_change_everybody_waits_for_a_new_answer() -> None:
    asked = Asked()
    shared = poll(asked)
    await shared.get()
    shared.expire()

    assert set(await asyncio.gather(*(shared.get() for _ in range(100)))) == {2}


async def test_however_often_something_changes_the_questions_are_apart() -> None:
    asked = Asked()
    shared = poll(asked, rest=0.1)
    for _ in range(4):
        await shared.get()
        shared.expire()

    assert len(asked.times) == 4
    assert min(after - before for before, after in zip(asked.times, asked.times[1:], strict=False)) > 0.09


async def test_a_change_while_a_question_is_under_way_makes_it_be_asked_again() -> None:
    asked = Asked()
    shared = poll(asked)
    asked.wait.clear()
    first = asyncio.create_task(shared.get())
    while not asked.times:
        await asyncio.sleep(0)
    shared.expire()
    asked.wait.set()

    assert await first == 1
    assert await shared.get() == 2


async def test_a_caller_that_gives_up_leaves_the_question_to_the_others() -> None:
    asked = Asked()
    shared = poll(asked)
    asked.wait.clear()
    impatient, patient = asyncio.create_task(shared.get()), asyncio.create_task(shared.get())
    while not asked.times:
        await asyncio.sleep(0)
    impatient.cancel()
    asked.wait.set()

    assert await patient == 1
