"""Tests that must fail: where they stand, and what it means when one passes."""

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from curricula.autograde_node import Ran, Report
from curricula.canary import check_canaries, with_canaries
from curricula.marks import NotRun


def notebook() -> NotebookNode:
    test = {"nbgrader": {"grade": True, "grade_id": "test"}}
    return new_notebook(cells=[new_code_cell("answer = 1"), new_code_cell("assert answer", metadata=test)])


def canaries(found: NotebookNode) -> list[int]:
    return [number for number, cell in enumerate(found.cells) if "onramp" in cell.metadata]


def report(found: NotebookNode, *passed: int) -> Report:
    return Report(cells=tuple(Ran(index=number, ok=number in passed) for number in range(len(found.cells))))


def test_one_stands_before_a_test_and_one_at_the_end_and_each_must_fail() -> None:
    found = with_canaries(notebook())

    assert canaries(found) == [1, 3]
    for number in canaries(found):
        with pytest.raises(AssertionError):
            exec(found.cells[number].source)
    assert found.cells[1].source != found.cells[3].source


def test_they_stand_elsewhere_and_say_something_else_each_time() -> None:
    made = [with_canaries(new_notebook(cells=[one for _ in range(20) for one in notebook().cells])) for _ in range(20)]

    assert len({tuple(canaries(one)) for one in made}) > 1
    assert len({one.cells[-1].source for one in made}) > 1


def test_a_notebook_without_tests_gets_none() -> None:
    assert canaries(with_canaries(new_notebook(cells=[new_code_cell("1")]))) == []


def test_only_a_canary_that_passes_is_an_alarm() -> None:
    found = with_canaries(notebook())

    check_canaries(found, report(found, 0, 2))
    check_canaries(found, report(found))
    for number in canaries(found):
        with pytest.raises(NotRun, match="no test of it means anything"):
            check_canaries(found, report(found, 0, 2, number))
