"""Tasks and reports as they travel, and what a learner's process says of a cell: nothing of it is believed unread."""

from typing import Any

import pytest
from pydantic import TypeAdapter

from curricula.report import Limits, Ran, Report, Step, Task, read_ran, read_task


def test_a_task_is_the_same_at_the_other_end() -> None:
    steps = (
        Step(index=0, source="a = '\ud800'", where="learner", answers=("a",)),
        Step(index=1, source="a", where="split"),
    )
    task = Task(steps=steps, trusted=("b",), learners=("a",), packages=("numpy",), limits=Limits(seconds=3))
    there = read_task(task.json().encode())
    assert there == task


def test_a_report_is_read_by_a_program_of_another_version() -> None:
    report = Report(
        cells=(Ran(index=0, ok=True, outputs=({"output_type": "stream", "text": "x"},)),), walls="namespaces"
    )
    reader = TypeAdapter(Report)
    assert reader.validate_json(report.json()) == report
    with pytest.raises(ValueError, match="marks"):
        reader.validate_json(report.json().replace("walls", "marks"))


def test_what_is_said_of_a_cell() -> None:
    told = {"ok": False, "error": "E", "message": "\ud800!", "line": 3, "result": None, "outputs": [{"a": [1.5, None]}]}
    assert read_ran(7, told) == Ran(7, ok=False, error="E", message="?!", line=3, outputs=({"a": [1.5, None]},))


def nested(depth: int) -> object:
    return [nested(depth - 1)] if depth else 1


@pytest.mark.parametrize(
    "told",
    [
        None,
        [],
        "ok",
        {},
        {"ok": 1},
        {"ok": True, "index": 3},
        {"ok": True, "marks": 10},
        {"ok": True, "error": None},
        {"ok": True, "error": "x" * 201},
        {"ok": True, "message": "x" * 2001},
        {"ok": True, "result": "x" * 101},
        {"ok": True, "result": 1},
        {"ok": True, "line": 1.5},
        {"ok": True, "line": True},
        {"ok": True, "outputs": None},
        {"ok": True, "outputs": {}},
        {"ok": True, "outputs": [[]]},
        {"ok": True, "outputs": [{"data": nested(150)}]},
        {"ok": True, "outputs": [{"data": nested(900)}]},
        {"ok": True, "outputs": [{"data": object()}]},
    ],
)
def test_what_is_no_word_of_a_cell_is_refused(told: Any) -> None:
    with pytest.raises((TypeError, ValueError, RecursionError)):
        read_ran(0, told)


def test_a_deep_output_travels_on() -> None:
    ran = read_ran(0, {"ok": True, "outputs": [{"data": nested(90)}]})
    assert TypeAdapter(Report).validate_json(Report(cells=(ran,)).json()).cells[0] == ran
