"""Tests that must fail, at unpredictable places among those that count: where one passes, testing was tampered with.

A test in the learner's process can be stripped or swallowed there. A canary is such a test with one constant changed;
the process does not know which of the two counts.
"""

import ast
import random
from collections.abc import Iterator, Mapping, Sequence

from curricula.cell_names import python_of
from curricula.report import CANARIES, Report, Step
from curricula.routing import Canary, Route

MOST = 3  # canaries to a test


class Tampered(ValueError):
    """A test passed that must fail; the message is the reason the notebook's author reads."""


def constants(test: str) -> Iterator[tuple[int, int]]:
    """Yield where the constants of a test stand that it may depend on: those in asserts, but for what they say."""
    if python_of(test) != f"{test.rstrip(chr(10))}\n" and python_of(test) != test:
        return  # IPython's commands move what stands after them
    starts = [0]
    for line in test.splitlines(keepends=True):
        starts.append(starts[-1] + len(line.encode()))
    raw = test.encode()
    for check in (node for node in ast.walk(ast.parse(test)) if isinstance(node, ast.Assert)):
        for node in ast.walk(check.test):
            if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str) and node.end_lineno:
                start = starts[node.lineno - 1] + node.col_offset
                end = starts[node.end_lineno - 1] + (node.end_col_offset or 0)
                if raw[start : start + 1] not in b"fF":
                    yield len(raw[:start].decode()), len(raw[:end].decode())


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
    made = Step(index=CANARIES + number, source=source, where="in-sandbox")
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
