"""What a submission is worth: its notebook with the true tests put back, and what the run of it means. Pure.

A test cell that ran without an error is right and gets its points, one with an error 0. A notebook that did not run
to its end gets no mark at all, but a reason.
"""

import ast
import builtins
import hashlib
import json
from collections.abc import Mapping

import nbformat
from nbformat import NotebookNode
from nbgrader.preprocessors import DeduplicateIds
from pydantic import BaseModel, ConfigDict, Field

from curricula.release import Generated
from curricula.report import TIME_LIMIT, Ran, Report

GRADER = "3"  # raised whenever the same submission could get another result
_HIDDEN = "A hidden test did not pass."


class NotRun(ValueError):
    """The submission cannot be graded as it is; the message is the reason its author reads."""


class GradingError(RuntimeError):
    """Grading could not be done just now, whatever the submission is like; nothing was recorded, so grade it again."""


class Frozen(BaseModel):
    """What is never changed once it is known."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Key(Frozen):
    """What a result depends on; there is one result per key."""

    submission: str = Field(description="sha256 of the notebook")
    assignment: str = Field(description="version of the assignment")
    grader: str = GRADER
    environment: str = Field(description="hash of the software it ran in")

    @property
    def digest(self) -> str:
        """The key as one word."""
        return hashlib.sha256(self.model_dump_json().encode()).hexdigest()


class CellGrade(Frozen):
    """One test cell: its points, and what its author may read about it. None as score: a person has to look."""

    name: str
    score: float | None
    max_score: float
    message: str = ""
    mode: str = Field(default="", description="split or in-sandbox; empty where a person grades")


class Result(Frozen):
    """What became of one submission: marks per test cell, or `not_run` with the reason and no mark."""

    key: Key
    cells: tuple[CellGrade, ...] = ()
    not_run: str | None = None
    job_id: str | None = None
    walls: str = Field(default="", description="which sandbox it ran in")

    @property
    def score(self) -> float | None:
        """The points of all cells; None where it did not run."""
        return None if self.not_run is not None else sum(cell.score or 0 for cell in self.cells)

    @property
    def max_score(self) -> float:
        """The points there are; 0 where it did not run."""
        return sum(cell.max_score for cell in self.cells)


def restored(submission: bytes, version: Generated) -> NotebookNode:
    """The submitted notebook as it is to be run: no outputs, every graded cell as released but for the answers.

    Cells are known by their grade_id. A locked cell gets its true source and every graded one its true metadata;
    one that was deleted is put back, a copy is an ordinary cell. Raises NotRun.
    """
    try:
        unfit: dict[str, Exception] = {}
        notebook: NotebookNode = nbformat.reads(submission.decode(), as_version=4, capture_validation_error=unfit)
        for error in unfit.values():
            raise error
        notebook.cells = [_plain(cell) for cell in notebook.cells]
    except Exception as error:  # noqa: BLE001 - nbformat raises whatever a strange notebook makes it raise
        why = (str(error) or type(error).__name__).splitlines()[0]
        raise NotRun(f"It is not a notebook that Jupyter can read: {why[:200]}") from None
    truth = {cell.metadata.nbgrader.grade_id: cell for cell in version.tests.cells if "nbgrader" in cell.metadata}
    for cell in notebook.cells:
        _restore(cell, truth)
    DeduplicateIds().preprocess(notebook, {})
    for cell in notebook.cells:
        if not cell.metadata.get("nbgrader"):
            cell.metadata.pop("nbgrader", None)
    _put_back(notebook, truth)
    notebook.metadata = nbformat.from_dict(version.tests.metadata)
    return notebook


def _plain(cell: NotebookNode) -> NotebookNode:
    """A cell without outputs, counts, and metadata other than nbgrader's: tags can keep a cell from running.

    Half a character becomes a question mark: Python would not read it, and no file can hold it.
    """
    known = cell.metadata.get("nbgrader")
    cell.source = cell.source.encode(errors="replace").decode()
    cell.metadata = NotebookNode({"nbgrader": known} if isinstance(known, dict) and "grade_id" in known else {})
    if cell.cell_type == "code":
        cell.outputs, cell.execution_count = [], None
    return cell


def _restore(cell: NotebookNode, truth: Mapping[str, NotebookNode]) -> None:
    """Give a graded cell its true type and metadata, and a locked one its true source."""
    true = truth.get(str(cell.metadata.get("nbgrader", {}).get("grade_id")))
    if true is None:
        cell.metadata.pop("nbgrader", None)
        return
    source = true.source if true.metadata.nbgrader.locked else cell.source
    fresh = nbformat.from_dict(true)
    fresh.id, fresh.source = cell.get("id", fresh.get("id", "")), source
    cell.clear()
    cell.update(fresh)


def _put_back(notebook: NotebookNode, truth: Mapping[str, NotebookNode]) -> None:
    """Insert each known cell that is missing after the one it follows in the release."""
    before = None
    for name, true in truth.items():
        there = [cell.metadata.get("nbgrader", {}).get("grade_id") for cell in notebook.cells]
        if name not in there:
            notebook.cells.insert(there.index(before) + 1 if before else 0, nbformat.from_dict(true))
        before = name


def graded(notebook: NotebookNode, report: Report, version: Generated) -> tuple[CellGrade, ...]:
    """The marks of a restored notebook by the report of its run; raises NotRun where it did not run to its end."""
    if report.stopped is not None:
        raise NotRun(report.stopped)
    ran = {cell.index: cell for cell in report.cells}
    skipped = [n for n, cell in enumerate(notebook.cells) if _is_code(cell) and n not in ran]
    if skipped:
        raise NotRun(f"Cell {skipped[0] + 1} was not executed.")
    shown = {cell.metadata.nbgrader.grade_id: cell for cell in version.release.cells if "nbgrader" in cell.metadata}
    grades = []
    for number, cell in enumerate(notebook.cells):
        known = cell.metadata.get("nbgrader", {})
        if known.get("grade") or known.get("task"):
            by_hand = bool(known.solution) or not _is_code(cell)
            ran_as = None if by_hand else ran[number]
            grades.append(_grade(cell, ran_as, shown[known.grade_id].source))
    return tuple(grades)


def _is_code(cell: NotebookNode) -> bool:
    """Whether there is something to execute."""
    return bool(cell.cell_type == "code" and cell.source.strip())


def _grade(cell: NotebookNode, ran: Ran | None, shown: str) -> CellGrade:
    """The marks of one test cell; None as `ran` means that a person grades it."""
    name, points = cell.metadata.nbgrader.grade_id, float(cell.metadata.nbgrader.points)
    if ran is None:
        return CellGrade(name=name, score=None, max_score=points, message="Your teacher grades this by hand.")
    if ran.ok:
        return CellGrade(name=name, score=_partial(ran.result, points), max_score=points)
    return CellGrade(name=name, score=0, max_score=points, message=_message(cell.source, ran, shown))


def _partial(result: str | None, points: float) -> float:
    """All points; or, as nbgrader has it, as many as the cell's last value says, from 0 to all of them."""
    try:
        value = json.loads(result or "")
    except ValueError:
        return points
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return float(value) if is_number and 0 <= value <= points else points


