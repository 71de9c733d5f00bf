"""What a submission is worth, from its notebook and the report of its run: nothing is executed here."""

import copy
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from curricula.marks import CellGrade, Key, NotRun, Result, graded, restored
from curricula.release import Generated, generated
from curricula.report import Ran, Report
from tests.curricula.course_here import cell, course_in, solved

TEST = "m00-function-test"


@pytest.fixture
def version(tmp_path: Path) -> Generated:
    course = course_in(tmp_path)
    return generated(course, course.assignment("m00"))


@pytest.fixture
def notebook(tmp_path: Path) -> NotebookNode:
    """All answers right."""
    course = course_in(tmp_path / "again")
    return solved(course, course.assignment("m00"))


def handed_in(notebook: NotebookNode, version: Generated) -> NotebookNode:
    return restored(json.dumps(notebook).encode(), version)


def run(notebook: NotebookNode, **errors: Ran) -> Report:
    """A report in which everything ran well, but for the cells named in `errors` (with _ for -)."""
    ran = []
    for index, one in enumerate(notebook.cells):
        name = one.metadata.get("nbgrader", {}).get("grade_id", "").replace("-", "_")
        if one.cell_type == "code" and one.source.strip():
            ran.append(replace(errors[name], index=index) if name in errors else Ran(index=index, ok=True))
    return Report(cells=tuple(ran))


def cell_named(notebook: NotebookNode, name: str) -> str:
    """The source of the cell with this grade_id."""
    return str(next(one.source for one in notebook.cells if one.metadata.get("nbgrader", {}).get("grade_id") == name))


def wrong(line: int | None, message: str = "", error: str = "AssertionError") -> Ran:
    """A test cell that failed in this line."""
    return Ran(index=0, ok=False, error=error, message=message, line=line)


# -- putting the tests back


def test_tests_are_put_back_with_what_is_hidden_in_them(notebook: NotebookNode, version: Generated) -> None:
    cell(notebook, TEST).source = "pass"

    assert cell(handed_in(notebook, version), TEST).source == cell(version.tests, TEST).source
    assert "2880" in cell(version.tests, TEST).source


def test_answers_and_cells_of_ones_own_stay(notebook: NotebookNode, version: Generated) -> None:
    notebook.cells.insert(2, new_code_cell("my_own = 1"))
    found = handed_in(notebook, version)

    assert found.cells[2].source == "my_own = 1"
    assert cell(found, "m00-function").source == cell(notebook, "m00-function").source


def _delete(notebook: NotebookNode) -> None:
    notebook.cells = [one for one in notebook.cells if one is not cell(notebook, TEST)]


def _delete_all(notebook: NotebookNode) -> None:
    notebook.cells = []


def _twice(notebook: NotebookNode) -> None:
    easy = copy.deepcopy(cell(notebook, TEST))
    easy.id, easy.source = "easy", "pass"
    notebook.cells.insert(1, easy)


def _as_text(notebook: NotebookNode) -> None:
    one = cell(notebook, TEST)
    one.cell_type = "markdown"
    del one["outputs"], one["execution_count"]


def _tagged(notebook: NotebookNode) -> None:
    cell(notebook, TEST).metadata.tags = ["skip-execution", "raises-exception"]


def _metadata(**changes: Any) -> Any:
    return lambda notebook: cell(notebook, TEST).metadata.nbgrader.update(changes)


def _renamed(notebook: NotebookNode) -> None:
    cell(notebook, TEST).metadata.nbgrader.grade_id = "something-else"


def _shuffled(notebook: NotebookNode) -> None:
    notebook.cells.reverse()


