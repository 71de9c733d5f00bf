"""What the visible tests say: each outcome in its words, and what differs in one's own copy. Nothing is run here."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from curricula.release import Generated
from curricula.report import TIME_LIMIT, Ran, Report
from curricula.visible import Checked, checked, copies

SAVED = datetime(2027, 1, 31, 12, tzinfo=UTC)


def cell(name: str, source: str, **about: Any) -> NotebookNode:
    make = new_markdown_cell if about.pop("markdown", False) else new_code_cell
    known = {"grade": False, "solution": False, "locked": False, "task": False, "schema_version": 3, **about}
    return make(source, metadata={"nbgrader": {"grade_id": name, **known}})


SETUP = cell("setup", "import math", locked=True)
ANSWER = cell("f", "def f(x): ...", solution=True)
TEST = {"grade": True, "locked": True}
FIRST = cell("first", "assert f(1) == 1, 'f(1) is 1'\nassert f(2)", points=3, **TEST)
SECOND = cell("second", "0.5", points=2, **TEST)
ESSAY = cell("essay", "Why?", markdown=True, grade=True, solution=True, points=4)
RELEASED = new_notebook(cells=[SETUP, ANSWER, FIRST, SECOND, ESSAY])
VERSION = Generated(source=RELEASED, release=RELEASED, tests=RELEASED)


def seen(*ran: Ran, stopped: str | None = None, mine: NotebookNode = RELEASED) -> Checked:
    return checked(Path("m00.ipynb"), SAVED, mine, VERSION, RELEASED, Report(cells=ran, stopped=stopped))


def ok(*indices: int) -> list[Ran]:
    return [Ran(index=index, ok=True) for index in indices]


def test_everything_passed() -> None:
    found = seen(*ok(0, 1, 2, 3))
    assert [(one.name, one.outcome, one.points, one.said) for one in found.tests] == [
        ("first", "passed", 3, ""),
        ("second", "passed", 2, ""),
        ("essay", "by hand", 4, "Your teacher grades this by hand."),
    ]
    assert found.passed
    assert found.sentence == (
        "2 of 2 tests passed. They stand for 5 points. Hidden tests are run only when you hand in, so this is no mark."
    )


@pytest.mark.parametrize(
    ("ran", "outcome", "said"),
    [
        (Ran(index=2, ok=False, error="AssertionError", line=1), "did not pass", "AssertionError: f(1) is 1"),
        (Ran(index=2, ok=False, error="AssertionError", line=2), "did not pass", "AssertionError: assert f(2)"),
        (
            Ran(index=2, ok=False, error=TIME_LIMIT, message="longer than 60 seconds"),
            "did not pass",
            "This cell ran for longer than 60 seconds and was stopped.",
        ),
        (Ran(index=2, ok=False, error="UsageError", message="no %x"), "did not pass", "UsageError: no %x"),
        (Ran(index=2, ok=True, result="1.5"), "partly passed", ""),
        (Ran(index=2, ok=True, result="7"), "passed", ""),
    ],
    ids=["a hint", "a line", "too long", "no line", "partial credit", "no number of points"],
)
def test_what_came_of_a_test(ran: Ran, outcome: str, said: str) -> None:
    found = seen(*ok(0, 1), ran, *ok(3))
    assert (found.tests[0].outcome, found.tests[0].said) == (outcome, said)
    assert found.passed is (outcome == "passed")


def test_the_first_cell_that_failed_is_named() -> None:
    failed = Ran(index=1, ok=False, error="NotImplementedError")
    found = seen(*ok(0), failed, Ran(index=2, ok=False, error="NameError", line=1), *ok(3))
    assert found.notes == ("Cell 2 failed first, and what needs it fails with it: NotImplementedError",)


def test_tests_that_a_stopped_run_did_not_come_to_are_not_run() -> None:
    found = seen(*ok(0, 1, 2), stopped="Cell 4 ended the process.")
    assert [(one.outcome, one.said) for one in found.tests] == [
        ("passed", ""),
        ("not run", "Cell 4 ended the process."),
        ("by hand", ""),
    ]
    assert not found.passed
    assert [one.outcome for one in seen(stopped="It ended.").tests] == ["not run", "not run", "by hand"]


def with_(number: int, *cells: Any) -> NotebookNode:
    """The notebook with other cells in the place of one."""
    return NotebookNode(RELEASED, cells=[*RELEASED.cells[:number], *cells, *RELEASED.cells[number + 1 :]])


def changed(number: int, **update: Any) -> NotebookNode:
    return with_(number, NotebookNode(RELEASED.cells[number], **update))


@pytest.mark.parametrize(
    ("mine", "said"),
    [
        (RELEASED, {}),
        (changed(1, source="def f(x): return x"), {}),
        (changed(2, source="pass"), {"first": "You have changed this cell: your copy is not what counts"}),
        (changed(0, source=""), {"setup": "You have changed this cell"}),
        (changed(2, cell_type="raw"), {"first": "You have made another type of this cell: it was run as code."}),
        (with_(3), {"second": "You have deleted this cell: it was put back"}),
        (changed(2, metadata=NotebookNode()), {"first": "You have deleted this cell"}),
        (
            NotebookNode(RELEASED, cells=[*RELEASED.cells, ANSWER, ANSWER]),
            {"f": "This cell is there 3 times: the last one counts."},
        ),
        (new_notebook(cells=[]), dict.fromkeys(("setup", "f", "first", "second", "essay"), "You have deleted")),
        (NotebookNode(RELEASED, cells=[*RELEASED.cells, new_code_cell("", metadata={"nbgrader": "odd"})]), {}),
    ],
)
def test_what_differs_in_ones_own_copy_is_said(mine: NotebookNode, said: dict[str, str]) -> None:
    found = copies(mine, RELEASED)
    assert found.keys() == said.keys()
    assert all(found[name].startswith(text) for name, text in said.items())


def test_it_is_said_beside_the_test_or_below() -> None:
    found = seen(*ok(0, 1, 2, 3), mine=new_notebook(cells=[FIRST, ANSWER]))
    assert [one.said[:24] for one in found.tests] == ["", "You have deleted this ce", "Your teacher grades this"]
    assert [note.partition(":")[0] for note in found.notes] == ["setup"]


def test_a_notebook_without_tests_says_so() -> None:
    nothing = new_notebook(cells=[SETUP])
    version = Generated(source=nothing, release=nothing, tests=nothing)
    found = checked(Path("m00.ipynb"), SAVED, nothing, version, nothing, Report(cells=tuple(ok(0))))
    assert found.sentence.startswith("It has no visible test.")


def test_a_page_and_a_terminal_show_the_same_and_nothing_is_taken_for_html() -> None:
    evil = Ran(index=1, ok=False, error="Error", message="<script>alert(1)</script>")
    found = seen(*ok(0), evil, Ran(index=2, ok=False, error="NameError", line=1), *ok(3))
    page = found._repr_html_()
    assert "<script>" not in page
    for text in (
        "m00.ipynb, as saved on 31 January 2027",
        "first",
        "NameError: f(1) is 1",
        "Hidden tests are run only",
    ):
        assert text in page
        assert text in str(found) == repr(found)
    assert "first (3 points): did not pass. NameError" in str(found)