def _message(source: str, ran: Ran, shown: str) -> str:
    """What the author reads about an error: where it is in what they can see, never a word of what they cannot.

    Words that a learner's code supplies are left out: it may have seen what hidden tests handed to it. A hint is an
    assert's message that the course wrote as plain text; on a hidden line it has to begin with "Hint:".
    """
    if ran.error == TIME_LIMIT:
        return f"This cell ran for {ran.message} and was stopped."
    lines = source.splitlines()
    line = lines[ran.line - 1] if ran.line and 0 < ran.line <= len(lines) else None
    hint = _hint(source, ran.line or 0)
    if line is None or line not in shown.splitlines():
        return hint if hint.startswith("Hint:") else _HIDDEN
    return f"{_kind(ran.error)}: {hint or line.strip()}"[:300]


def _hint(source: str, number: int) -> str:
    """The message of the assert on this line, if it is plain text."""
    try:
        tree = ast.parse(source)
    except SyntaxError:
        return ""
    for node in ast.walk(tree):
        if isinstance(node, ast.Assert) and node.lineno <= number <= (node.end_lineno or number):
            said = node.msg
            return said.value if isinstance(said, ast.Constant) and isinstance(said.value, str) else ""
    return ""


def _kind(name: str) -> str:
    """The name of an error that Python has; a learner's own has no name here."""
    found = getattr(builtins, name, None)
    return name if isinstance(found, type) and issubclass(found, BaseException) else "Error"
