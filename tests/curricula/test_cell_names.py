"""Which names cells give each other."""

import pytest

from curricula.cell_names import touched_names, used_names


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
