"""What cells are, and which names they give each other."""

import pytest

from curricula.cell_names import has_value, touched_names, used_names


@pytest.mark.parametrize(
    ("source", "touched", "used"),
    [
        ("a = b + 1", {"a"}, {"b"}),
        ("import os.path\nfrom math import pi as tau", {"os", "tau"}, set()),
        ("def f(x):\n    y = x + z\n    return y", {"f"}, {"z"}),
        ("class C:\n    def m(self):\n        return other", {"C"}, {"other"}),
        ("a.append(1)\nb[0] = 2", {"a", "b"}, {"a", "b"}),
        ("[q for q in rows]", set(), {"rows"}),
        ("assert 'nodes' in globals()", set(), {"nodes", "globals"}),
        ("%matplotlib inline\nx = 1", {"x"}, {"get_ipython", "matplotlib", "inline"}),
        ("this is no Python", set(), set()),
        ("", set(), set()),
    ],
)
def test_what_a_cell_gives_and_takes(source: str, touched: set[str], used: set[str]) -> None:
    assert (set(touched_names(source)), set(used_names(source))) == (touched, used)


@pytest.mark.parametrize(
    ("source", "value"),
    [
        ("x = 1\nx", True),
        ("x = 1\nx  # said", True),
        ("'text'", True),
        ("f(\n    1)", True),
        ("x", True),
        ("x = 1", False),
        ("assert f(1) == 2", False),
        ("for n in x:\n    n", False),
        ("", False),
        ("# nothing", False),
        ("x = %pwd", True),
        ("x = = 1", True),
        ("(" * 1000, True),
        ("x" + ".a" * 4000, True),
        ("x = 1\0", True),
        ("x = 1\n" * 10_000, True),
    ],
    ids=lambda one: ascii(one)[:20],
)
def test_a_cell_has_a_value_that_ends_in_an_expression_or_may(source: str, value: bool) -> None:
    assert has_value(source) is value
