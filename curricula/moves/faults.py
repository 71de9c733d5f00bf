"""What in an nbgrader notebook would release wrong, grade wrong, or not run at all here: a sentence for each. Pure."""

import re
from collections.abc import Iterator, Sequence
from typing import Any

from nbformat import NotebookNode
from nbgrader.nbgraderformat import MetadataValidator

_MARK = re.compile(r"(?P<end>BEGIN|END) (?P<what>SOLUTION|HIDDEN TESTS?|MARK SCHEME)")
_SINGULAR = re.compile(r"(BEGIN|END) HIDDEN TEST(?!S)")
_AUTOTEST = re.compile(r"^\s*#+\s*(HASHED )?AUTOTEST\b", re.MULTILINE)


def faults(notebook: NotebookNode, markers: Sequence[str] = ()) -> Iterator[str]:
    """Yield what is wrong with a source notebook; `markers` are the course's own words for what ours are."""
    language = str(notebook.metadata.get("kernelspec", {}).get("language") or _spoken(notebook) or "python")
    if not re.fullmatch(r"i?python3?", language.lower()):
        yield f"its kernel speaks {ascii(language)[:40]}, and notebooks are run by Python here. Translate it"
        return
    for number, cell in enumerate(notebook.cells, 1):
        about = _nbgrader(cell)
        for sentence in (*_metadata(cell), *_marks(cell, about), *_words(cell, markers)):
            yield f"cell {number}: {sentence}"
    yield from _twice(notebook)
    yield from _points(notebook)


def _spoken(notebook: NotebookNode) -> str:
    return str(notebook.metadata.get("language_info", {}).get("name", ""))


def _nbgrader(cell: NotebookNode) -> dict[str, Any]:
    found = cell.metadata.get("nbgrader")
    return found if isinstance(found, dict) else {}


def _metadata(cell: NotebookNode) -> Iterator[str]:
    """What nbgrader's own validator refuses."""
    if "nbgrader" not in cell.metadata:
        return
    try:
        if not isinstance(cell.metadata.nbgrader, dict):
            raise TypeError("it is no mapping")
        MetadataValidator().validate_cell(cell)
    except Exception as error:  # noqa: BLE001 - strange metadata makes the validator raise whatever it does
        said = (str(error).splitlines() or [""])[0][:120]
        yield f"nbgrader refuses its metadata ({said}). Set the cell's type anew with Create Assignment in JupyterLab"


def _marks(cell: NotebookNode, about: dict[str, Any]) -> Iterator[str]:
    """Regions that nbgrader would not find, or refuse."""
    if found := _SINGULAR.search(cell.source):
        yield (
            f"“{found.group()}” is not a mark of nbgrader's, so learners would see what is in it. "
            "Write ### BEGIN HIDDEN TESTS and ### END HIDDEN TESTS"
        )
    open_ = ""
    for mark in _MARK.finditer(cell.source):
        what = mark["what"].replace("TESTS", "TEST").replace("TEST", "TESTS")
        if mark["end"] == "END":
            open_ = "" if open_ == what else open_
        elif open_:
            yield f"BEGIN {what} stands inside BEGIN {open_}. End one before the next begins"
            return
        else:
            open_ = what
            yield from _misplaced(what, about)
    if open_:
        yield f"BEGIN {open_} has no END {open_} after it"


def _misplaced(what: str, about: dict[str, Any]) -> Iterator[str]:
    if what == "SOLUTION" and not about.get("solution"):
        yield "BEGIN SOLUTION stands in a cell that is no answer. Make it an Autograded answer, or take the mark away"
    if what == "HIDDEN TESTS" and not about.get("grade"):
        yield "BEGIN HIDDEN TESTS stands in a cell that is no test. Make it Autograder tests, or take the mark away"


def _words(cell: NotebookNode, markers: Sequence[str]) -> Iterator[str]:
    for word in markers:
        if word and word in cell.source:
            yield f"“{word}” is a mark of nbgrader_config.py. Write nbgrader's usual one, as in ### BEGIN SOLUTION"
    if _AUTOTEST.search(cell.source):
        yield "### AUTOTEST is no test yet. Have nbgrader generate_assignment write it out, and copy source_with_tests/"


def _twice(notebook: NotebookNode) -> Iterator[str]:
    names = [about["grade_id"] for about in map(_nbgrader, notebook.cells) if about.get("grade_id") and _counts(about)]
    for name in sorted({str(name) for name in names if names.count(name) > 1}):
        yield f"{names.count(name)} cells have the grade_id {ascii(name)[:60]}. Give each its own in Create Assignment"


def _counts(about: dict[str, Any]) -> bool:
    return any(about.get(name) for name in ("grade", "solution", "locked"))


def _points(notebook: NotebookNode) -> Iterator[str]:
    graded = [about for about in map(_nbgrader, notebook.cells) if about.get("grade") or about.get("task")]
    if not any(about.get("grade") for about in graded):
        yield "nothing in it is graded. Give it a test cell (Autograder tests) with points"
    elif not any(isinstance(one.get("points"), int | float) and one["points"] > 0 for one in graded):
        yield "all its tests are worth 0 points, so every mark would be 0 of 0. Give them points"
