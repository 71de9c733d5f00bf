"""Whole notebooks through the engine: what a learner's code does is their cell's affair, and no other's."""

from collections.abc import Iterator

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook, writes

from curricula.course import Assignment
from curricula.here import Graded, Here
from curricula.release import Generated, generate
from curricula.report import Limits
from tests.curricula.course_here import bubblewrap

LIMITS = Limits(cell_seconds=2, seconds=40, memory_bytes=1 << 30)
HIDDEN = "### BEGIN HIDDEN TESTS\nassert double(3) == 6\n### END HIDDEN TESTS"
ASSIGNMENT = Assignment(name="one", title="One", notebook="one.ipynb")


def cell(name: str, source: str, *, test: bool) -> NotebookNode:
    known = {"grade_id": name, "schema_version": 3, "grade": test, "solution": not test, "locked": test, "task": False}
    return new_code_cell(source, metadata={"nbgrader": known | ({"points": 2} if test else {})})


def answer(name: str, source: str) -> NotebookNode:
    return cell(name, f"### BEGIN SOLUTION\n{source}\n### END SOLUTION", test=False)


@pytest.fixture(scope="module")
def here() -> Iterator[Here]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", f"{bubblewrap()}:/usr/local/bin:/usr/bin:/bin")
        with Here() as one:
            yield one


@pytest.fixture(scope="module")
def version() -> Generated:
    cells = [
        answer("double", "def double(n):\n    return 2 * n"),
        cell("double-test", f"assert double(2) == 4\n{HIDDEN}", test=True),
        answer("name", "name = 'x'"),
        cell("name-test", "assert name == 'x'", test=True),
    ]
    return generate(new_notebook(cells=cells), ASSIGNMENT)


def graded(here: Here, version: Generated, double: str) -> Graded:
    notebook = new_notebook(cells=[*version.release.cells])
    notebook.cells[0] = cell("double", double, test=False)
    notebook.cells[2] = cell("name", "name = 'x'", test=False)
    return here.grade(writes(notebook).encode(), version, LIMITS)


def points(found: Graded) -> list[float | None]:
    return [one.score for one in found.result.cells]


def test_right_answers_run_apart_and_get_full_marks(here: Here, version: Generated) -> None:
    found = graded(here, version, "def double(n): return n + n")
    assert (points(found), found.modes) == ([2, 2], ("split", "split"))
    assert found.result.walls in ("namespaces", "bubblewrap")


@pytest.mark.parametrize(
    "double",
    [
        "def double(n):\n    while True: pass",
        "import time\ndef double(n):\n    time.sleep(99)",
        "double = lambda n: double(n)",
        "def double(n): raise SystemExit",
        "def double(n): raise type('\\ud800', (Exception,), {})('\\ud800')",
        "def double(n): return '\\ud800'",
        "def double(n): return double",
        "double = 4",
        "def double(",
        "",
    ],
)
def test_what_one_answer_does_costs_its_own_points_alone(here: Here, version: Generated, double: str) -> None:
    assert points(graded(here, version, double)) == [0, 2]


def test_a_call_that_never_ends_is_told_as_such(here: Here, version: Generated) -> None:
    found = graded(here, version, "def double(n):\n    while True: pass")
    assert found.result.cells[0].message == "This cell ran for longer than 2 seconds and was stopped."


def test_words_of_a_learners_code_are_not_told(here: Here, version: Generated) -> None:
    """They may have been handed over by a hidden test."""
    leak = (
        "class TimeLimit(Exception): pass\ndef double(n):\n    if n == 2: return 4\n    raise TimeLimit(f'asked {n}')"
    )
    assert "asked" not in str(graded(here, version, leak).result)


def test_whatever_a_cell_shows_is_kept_as_a_notebook_holds_it(here: Here, version: Generated) -> None:
    shows = (
        "from IPython.display import Image, display\ndisplay(Image(data=b'\\x89PNG\\r\\n\\x1a\\n' + bytes(40)))\n"
        "print('\\ud800')\ndef double(n): return 2 * n\ndouble"
    )
    found = graded(here, version, shows)
    assert points(found) == [2, 2]
    kinds = [out.output_type for out in found.notebook.cells[0].outputs]
    assert kinds == ["stream", "display_data", "execute_result"]
    assert found.notebook.cells[0].outputs[1].data["image/png"].startswith("iVBORw0KGgo")


# It takes no notice of the alarm that ends its cell: on a busy machine memory fills slowly.
_MEMORY = """
import os, signal, time
signal.signal(signal.SIGALRM, signal.SIG_IGN)
for _ in range(2):
    if not os.fork():
        x = b"x" * (600 << 20)
        time.sleep(30)
time.sleep(30)
"""
_PROCESSES = """
import os, time
for _ in range(100):
    if not os.fork():
        time.sleep(30)
    time.sleep(0.01)
"""
_TIME = """
import signal, time
signal.signal(signal.SIGALRM, signal.SIG_IGN)
time.sleep(30)
"""


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (_MEMORY, "It used more than 1 GiB of memory and was stopped."),
        (_PROCESSES, None),  # the kernel refuses more, which is an error of that cell
        (_TIME, "Code in cell 1 ran for longer than 2 seconds and could not be stopped."),
    ],
    ids=["memory", "processes", "time"],
)
def test_where_a_limit_is_met_it_is_said_which(here: Here, version: Generated, code: str, said: str | None) -> None:
    found = graded(here, version, f"{code}\ndef double(n): return 2 * n")
    assert found.result.not_run == said
