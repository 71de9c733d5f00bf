"""Attacks that lie in the form of a notebook and not in its code: what each changes, by name."""

import copy
from collections.abc import Callable, Iterator
from typing import Any

Notebook = dict[str, Any]
CHANGES: dict[str, Callable[[Notebook], object]] = {}


def _change(function: Callable[[Notebook], object]) -> Callable[[Notebook], object]:
    CHANGES[function.__name__.replace("_", "-")] = function
    return function


def _tests(notebook: Notebook) -> Iterator[dict[str, Any]]:
    return (cell for cell in notebook["cells"] if cell["metadata"].get("nbgrader", {}).get("grade"))


def _code(source: str) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": {}, "execution_count": None, "outputs": [], "source": source}


@_change
def points_1000(notebook: Notebook) -> None:
    for cell in _tests(notebook):
        cell["metadata"]["nbgrader"]["points"] = 1000


@_change
def negative_points(notebook: Notebook) -> None:
    for cell in _tests(notebook):
        cell["metadata"]["nbgrader"]["points"] = -1000


@_change
def not_graded(notebook: Notebook) -> None:
    for cell in _tests(notebook):
        cell["metadata"]["nbgrader"].update(grade=False, solution=True, locked=False)
        cell["source"] = "pass"


@_change
def graded_by_hand(notebook: Notebook) -> None:
    for cell in _tests(notebook):
        cell["metadata"]["nbgrader"].update(solution=True, locked=False, task=True)


@_change
def cell_twice(notebook: Notebook) -> None:
    """The test a second time, before it, and harmless."""
    for cell in list(_tests(notebook)):
        notebook["cells"].insert(0, {**copy.deepcopy(cell), "id": f"{cell['id']}-2", "source": "pass"})


@_change
def same_cell_ids(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        cell["id"] = "one"


@_change
def tests_deleted(notebook: Notebook) -> None:
    notebook["cells"] = [cell for cell in notebook["cells"] if cell not in list(_tests(notebook))]


@_change
def tests_first(notebook: Notebook) -> None:
    """Every test before the answers."""
    tests = list(_tests(notebook))
    notebook["cells"] = [*tests, *(cell for cell in notebook["cells"] if cell not in tests)]


@_change
def everything_deleted(notebook: Notebook) -> None:
    notebook["cells"] = []


@_change
def tests_as_text(notebook: Notebook) -> None:
    for cell in _tests(notebook):
        cell["cell_type"] = "markdown"
        del cell["outputs"], cell["execution_count"]


@_change
def tests_skipped(notebook: Notebook) -> None:
    """By the tags and fields with which a cell says that it need not run, or may fail."""
    notebook["metadata"]["nbclient"] = {"allow_errors": True}
    for cell in _tests(notebook):
        cell["metadata"]["tags"] = ["skip-execution", "raises-exception", "remove-cell"]
        cell["metadata"]["deletable"] = cell["metadata"]["editable"] = True


@_change
def tests_rewritten(notebook: Notebook) -> None:
    for cell in _tests(notebook):
        cell["source"] = "10"


@_change
def outputs_of_success(notebook: Notebook) -> None:
    """Tests that seem to have run already, for all their points."""
    data = {"text/plain": "10"}
    for cell in _tests(notebook):
        cell["execution_count"] = 1
        cell["outputs"] = [
            {"output_type": "execute_result", "execution_count": 1, "metadata": {}, "data": data},
        ]


@_change
def later_schema(notebook: Notebook) -> None:
    for cell in notebook["cells"]:
        if known := cell["metadata"].get("nbgrader"):
            known["schema_version"] = 99


@_change
def own_canaries(notebook: Notebook) -> None:
    """Cells that say they are the grader's own."""
    notebook["cells"][:0] = [{**_code("assert 1 == 2"), "id": "mine", "metadata": {"onramp": "canary"}}]


@_change
def metadata_of_another_kind(notebook: Notebook) -> None:
    for cell, kind in zip(list(_tests(notebook)), ([], "yes", {"grade_id": {"a": 1}}), strict=False):
        cell["metadata"]["nbgrader"] = kind


@_change
def another_kernel(notebook: Notebook) -> None:
    spec = {"name": "bash", "display_name": "Bash", "language": "bash", "argv": ["sh", "-c", "id"]}
    notebook["metadata"]["kernelspec"] = spec


@_change
def already_a_result(notebook: Notebook) -> None:
    """Answers to questions that nobody asked of a notebook."""
    notebook["metadata"].update(score=10, result={"score": 10, "not_run": None}, mode="split")


@_change
def many_cells(notebook: Notebook) -> None:
    notebook["cells"] += [{**_code("pass"), "id": f"c{number}"} for number in range(20_000)]


@_change
def script_everywhere(notebook: Notebook) -> None:
    script = "<script>alert(1)</script><img src=x onerror=alert(1)><svg onload=alert(1)>"
    text = {"cell_type": "markdown", "metadata": {}, "source": script, "id": "text"}
    shown = {"output_type": "display_data", "metadata": {}, "data": {"text/html": script, "image/svg+xml": script}}
    notebook["cells"][:0] = [text, {**_code("1"), "id": "shown", "outputs": [shown]}]
    notebook["metadata"]["title"] = script


def changed(notebook: Notebook, name: str) -> None:
    """Make one of the changes, in place."""
    CHANGES[name](notebook)
