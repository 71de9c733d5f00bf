"""What an instructor reads of where tests run."""

from nbformat.v4 import new_markdown_cell, new_notebook

from curricula.modes import Modes, modes_of, together
from tests.curricula.nbgrader_here import answer, exam


def test_each_cell_with_points_is_counted_once_and_those_within_are_named() -> None:
    essay = new_markdown_cell("Why?", metadata={"nbgrader": {"grade_id": "essay", "grade": True, "solution": True}})
    task = new_markdown_cell("Do it.", metadata={"nbgrader": {"grade_id": "task", "task": True}})
    by_hand = answer("plot(x)", "picture", grade=True)
    tests = (exam("assert 1 == 1", "one"), exam("del x", "two"), exam("assert 'x' in globals()", "three"))
    notebook = new_notebook(cells=[answer(), *tests, essay, task, by_hand])
    found = modes_of(notebook, notebook)

    assert list(found.lines("a1")) == [
        "a1: 6 test cells: 1 split (17%), 2 in-sandbox (33%), 3 by hand (50%)",
        "  two in-sandbox: it deletes x",
        "  three in-sandbox: it uses globals",
    ]
    assert next(together([found, found]).lines("all")).startswith(
        "all: 12 test cells: 2 split (17%), 4 in-sandbox (33%)"
    )
    assert list(Modes().lines("a2")) == ["a2: 0 test cells: 0 split (0%), 0 in-sandbox (0%), 0 by hand (0%)"]