@pytest.mark.parametrize(
    "change",
    [
        _delete,
        _delete_all,
        _twice,
        _as_text,
        _tagged,
        _renamed,
        _shuffled,
        _metadata(points=1000),
        _metadata(grade=False),
        _metadata(locked=False),
        _metadata(solution=True),
        _metadata(schema_version=99),
        _metadata(checksum="0"),
        _metadata(cell_type="markdown"),
    ],
    ids=lambda change: getattr(change, "__name__", ""),
)
def test_whatever_was_done_to_a_test_cell_there_is_one_and_it_is_true(
    notebook: NotebookNode, version: Generated, change: Any
) -> None:
    """And no more points than the assignment has."""
    change(notebook)
    found = handed_in(notebook, version)

    truth = cell(version.tests, TEST)
    (only,) = [one for one in found.cells if one.metadata.get("nbgrader", {}).get("grade_id") == TEST]
    assert (only.source, only.cell_type, dict(only.metadata)) == (truth.source, "code", dict(truth.metadata))
    assert sum(grade.max_score for grade in graded(found, run(found), version)) == 8


def test_outputs_and_the_kernel_of_the_learner_do_not_count(notebook: NotebookNode, version: Generated) -> None:
    notebook.metadata.kernelspec = {"name": "my-own", "display_name": "My own"}
    for one in notebook.cells:
        if one.cell_type == "code":
            one.execution_count = 99
            one.outputs = [{"output_type": "stream", "name": "stdout", "text": "forged"}]
    found = handed_in(notebook, version)

    assert found.metadata.kernelspec.name == "python3"
    assert "forged" not in json.dumps(found)
    assert not [one for one in found.cells if one.get("execution_count")]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"\xff\xfe",
        b'{"cells": 1, "nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
        b'{"cells": [{}], "nbformat": 4, "nbformat_minor": 5, "metadata": {}}',
        b'{"cells": [], "nbformat": 99, "nbformat_minor": 5, "metadata": {}}',
        b'{"worksheets": []}',
        b"[" * 100_000,
    ],
    ids=lambda content: repr(content[:30]),
)
def test_what_is_no_notebook_is_not_run(version: Generated, content: bytes) -> None:
    with pytest.raises(NotRun, match="not a notebook that Jupyter can read"):
        restored(content, version)


@pytest.mark.parametrize(
    "known", [None, "x", 1, [], {}, {"grade_id": None}, {"grade_id": ["a"]}, {"grade_id": "zz"}], ids=repr
)
def test_strange_metadata_makes_an_ordinary_cell(notebook: NotebookNode, version: Generated, known: object) -> None:
    notebook.cells.append(new_code_cell("1", metadata={"nbgrader": known}))

    assert "nbgrader" not in handed_in(notebook, version).cells[-1].metadata


# -- marks


def test_half_a_character_becomes_a_sign_that_files_can_hold(notebook: NotebookNode, version: Generated) -> None:
    for one in notebook.cells:
        one.source += "\n# \ud800"
    found = restored(json.dumps(notebook).encode(), version)
    assert json.dumps(found, ensure_ascii=False).encode().count(b"# ?") == 2


def test_all_right_is_all_points(notebook: NotebookNode, version: Generated) -> None:
    found = handed_in(notebook, version)

    assert graded(found, run(found), version) == (
        CellGrade(name=TEST, score=4, max_score=4),
        CellGrade(name="m00-recover-test", score=4, max_score=4),
    )


def test_an_error_is_no_points_for_that_cell_and_says_why(notebook: NotebookNode, version: Generated) -> None:
    found = handed_in(notebook, version)
    report = run(found, m00_function_test=wrong(4, "words of the learner's code"))

    assert graded(found, report, version)[0] == CellGrade(
        name=TEST, score=0, max_score=4, message="AssertionError: 1 hour is 60 minutes"
    )
    assert graded(found, report, version)[1].score == 4


def test_a_visible_line_without_words_is_shown_and_a_learners_own_error_has_no_name(
    notebook: NotebookNode, version: Generated
) -> None:
    """Both could carry what a hidden test handed over."""
    for cells in version.tests.cells, version.release.cells:
        source = next(one for one in cells if one.metadata.get("nbgrader", {}).get("grade_id") == TEST)
        source.source = f"{source.source}\nassert minutes(3) == 180"
    found = handed_in(version.release, version)
    last = len(
        next(one for one in found.cells if one.metadata.get("nbgrader", {}).get("grade_id") == TEST).source.splitlines()
    )
    report = run(found, m00_function_test=wrong(last, "I was asked 48", "Asked48"))

    assert graded(found, report, version)[0].message == "Error: assert minutes(3) == 180"


