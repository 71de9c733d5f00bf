"""Tests that must fail, hidden among those that count: where one passes, the learner's code has tampered with testing.

The tests of an assignment run in the learner's own process, which can strip or swallow their asserts. It does not
know which of them must fail.
"""

import secrets

from nbformat import NotebookNode
from nbformat.v4 import new_code_cell

from curricula.autograde_node import Report
from curricula.marks import NotRun

_MARK = {"onramp": "canary"}


def with_canaries(notebook: NotebookNode) -> NotebookNode:
    """Put one canary before a test cell chosen at random and one at the end, in place; return the notebook."""
    tests = [number for number, cell in enumerate(notebook.cells) if cell.metadata.get("nbgrader", {}).get("grade")]
    for place in (len(notebook.cells), secrets.choice(tests)) if tests else ():
        right = 1 + secrets.randbelow(1000)
        wrong = right + 1 + secrets.randbelow(1000)
        notebook.cells.insert(place, new_code_cell(f"assert {right} == {wrong}", metadata=_MARK))
    return notebook


def check_canaries(notebook: NotebookNode, report: Report) -> None:
    """Raise NotRun where a canary passed."""
    passed = {ran.index for ran in report.cells if ran.ok}
    if any(dict(cell.metadata) == _MARK and number in passed for number, cell in enumerate(notebook.cells)):
        raise NotRun(
            "Its code changes how Python tests or reports errors, so no test of it means anything. "
            "Remove what does that, and hand it in again."
        )
