"""Wrong answers made from an exercise's own cells."""

from typing import Any

from curricula.mutants import COPIED, NOTHING, UNEDITED, mutants

SOLUTION = "import math\n\ndef area(r, scale=1):\n    return math.pi * r ** 2 * scale\n\na, b = 1, 2\nc = [3]"
VISIBLE = """
assert area(0) == 0
assert area(1, scale=0) == 0, "why"
assert area(x) == 3
assert len(c) == 1
assert area(1) > 3
"""


def made(solution: str = SOLUTION, visible: str = VISIBLE) -> dict[str, str]:
    return dict(mutants(solution, "raise NotImplementedError", [visible]))


def ran(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(source, names)
    return names


def test_the_cell_as_it_is_given_out() -> None:
    assert made()[UNEDITED] == "raise NotImplementedError"


def test_an_answer_that_says_nothing_keeps_its_imports_and_defines_the_same_names() -> None:
    names = ran(made()[NOTHING])
    assert (names["area"](1, scale=2), names["a"], names["b"], names["c"]) == (None, None, None, None)
    assert names["math"].sqrt(4) == 2
    method = ran(made("class C:\n    x = 1\n    def m(self):\n        return 1")[NOTHING])["C"]()
    assert (method.m(), method.x) == (None, None)


def test_an_answer_that_knows_the_visible_tests_by_heart() -> None:
    area = ran(made()[COPIED])["area"]
    assert (area(0), area(1, scale=0), area(1)) == (0, 0, None)


def test_nothing_is_copied_where_the_tests_ask_nothing_so_plain() -> None:
    assert COPIED not in made(visible="assert area(2) > 12")
    assert COPIED not in made(solution="x = 1", visible="assert x == 1\nassert area(1) == 2")