@pytest.mark.parametrize("message", ["", "48 hours are 2880 minutes"])
def test_what_a_hidden_line_says_stays_hidden(notebook: NotebookNode, version: Generated, message: str) -> None:
    found = handed_in(notebook, version)
    report = run(found, m00_function_test=wrong(7, message))

    assert graded(found, report, version)[0].message == "A hidden test did not pass."


def test_a_hidden_line_may_have_a_hint(notebook: NotebookNode, version: Generated) -> None:
    for cells in version.tests.cells, notebook.cells:
        one = next(cell for cell in cells if cell.metadata.get("nbgrader", {}).get("grade_id") == TEST)
        one.source = one.source.replace("minutes(48) == 2880", "minutes(48) == 2880, 'Hint: think of days'")
    found = handed_in(notebook, version)
    line = next(n for n, text in enumerate(cell_named(found, TEST).splitlines(), 1) if "Hint" in text)

    assert graded(found, run(found, m00_function_test=wrong(line)), version)[0].message == "Hint: think of days"


def test_an_error_whose_place_is_unknown_stays_hidden(notebook: NotebookNode, version: Generated) -> None:
    found = handed_in(notebook, version)
    error = wrong(None, "2880")

    assert graded(found, run(found, m00_function_test=error), version)[0].message == "A hidden test did not pass."


def test_a_cell_that_was_stopped_says_so(notebook: NotebookNode, version: Generated) -> None:
    found = handed_in(notebook, version)
    error = Ran(index=0, ok=False, error="TimeLimit", message="longer than 60 seconds")
    (grade, _) = graded(found, run(found, m00_function_test=error), version)

    assert grade.message == "This cell ran for longer than 60 seconds and was stopped."


@pytest.mark.parametrize(
    ("result", "score"),
    [(None, 4), ("2", 2), ("0", 0), ("1.5", 1.5), ("4", 4), ("5", 4), ("-1", 4), ("True", 4), ("true", 4), ("'x'", 4)],
)
def test_a_test_may_give_a_part_of_its_points(
    notebook: NotebookNode, version: Generated, result: str | None, score: float
) -> None:
    """By its last value, as in nbgrader; a number that is no part of the points is only a value."""
    found = handed_in(notebook, version)
    report = run(found, m00_function_test=Ran(index=0, ok=True, result=result))

    assert graded(found, report, version)[0].score == score


def test_a_cell_that_did_not_run_means_no_mark_at_all(notebook: NotebookNode, version: Generated) -> None:
    """Also where it is none that is graded: what came after it is not what the learner wrote."""
    found = handed_in(notebook, version)
    whole = run(found)
    for missing in range(len(whole.cells)):
        cells = whole.cells[:missing] + whole.cells[missing + 1 :]
        with pytest.raises(NotRun, match="was not executed"):
            graded(found, Report(cells=cells), version)
    with pytest.raises(NotRun, match=r"^It stopped\.$"):
        graded(found, Report(cells=whole.cells, stopped="It stopped."), version)


def test_a_result_has_a_score_or_a_reason() -> None:
    key = Key(submission="a", assignment="b", environment="c")
    cells = (CellGrade(name="a", score=2, max_score=3), CellGrade(name="b", score=None, max_score=1))

    assert (Result(key=key, cells=cells).score, Result(key=key, cells=cells).max_score) == (2, 4)
    assert Result(key=key, not_run="because").score is None
    assert Result.model_validate(Result(key=key, cells=cells).model_dump(mode="json")).cells == cells
    assert key.digest != key.model_copy(update={"grader": "0"}).digest
