"""A course as a complete nbgrader course directory, for nbgrader's own formgrader: a copy, file by file."""

import sqlite3
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import nbformat
from nbconvert.preprocessors.sanitize import SanitizeHTML
from pydantic import ValidationError

from curricula.course import Assignment, Course
from curricula.events import RESULTS, Event
from curricula.gradebook import project
from curricula.marks import Key
from curricula.moves.copied import NAME, Attempted, Copy, answers_of, by_hand
from curricula.release import generated
from curricula.roster import NAME as USER
from curricula.submissions import Submission

_CONFIG = """# A copy of the course {title} for nbgrader's formgrader, made by Onramp. Open JupyterLab in this folder.
# Points and comments go back by: ./onramp course merge {name} FOLDER --teacher NAME
import os

c = get_config()
c.CourseDirectory.course_id = "{name}"
c.CourseDirectory.root = os.path.dirname(os.path.abspath(__file__))
"""


class Handed(NamedTuple):
    """A learner's last attempt, and what happened to it."""

    submission: Submission
    events: Sequence[Event]


def files(course: Course, events: Sequence[Event], last: Iterable[Handed]) -> Iterator[tuple[str, bytes]]:
    """Yield the copy's files by name; the last one says what the copy was made of, and what is not in it."""
    left: list[str] = []
    attempts = []
    yield "nbgrader_config.py", _CONFIG.format(title=ascii(course.title), name=course.name).encode()
    for assignment in course.assignments:
        yield from _assignment(course, assignment)
    for handed in last:
        problem = _problem(course, handed.submission)
        if problem:
            left.append(problem)
            continue
        attempts.append(_attempted(handed))
        yield from _attempt(course, handed, left)
    answers = {one.name: answers_of(generated(course, one).tests) for one in course.assignments}
    yield "gradebook.db", _gradebook(project(course, events), attempts, answers)
    copy = Copy(
        course=course.name, made_at=datetime.now(UTC), attempts=tuple(attempts), answers=answers, left=tuple(left)
    )
    yield NAME, copy.model_dump_json(indent=1).encode()


def _assignment(course: Course, assignment: Assignment) -> Iterator[tuple[str, bytes]]:
    yield f"source/{assignment.name}/{assignment.notebook}", course.source(assignment).read_bytes()
    if course.release(assignment).is_file():
        yield f"release/{assignment.name}/{assignment.notebook}", course.release(assignment).read_bytes()


def _problem(course: Course, submission: Submission) -> str:
    """Say why an attempt cannot be in the copy; nothing where it can."""
    who = f"{ascii(submission.user)[:70]}, {submission.assignment}"
    if not USER.fullmatch(submission.user):
        return f"{who}: the name cannot be that of a folder. Grade it on the course's page."
    if submission.assignment not in {one.name for one in course.assignments}:
        return f"{who}: the course has no such assignment any more."
    return "" if submission.path.is_file() else f"{who}: what was handed in cannot be read. See the service's log."


def _attempted(handed: Handed) -> Attempted:
    one = handed.submission
    return Attempted(submission=one.id, assignment=one.assignment, user=one.user, cells=by_hand(handed.events))


def _attempt(course: Course, handed: Handed, left: list[str]) -> Iterator[tuple[str, bytes]]:
    """Yield what was handed in, when, and, where it ran, what it said: without anything that a browser would run."""
    one = handed.submission
    place = f"{one.user}/{one.assignment}"
    name = course.assignment(one.assignment).notebook
    when = one.received_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f UTC\n").encode()
    yield f"submitted/{place}/{name}", one.path.read_bytes()
    yield f"submitted/{place}/timestamp.txt", when
    path = _executed(course, handed.events)
    if path is None:
        return
    try:
        executed = _harmless(path.read_text())
    except Exception as error:  # noqa: BLE001 - whatever a learner's outputs make nbformat and bleach raise
        left.append(f"{one.user}, {one.assignment}: what it said cannot be shown ({type(error).__name__}).")
        return
    yield f"autograded/{place}/{name}", executed
    yield f"autograded/{place}/timestamp.txt", when


def _executed(course: Course, events: Iterable[Event]) -> Path | None:
    """Return the notebook as its last grading ran it, where that is kept."""
    graded = [event for event in events if event.kind in RESULTS]
    try:
        digest = Key.model_validate(graded[-1].payload["key"]).digest if graded else ""
    except (KeyError, ValidationError):
        return None
    path = course.folder / "results" / f"{digest}.ipynb"
    return path if digest and path.is_file() else None


def _harmless(text: str) -> bytes:
    """Return an executed notebook without the grader's own cells and without script: formgrader shows it as it is."""
    notebook = nbformat.reads(text, as_version=4)
    notebook.cells = [cell for cell in notebook.cells if "onramp" not in cell.metadata]
    sanitize: Any = SanitizeHTML
    sanitize().preprocess(notebook, {})
    return f"{nbformat.writes(notebook)}\n".encode()


def _gradebook(path: Path, attempts: Iterable[Attempted], answers: Mapping[str, Mapping[str, str]]) -> bytes:
    """Return a copy of the gradebook, in which comments on a test stand on its answer: nbgrader has none on tests."""
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".copy-") as folder:
        copy = Path(folder) / "gradebook.db"
        copy.write_bytes(path.read_bytes())
        with closing(sqlite3.connect(copy)) as database, database:
            for one in attempts:
                for answer, test in answers[one.assignment].items():
                    if test in one.cells:
                        place = (one.cells[test].comment, one.assignment, one.user, answer)
                        database.execute(_COMMENT, place)
        return copy.read_bytes()


_COMMENT = """
    UPDATE comment SET manual_comment = ? WHERE id IN (
        SELECT comment.id FROM comment
        JOIN base_cell ON base_cell.id = comment.cell_id
        JOIN submitted_notebook ON submitted_notebook.id = comment.notebook_id
        JOIN submitted_assignment ON submitted_assignment.id = submitted_notebook.assignment_id
        JOIN assignment ON assignment.id = submitted_assignment.assignment_id
        WHERE assignment.name = ? AND submitted_assignment.student_id = ? AND base_cell.name = ?)
"""
