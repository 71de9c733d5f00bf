"""Hostile submissions: each graded beside the unedited release, by the same means as any other, and what came of it."""

import builtins
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import nbformat
from nbformat import NotebookNode
from pydantic import BaseModel

from curricula.course import Assignment, Course, CourseError
from curricula.here import Graded, Here
from curricula.marks import NotRun, Result
from curricula.release import Generated, generated
from curricula.report import Limits
from curricula.submissions import SubmissionError, check_notebook, too_large

Mode = Literal["split", "in-sandbox", "mixed", "not run"]
# Attacks that never end are ended soon; an honest notebook of a course's size needs a tenth of it.
LIMITS = Limits(cell_seconds=5, seconds=20, output_bytes=2_000_000, memory_bytes=1 << 30)
_LONGEST = 200  # characters of a reason


class AttackError(CourseError):
    """This cannot be tried; the message says what was asked, what was found and what to do."""


class Row(BaseModel, frozen=True, extra="forbid"):
    """What one hostile notebook came to."""

    file: str
    score: float | None
    max_score: float
    gained: bool
    mode: Mode
    reason: str = ""
    refused: tuple[str, ...] = ()


def attack(folder: Path, course: Course, assignment: Assignment) -> Iterator[Row]:
    """Grade every notebook in `folder`, one after the other. Raises AttackError, ReleaseError, EngineError."""
    paths = notebooks(folder)
    version = generated(course, assignment)
    with Here() as here:
        unedited = here.grade(nbformat.writes(version.release).encode(), version, LIMITS).result
        if unedited.not_run is not None:
            raise AttackError(f"The release of {assignment.name} cannot be graded itself: {unedited.not_run}")
        for path in paths:
            yield _row(path, assignment, here, version, unedited)


def notebooks(folder: Path) -> tuple[Path, ...]:
    """Return what lies in `folder` and is called a notebook, whatever it is. Raises AttackError."""
    try:
        found = tuple(sorted(path for path in folder.iterdir() if path.suffix == ".ipynb"))
    except OSError as error:
        raise AttackError(f"{folder} cannot be read: {error.strerror}. Name a folder of notebooks.") from None
    if not found:
        raise AttackError(f"No notebook lies in {folder}: put hostile submissions there, as .ipynb files.")
    return found


def chosen(course: Course, name: str | None) -> Assignment:
    """Return the assignment of this name, or the only one there is. Raises CourseError."""
    if name is None and len(course.assignments) == 1:
        return course.assignments[0]
    if name is None:
        known = ", ".join(one.name for one in course.assignments)
        raise AttackError(f"{course.title} has several assignments: say which with --assignment, one of {known}.")
    return course.assignment(name)


def received(path: Path, limit: int) -> bytes:
    """Return a file as the course service would take it: a notebook, an ordinary file, not too large. Raises NotRun."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise NotRun("It is no ordinary file, and only such are taken.")
            if found.st_size > limit:
                raise NotRun(too_large(found.st_size, limit))
            content = file.read(limit)
        check_notebook(content)
    except OSError as error:
        is_link = path.is_symlink()
        raise NotRun("It is a link, and no link is followed." if is_link else f"It cannot be read: {error}.") from None
    except SubmissionError as error:
        raise NotRun(str(error)) from None
    return content


def refused(trial: Graded) -> tuple[str, ...]:
    """Return what the system has refused to the notebook's own cells, in its words: files, processes, memory."""
    tests = {n for n, cell in enumerate(trial.notebook.get("cells", ())) if _is_test(cell)}
    own = [ran for ran in trial.report.cells if ran.index not in tests and _is_refusal(ran.error)]
    return tuple(f"{ran.error}: {ran.message.partition(chr(10))[0][:_LONGEST]}".rstrip(": ") for ran in own)


def _row(path: Path, assignment: Assignment, here: Here, version: Generated, unedited: Result) -> Row:
    """Grade one file, which may be anything."""
    try:
        trial = here.grade(received(path, assignment.max_bytes), version, LIMITS)
    except NotRun as reason:
        key = unedited.key.model_copy(update={"submission": ""})
        trial = Graded(Result(key=key, not_run=str(reason)))
    return Row(
        file=path.name,
        score=trial.result.score,
        max_score=unedited.max_score,
        gained=(trial.result.score or 0) > (unedited.score or 0),
        mode=_mode(trial),
        reason=_reason(trial.result),
        refused=refused(trial),
    )


def _mode(trial: Graded) -> Mode:
    """The mode of the whole notebook."""
    if trial.result.not_run is not None:
        return "not run"
    return trial.modes[0] if len(set(trial.modes)) == 1 else "mixed"


def _reason(result: Result) -> str:
    """Why there is no mark, or what its author reads about the first test that did not pass."""
    said = result.not_run or next((cell.message for cell in result.cells if cell.message), "")
    return said.partition("\n")[0][:_LONGEST]


def _is_test(cell: NotebookNode) -> bool:
    """Whether it stands there for the grader, be it a test or a canary."""
    return bool(cell.metadata.get("nbgrader", {}).get("grade") or cell.metadata.get("onramp"))


def _is_refusal(error: str) -> bool:
    """Whether an error of this name is the system's or the interpreter's limit, and not the code's own mistake."""
    kind = getattr(builtins, error, None)
    is_refusal = isinstance(kind, type) and issubclass(kind, OSError | MemoryError)
    return is_refusal or error.endswith("MemoryError")  # numpy has its own
