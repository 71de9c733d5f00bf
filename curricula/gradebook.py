"""nbgrader's gradebook as a projection: made anew from a course's events, so that losing it loses nothing."""

import hashlib
import os
import secrets
import shutil
import sys
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC
from pathlib import Path

from nbconvert.exporters.exporter import ResourcesDict
from nbgrader.api import Gradebook, MissingEntry
from nbgrader.preprocessors import SaveCells

from curricula.course import Assignment, Course
from curricula.deadline import deadline_of, extra, percent_off
from curricula.events import RESULTS, Event
from curricula.late import points_off
from curricula.marks import CellGrade, Result
from curricula.release import generated


def project(course: Course, events: Iterable[Event]) -> Path:
    """Write `course.folder`/gradebook.db from the events and return its path; a reader sees the old one or the new.

    Of a learner's attempts at an assignment the last one received counts, as in nbgrader.
    """
    path = course.folder / "gradebook.db"
    fresh = path.with_suffix(f".{secrets.token_hex(4)}")
    try:
        shutil.copy(_empty(course), fresh)
        with Gradebook(f"sqlite:///{fresh}", course.name) as gradebook:
            events = tuple(events)
            moves = [event for event in events if event.kind in ("extended", "outage")]
            counted = counting(events, {assignment.name for assignment in course.assignments})
            for event in counted:
                _apply(gradebook, course, event, moves)
            gradebook.db.commit()
            for event in counted:
                if event.kind == "received":
                    _take_off(gradebook, course.assignment(str(event.assignment)), event, moves)
            gradebook.db.commit()
        os.replace(fresh, path)
    finally:
        fresh.unlink(missing_ok=True)
    return path


def _empty(course: Course) -> Path:
    """A gradebook that knows the course's assignments and their cells; made once for each version of them."""
    version = [course.model_dump_json(), *(course.version(assignment) for assignment in course.assignments)]
    path = course.folder / f".gradebook-{hashlib.sha256(''.join(version).encode()).hexdigest()[:16]}.db"
    if not path.exists():
        fresh = path.with_suffix(f".{secrets.token_hex(4)}")
        try:
            _make(fresh, course)
            os.replace(fresh, path)
        finally:
            fresh.unlink(missing_ok=True)
    return path


def _make(path: Path, course: Course) -> None:
    """An empty gradebook, for its owner only, that knows the course's assignments and their cells."""
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    url = f"sqlite:///{path}"
    with _alembic_on_path(), Gradebook(url, course.name) as gradebook:
        for assignment in course.assignments:
            due = assignment.due and assignment.due.isoformat()
            gradebook.update_or_create_assignment(assignment.name, course_id=course.name, duedate=due)
    for assignment in course.assignments:
        about = {"notebook": _notebook(assignment), "assignment": assignment.name, "db_url": url}
        SaveCells().preprocess(generated(course, assignment).tests, ResourcesDict(nbgrader=about))


def _apply(gradebook: Gradebook, course: Course, event: Event, moves: Iterable[Event]) -> None:
    """Write what an event says into the gradebook; events that it has no place for are passed over.

    `moves` are the events of the course that move deadlines.
    """
    if event.kind == "joined":
        gradebook.update_or_create_student(event.user)
    elif event.kind == "received":
        gradebook.update_or_create_student(event.user)
        moment = event.at.astimezone(UTC).replace(tzinfo=None)  # nbgrader's times are UTC and do not say so
        with gradebook.db.no_autoflush:  # SQLAlchemy 2 warns of how nbgrader makes one
            # None, not no time: nbgrader adds it to a deadline that may not be there.
            more = extra(course.assignment(str(event.assignment)), moves, event.user) or None
            gradebook.add_submission(event.assignment, event.user, timestamp=moment, extension=more)
    elif event.kind in RESULTS:
        notebook = _notebook(course.assignment(str(event.assignment)))
        for cell in Result.model_validate(event.payload).cells:
            _mark(gradebook, cell, notebook, str(event.assignment), str(event.user))
    elif event.kind == "overridden":
        notebook = _notebook(course.assignment(str(event.assignment)))
        _decide(gradebook, event, notebook)


def counting(events: Iterable[Event], assignments: Collection[str]) -> list[Event]:
    """The events that count, oldest first: of each learner and assignment the last attempt, and what it was worth."""
    ordered = sorted(events, key=lambda event: event.id)
    last = {(event.assignment, event.user): event.id for event in ordered if event.kind == "received"}
    attempts = {number for (assignment, _), number in last.items() if assignment in assignments}
    return [event for event in ordered if event.kind == "joined" or _attempt(event) in attempts]


def _attempt(event: Event) -> int | None:
    """Which attempt (number of the `received` event) an event is about."""
    return event.id if event.kind == "received" else event.submission


def _mark(gradebook: Gradebook, cell: CellGrade, notebook: str, assignment: str, user: str) -> None:
    """Write one cell's points; a cell that the assignment has no more is passed over."""
    try:
        grade = gradebook.find_grade(cell.name, notebook, assignment, user)
    except MissingEntry:
        return
    grade.auto_score = cell.score
    grade.needs_manual_grade = cell.score is None and grade.manual_score is None


def _decide(gradebook: Gradebook, event: Event, notebook: str) -> None:
    """Write a teacher's points and comment; nbgrader keeps them over those of the tests."""
    where = (event.payload["cell"], notebook, str(event.assignment), str(event.user))
    try:
        grade = gradebook.find_grade(*where)
    except MissingEntry:
        return
    grade.manual_score = event.payload["score"]
    grade.needs_manual_grade = grade.manual_score is None and grade.auto_score is None
    with suppress(MissingEntry):  # nbgrader has comments on answers, not on tests
        gradebook.find_comment(*where).manual_comment = event.payload["comment"]


def _take_off(gradebook: Gradebook, assignment: Assignment, received: Event, moves: Iterable[Event]) -> None:
    """Write what an attempt loses for being late, once all its points are there."""
    percent = percent_off(assignment, received, deadline_of(assignment, moves, received.user))
    if percent:
        notebook = gradebook.find_submission_notebook(_notebook(assignment), assignment.name, received.user)
        notebook.late_submission_penalty = points_off(notebook.score, percent)


def _notebook(assignment: Assignment) -> str:
    """What nbgrader calls the notebook: its file without .ipynb."""
    return Path(assignment.notebook).stem


@contextmanager
def _alembic_on_path() -> Iterator[None]:
    """Nbgrader makes a database with the program `alembic`, which lies beside our Python."""
    before = os.environ.get("PATH", "/usr/bin:/bin")
    os.environ["PATH"] = f"{Path(sys.executable).parent}:{before}"
    try:
        yield
    finally:
        os.environ["PATH"] = before
