"""release: what learners get of an assignment, and the tests that grade it, from one source notebook.

Made by the preprocessors of nbgrader's generate_assignment, in its order; nothing is kept in a database.
"""

import hmac
import json
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
from nbconvert.exporters.exporter import ResourcesDict
from nbformat import NotebookNode
from nbgrader.converters import GenerateAssignment
from nbgrader.preprocessors import ClearHiddenTests, IncludeHeaderFooter, InstantiateTests, SaveCells
from pydantic import BaseModel, ConfigDict

from curricula.course import Assignment, Course, CourseError

# A file, a generator of tests, a database: what nbgrader adds where a course asks for it, and ours do not.
_LEFT_OUT = (IncludeHeaderFooter, InstantiateTests, SaveCells)
# Also what nbgrader does not remove, such as the singular.
_MARKER = re.compile(r"(BEGIN|END) (SOLUTION|HIDDEN TEST|MARK SCHEME)")
# Where a hidden test has its inputs from: as long as the author runs it a number of theirs, in grading the site's own.
_SEED = re.compile(r"^([ \t]*HIDDEN_SEED[ \t]*=[ \t]*)\d+", re.MULTILINE)


class ReleaseError(CourseError):
    """This assignment cannot be released; the message names the cell and what to do."""


class Generated(BaseModel):
    """One version of an assignment: `source` is the course's own, `release` for learners.

    `tests` is what is graded: with the hidden tests and without solutions.
    """

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    source: NotebookNode
    release: NotebookNode
    tests: NotebookNode


def release(course: Course, assignment: Assignment) -> Path:
    """Write the learners' notebook of `assignment` and return its path; ReleaseError says what the source has wrong."""
    path = course.release(assignment)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_suffix(".new")
    fresh.write_text(nbformat.writes(generated(course, assignment).release) + "\n")
    os.replace(fresh, path)
    return path


def hidden_seed(secret: bytes, course: Course, assignment: Assignment) -> int:
    """The number that a site's hidden tests of an assignment begin with, always of nine digits."""
    digest = hmac.digest(secret, f"{course.name}/{assignment.name}".encode(), "sha256")
    return 100_000_000 + int.from_bytes(digest[:8]) % 900_000_000


def seeded(source: NotebookNode, seed: int) -> NotebookNode:
    """A source notebook whose cells that say `HIDDEN_SEED = 0`, or any other number, say this one instead."""
    notebook = _copy(source)
    for cell in notebook.cells:
        cell.source = _SEED.sub(rf"\g<1>{seed}", cell.source)
    return notebook


def generated(course: Course, assignment: Assignment, seed: int | None = None) -> Generated:
    """Both notebooks of the assignment's present source, with a hidden seed or its own; raises ReleaseError."""
    path = course.source(assignment)
    try:
        source = nbformat.read(path, as_version=4)
    except (OSError, ValueError) as error:
        raise ReleaseError(f"The source of {assignment.name}, {path}, cannot be read: {error}") from None
    return generate(source if seed is None else seeded(source, seed), assignment)


def generate(source: NotebookNode, assignment: Assignment) -> Generated:
    """Split a source notebook. Raises ReleaseError."""
    resources = ResourcesDict(nbgrader={"notebook": Path(assignment.notebook).stem, "assignment": assignment.name})
    notebook, tests = _copy(source), None
    try:
        for step in _steps():
            if step is ClearHiddenTests:
                tests = _copy(notebook)
            notebook, resources = step().preprocess(notebook, resources)
    except Exception as error:
        raise ReleaseError(f"nbgrader refuses the source of {assignment.name}: {error}") from error
    assert tests is not None
    _check(notebook, assignment)
    return Generated(source=source, release=notebook, tests=tests)


def _copy(notebook: NotebookNode) -> NotebookNode:
    copied: NotebookNode = nbformat.from_dict(json.loads(json.dumps(notebook)))
    return copied


def _steps() -> Sequence[Any]:
    """The preprocessors of generate_assignment, in its order."""
    return [step for step in GenerateAssignment.preprocessors.default() if step not in _LEFT_OUT]


def _check(notebook: NotebookNode, assignment: Assignment) -> None:
    """Refuse a release that still shows what learners must not see, and one without anything to grade."""
    graded = 0
    for number, cell in enumerate(notebook.cells, 1):
        left = _MARKER.search(cell.source)
        if left:
            raise ReleaseError(
                f"{assignment.name}: cell {number} would be released with “{left.group()}” in it. "
                "Solutions stand between ### BEGIN SOLUTION and ### END SOLUTION in a solution cell, hidden tests "
                "between ### BEGIN HIDDEN TESTS and ### END HIDDEN TESTS in a test cell."
            )
        if _SEED.search(cell.source):
            raise ReleaseError(
                f"{assignment.name}: cell {number} would be released with HIDDEN_SEED in it, which stands for a number "
                "that learners shall not know. Put it between ### BEGIN HIDDEN TESTS and ### END HIDDEN TESTS."
            )
        graded += bool(cell.metadata.get("nbgrader", {}).get("grade"))
    if not graded:
        raise ReleaseError(f"{assignment.name} has no test cell: nothing in it would be graded.")
