"""Tests that must fail: what becomes of a constant, where they stand, and what it means when one passes."""

import random

import pytest

from curricula.canary import Tampered, changed, check, constants
from curricula.canary import beside as canaries_beside
from curricula.report import CANARIES, Ran, Report, Step
from curricula.routing import Canary, Route

TEST = 'x = 5\nassert f("ä", 1.5) == "ü" and g(True), "they say 7"\nassert h(x) == -3'


def texts(test: str) -> list[str]:
    return [test[start:end] for start, end in constants(test)]


def test_the_constants_that_decide_are_those_that_something_equals() -> None:
    assert sorted(texts(TEST)) == ['"ü"', "3"]
    assert texts("np.testing.assert_allclose(f(10), [1.5, 2])\nassert np.isclose(x, -3, atol=0.1)") == ["1.5", "2", "3"]
    assert texts("assert f(10) > 3 and len(x) <= 5\nfor n in range(7): pass") == []
    assert texts("%matplotlib inline\nassert 1 == 1") == []
    assert texts("assert f'{1}' == b'x'") == []


def test_one_constant_is_another_and_everything_else_is_as_it_was() -> None:
    chance = random.Random(1)
    for start, end in constants(TEST):
        made = changed(TEST, Canary(start=start, end=end, before=True), chance)
        assert made != TEST
        assert (made[:start], made[len(made) - len(TEST) + end :]) == (TEST[:start], TEST[end:])
        compile(made, "canary", "exec")


def test_it_stands_before_or_after_its_test_by_what_holds_for_it() -> None:
    step = Step(index=4, source=TEST, where="in-sandbox")
    spot = next(iter(constants(TEST)))
    for before in (True, False):
        route = Route(mode="in-sandbox", canaries=(Canary(start=spot[0], end=spot[1], before=before),))
        found = canaries_beside(step, route, 2, random.Random(1))
        assert [len(part) for part in found] == ([1, 0] if before else [0, 1])
        (made,) = (*found[0], *found[1])
        assert (made.index, made.where) == (CANARIES + 2, "in-sandbox")
        assert made.source != TEST


def test_where_no_constant_decides_another_test_must_fail() -> None:
    step = Step(index=4, source="assert f", where="in-sandbox")
    places = set()
    for number in range(50):
        before, after = canaries_beside(step, Route(mode="in-sandbox"), 0, random.Random(number))
        places.add(bool(before))
        with pytest.raises(AssertionError):
            exec((*before, *after)[0].source)
    assert places == {True, False}


def report(*passed: int) -> Report:
    return Report(cells=tuple(Ran(index=number, ok=number in passed) for number in (1, 2, CANARIES, CANARIES + 1)))


def test_a_canary_that_passes_with_its_test_means_that_testing_was_changed() -> None:
    tested = {CANARIES: 1, CANARIES + 1: 2}
    check(report(1, 2), tested)
    check(report(), tested)
    check(report(2, CANARIES), tested)  # a wrong answer that meets the changed constant by chance
    with pytest.raises(Tampered, match="changes how Python tests"):
        check(report(1, CANARIES), tested)
