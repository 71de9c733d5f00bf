"""`onramp bench pages`: what one learner asks of the course service, in a course of a thousand and in one of ten.

many, few   the whole course service and its database: everybody but one has long handed in everything six times, and
            has results. The hub and who grades are stand-ins.
courses     milliseconds until My courses is there, with an attempt that waits for its result.
feedback    until the page with the feedback on that attempt is there.
submit      from a notebook to its receipt.
teach       until the teacher's page with everybody's attempts is there.
"""

import asyncio
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import create_engine, insert

from curricula.events import Row
from curricula.service.app import settle_gc
from tests.bench import interleave
from tests.bench.goals import Goal
from tests.bench.interleave import Contender, Measures
from tests.bench.outcome import asked, conclude, show
from tests.curricula.service_here import Service, notebook, running

OTHERS = {"many": 1000, "few": 10}
SUBMISSIONS = "api/courses/c1/assignments/a1/submissions"
ASSIGNMENTS, ATTEMPTS = ("a1", "a2", "a3", "a4"), 6
# So often is each asked for in a round; the quickest counts.
TIMES = 5
# Whose turn it is depends on all who handed in, and the database counts them.
GOALS = {"courses_ratio": Goal(most=5), "feedback_ratio": Goal(most=1.5), "submit_ratio": Goal(most=1.5)}
MEASURES = ("courses", "feedback", "submit", "teach")


def main() -> None:
    """Measure, print the tables, save the samples, and end with the line RESULT."""
    settle_gc()
    rounds = 2 if asked("pages").quick else 8
    with asyncio.Runner() as runner, tempfile.TemporaryDirectory(prefix="bench-") as folder:
        stack = AsyncExitStack()
        try:
            contenders = []
            for name, others in OTHERS.items():
                service = runner.run(course(stack, Path(folder, name), others))
                contenders.append(Contender(name, partial(opened, runner, service)))
            samples = interleave.interleave(contenders, rounds, warm_up=1)
        finally:
            runner.run(stack.aclose())
    show(samples, *MEASURES)
    ratios = {f"{one}_ratio": interleave.ratio(samples, one, ours="many", peer="few") for one in MEASURES}
    results = ratios | {f"{one}_ms": interleave.median(samples, "many", one) for one in MEASURES}
    conclude("pages", GOALS, samples, results)


async def course(stack: AsyncExitStack, root: Path, others: int) -> Service:
    """Start a service with a course in which so many others have handed in, and one learner waits for a result."""
    service = await stack.enter_async_context(running(root))
    for assignment in ASSIGNMENTS:
        (await service.teach("release", assignment)).raise_for_status()
    (await service.ask("student1", "POST", "api/join", json={"code": "JOIN-1"})).raise_for_status()
    engine = create_engine(f"sqlite:///{root}/events.sqlite")
    with engine.begin() as connection:
        connection.execute(insert(Row), [*past([f"learner{number:04}" for number in range(others)])])
    engine.dispose()
    return service


def past(learners: list[str]) -> Iterator[dict[str, Any]]:
    """Yield what has happened to these learners, as rows."""
    common = {"at": datetime.now(UTC), "course": "c1", "assignment": None, "submission": None, "key": None}
    for user in learners:
        yield common | {"id": None, "kind": "joined", "user": user, "actor": user, "payload": {}}
    number = 1000 + len(learners)
    for assignment in ASSIGNMENTS * ATTEMPTS:
        for user in learners:
            handed_in = {"sha256": f"{number:064}", "late": False, "attempt": 1, "version": "1"}
            theirs = common | {"assignment": assignment, "user": user}
            yield theirs | {"id": number, "kind": "received", "actor": user, "payload": handed_in}
            result = {"submission": number, "actor": "teacher1", "payload": RESULT}
            yield theirs | {"id": number + 1, "kind": "graded"} | result
            number += 2


RESULT = {
    "key": {"submission": "s", "assignment": "1", "grader": "1", "environment": "e"},
    "cells": [
        {"name": f"t{number}", "score": 1.0, "max_score": 1.0, "message": "", "mode": "split"} for number in range(4)
    ],
    "not_run": None,
    "job_id": "1",
    "walls": "namespaces",
}


def opened(runner: asyncio.Runner, service: Service) -> Measures:
    """Hand in, and open each page."""
    return runner.run(_opened(service))


async def _opened(service: Service) -> Measures:
    async with service.client("student1") as learner, service.client("teacher1") as teacher:
        submit = await quickest(lambda: learner.post(SUBMISSIONS, content=notebook(str(time.perf_counter()))))
        receipt = (await learner.post(SUBMISSIONS, content=notebook("last"))).json()
        return {
            "courses": await quickest(lambda: learner.get("")),
            "feedback": await quickest(lambda: learner.get(f"submissions/{receipt['id']}")),
            "submit": submit,
            "teach": await quickest(lambda: teacher.get("courses/c1/teach"), times=1),
        }


async def quickest(ask: Callable[[], Awaitable[httpx.Response]], times: int = TIMES) -> float:
    """Ask some times, and return the milliseconds of the quickest answer."""
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        (await ask()).raise_for_status()
        took.append(1000 * (time.perf_counter() - begin))
    return min(took)


if __name__ == "__main__":
    main()
