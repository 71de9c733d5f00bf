"""Where tests run, as far as reading finds it."""

import pytest
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_notebook

from curricula.routing import Plan, drafted


def answer(name: str, source: str) -> NotebookNode:
    return new_code_cell(source, metadata={"nbgrader": {"grade_id": name, "solution": True, "grade": False}})


def check(name: str, source: str) -> NotebookNode:
    return new_code_cell(source, metadata={"nbgrader": {"grade_id": name, "solution": False, "grade": True}})


def plan(*cells: NotebookNode) -> Plan:
    notebook = new_notebook(cells=list(cells))
    return drafted(notebook, notebook)


SQUARES = answer("squares", "def squares(n):\n    return [i * i for i in range(n)]")


def test_a_test_that_calls_an_answer_runs_beside_the_others() -> None:
    found = plan(new_code_cell("import numpy as np"), SQUARES, check("t", "assert np.sum(squares(3)) == 5"))

    assert found.routes["t"].mode == "split"
    assert (found.trusted, found.learners) == (("np",), ("squares",))
    assert found.beside == ((0, "import numpy as np"),)
    assert found.packages == ("numpy",)


@pytest.mark.parametrize(
    ("source", "why"),
    [
        ("keep = squares\ndel squares", "it deletes squares"),
        ("import inspect\nassert 'i' in inspect.getsource(squares)", "it uses inspect"),
        ("assert 'squares' in globals()", "it uses globals"),
        ("%time squares(3)", "it uses IPython's own commands"),
        ("import builtins\nbuiltins.range = None", "it changes a part of builtins"),
        ("squares = None\ntotal(3)", "it gives squares a value that answers read"),
    ],
)
def test_what_a_test_does_can_need_the_learners_process(source: str, why: str) -> None:
    total = answer("total", "def total(n):\n    return sum(squares(n))")

    assert plan(SQUARES, total, check("t", source)).routes["t"].why == why


def test_tests_that_share_a_name_run_in_the_same_process() -> None:
    found = plan(
        SQUARES,
        check("one", "made = squares(3)"),
        check("two", "assert 'made' in globals() and made"),
        check("three", "made = 1\nassert squares(1)"),
    )

    assert {name: route.mode for name, route in found.routes.items()} == {
        "one": "in-sandbox",
        "two": "in-sandbox",
        "three": "in-sandbox",
    }


def test_only_those_of_the_courses_cells_that_tests_need_run_beside_them() -> None:
    found = plan(
        new_code_cell("from math import *"),
        new_code_cell("def close(a, b):\n    return abs(a - b) < EPS"),
        new_code_cell("EPS = 0.1"),
        new_code_cell("picture = draw()"),
        SQUARES,
        check("t", "assert close(squares(2)[1], 1)"),
    )

    assert [place for place, _ in found.beside] == [0, 1, 2]


def test_a_value_that_an_answer_changes_is_the_learners() -> None:
    found = plan(
        new_code_cell("import numpy as np\ndata = {}"),
        answer("fill", "data['x'] = np.zeros(3)\nnp.random.seed(1)"),
        check("t", "assert len(data['x']) == 3"),
    )

    assert (found.trusted, found.learners) == (("np",), ("data",))
