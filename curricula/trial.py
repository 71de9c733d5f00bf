"""Which tests of an assignment can run beside the others, which canaries hold: tried with the course's own answers."""

import random
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from nbformat import NotebookNode
from pydantic import BaseModel

from curricula import canary
from curricula.report import CANARIES, Limits, Report, Task
from curricula.routing import Canary, Plan, Route, drafted, grade_id, is_test
from curricula.steps import examination

Examine = Callable[[Task], Awaitable[Report]]


class Trial(BaseModel, frozen=True, extra="forbid"):
    """One version of an assignment, of which it is to be found which tests run where: its notebooks, as JSON.

    `source` is the course's own with answers, `tests` the one that is graded.
    """

    source: Mapping[str, Any]
    tests: Mapping[str, Any]
    limits: Limits = Limits()


async def planned(source: NotebookNode, tests: NotebookNode, limits: Limits, examine: Examine) -> Plan:
    """Return the plan of an assignment: `source` is the course's notebook with answers, `tests` the one to grade.

    A test that fails beside the others with the course's own answers is run in the learner's process.
    """
    chance = random.Random(0)  # noqa: S311 - what is tried is no secret
    within: dict[str, str] = {}
    while True:
        plan = drafted(source, tests, within)
        failed = await _failed(source, plan, limits, examine, chance)
        new = {name: said for name, said in failed.items() if plan.routes[name].mode == "split"}
        if not new:
            return await _with_canaries(source, plan, limits, examine, chance)
        within |= new


async def _failed(
    source: NotebookNode, plan: Plan, limits: Limits, examine: Examine, chance: random.Random
) -> Mapping[str, str]:
    """Return the tests that fail, or are not reached, and why."""
    known = {index: grade_id(cell) for index, cell in enumerate(source.cells) if is_test(cell)}
    report = await examine(examination(source, plan, limits, chance).task)
    ran = {one.index: one for one in report.cells}
    return {
        name: f"beside the others it fails: {ran[index].error if index in ran else report.stopped}"
        for index, name in known.items()
        if index not in ran or not ran[index].ok
    }


async def _with_canaries(
    source: NotebookNode, plan: Plan, limits: Limits, examine: Examine, chance: random.Random
) -> Plan:
    """Return the plan with those canaries that fail, and whose tests pass with them in place."""
    texts = {grade_id(cell): cell.source for cell in source.cells if is_test(cell)}
    within = [name for name, route in plan.routes.items() if route.mode == "in-sandbox"]
    spots = {name: _spread(list(canary.constants(texts[name]))) for name in within}
    held: dict[str, list[Canary]] = {name: [] for name in within}
    for number in range(max((len(found) for found in spots.values()), default=0)):
        tried = {
            name: Canary(start=found[number][0], end=found[number][1], before=number % 2 == 0)
            for name, found in spots.items()
            if number < len(found)
        }
        for name in await _holding(source, plan, tried, limits, examine, chance):
            held[name].append(tried[name])
    routes = {
        name: route.model_copy(update={"canaries": tuple(held.get(name, ()))}) for name, route in plan.routes.items()
    }
    return plan.model_copy(update={"routes": routes})


def _spread(found: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return at most so many constants, the last ones: what decides mostly stands at the end."""
    return found[-canary.MOST :]


async def _holding(
    source: NotebookNode,
    plan: Plan,
    tried: Mapping[str, Canary],
    limits: Limits,
    examine: Examine,
    chance: random.Random,
) -> list[str]:
    """Return the tests whose tried canary fails, while they pass themselves."""
    routes = {
        name: Route(mode=route.mode, why=route.why, canaries=(tried[name],) if name in tried else ())
        for name, route in plan.routes.items()
    }
    trial = examination(source, plan.model_copy(update={"routes": routes}), limits, chance)
    passed = {one.index for one in (await examine(trial.task)).cells if one.ok}
    tests = {index: grade_id(cell) for index, cell in enumerate(source.cells) if is_test(cell)}
    return [
        tests[test]
        for made, test in trial.canaries.items()
        if tests[test] in tried and test in passed and made not in passed and made >= CANARIES
    ]
