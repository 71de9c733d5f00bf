"""Tests that must fail, at unpredictable places among those that count: where one passes, testing was tampered with.

A test in the learner's process can be stripped or swallowed there. A canary is such a test with one constant changed;
the process does not know which of the two counts.
"""

import ast
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import TypeGuard

from curricula.cell_names import python_of
from curricula.report import CANARIES, Report, Step
from curricula.routing import Canary, Route

MOST = 3  # canaries to a test


class Tampered(ValueError):
    """A test passed that must fail; the message is the reason the notebook's author reads."""


def constants(test: str) -> Iterator[tuple[int, int]]:
    """Yield where the constants of a test stand that something is said to be equal, or close, to.

    Those alone: another limit may still hold for right answers, another number of steps may take for ever.
    """
    if python_of(test) not in (test, f"{test.rstrip(chr(10))}\n"):
        return  # IPython's commands move what stands after them
    starts = [0]
    for line in test.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    raw = test.encode()
    for node in _expected(ast.parse(test)):
        start = starts[node.lineno - 1] + node.col_offset
        end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
        yield len(raw[:start].decode()), len(raw[:end].decode())


def _expected(tree: ast.AST) -> Iterator[ast.Constant]:
    """Yield the constants that stand by themselves, or in a list or so, on a side of == or in what compares."""
    for node in ast.walk(tree):
        sides: list[ast.expr] = []
        if isinstance(node, ast.Compare) and all(isinstance(one, ast.Eq) for one in node.ops):
            sides = [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and any(word in ast.unparse(node.func).lower() for word in ("equal", "close")):
            sides = node.args[:2]
        for side in sides:
            if isinstance(side, ast.Constant | ast.List | ast.Tuple | ast.Dict | ast.UnaryOp):
                yield from (one for one in ast.walk(side) if _is_changeable(one))


def _is_changeable(node: ast.AST) -> TypeGuard[ast.Constant]:
    return isinstance(node, ast.Constant) and isinstance(node.value, int | float | str)


def changed(test: str, canary: Canary, chance: random.Random) -> str:
    """Return the test with the canary's constant changed to another of its kind, by chance."""
    value = ast.literal_eval(test[canary.start : canary.end])
    return f"{test[: canary.start]}{_other(value, chance)}{test[canary.end :]}"


def _other(value: object, chance: random.Random) -> str:
    far = chance.randint(1000, 999_999)
    if isinstance(value, bool):
        return str(not value)
    if isinstance(value, int):
        return str(value + far)
    if isinstance(value, float):
        return repr(value + far + 0.5)
    return repr(f"{value}{far}")


def plain(chance: random.Random) -> str:
    """Return a canary for a test that has no constant which decides: it may be known as one by who looks for it."""
    right = chance.randint(1, 1000)
    return f"assert {right} == {right + chance.randint(1, 1000)}"


def beside(step: Step, route: Route, number: int, chance: random.Random) -> tuple[Sequence[Step], Sequence[Step]]:
    """Return the canaries to stand before and after a test: one of those that hold for it, by chance."""
    if route.canaries:
        one = chance.choice(route.canaries)
        source, before = changed(step.source, one, chance), one.before
    else:
        source, before = plain(chance), chance.random() < 0.5
    made = Step(index=CANARIES + number, source=source, where="in-sandbox", value=step.value)
    return ((made,), ()) if before else ((), (made,))


def check(report: Report, tested: Mapping[int, int]) -> None:
    """Raise Tampered where a canary passed and so did its test; `tested` is the test's index by the canary's.

    Where its test failed, nothing was gained, and a wrong answer may have met the changed constant by chance.
    """
    passed = {ran.index for ran in report.cells if ran.ok}
    if any(canary in passed and test in passed for canary, test in tested.items()):
        raise Tampered(
            "Its code changes how Python tests or reports errors, so no test of it means anything. "
            "Remove what does that, and hand it in again."
        )
