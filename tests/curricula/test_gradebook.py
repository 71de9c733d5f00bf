"""nbgrader's gradebook, made from events: what it says, and that nbgrader itself can read it."""

import os
import random
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from nbgrader.api import Gradebook, MissingEntry

from curricula.course import Course
from curricula.events import Event, EventStore
from curricula.gradebook import counting, project
from curricula.late import Penalty
from curricula.marks import CellGrade, Key, Result
from tests.curricula.course_here import course_in

KEY = Key(submission="a" * 64, assignment="b" * 64, environment="c" * 64)
RECOVER = "m00-recover-test"
BEGIN = datetime(2026, 11, 20, 12, tzinfo=UTC)


def result(first: float | None, second: float | None) -> Result:
    cells = (("m00-function-test", first), ("m00-recover-test", second))
    return Result(key=KEY, cells=tuple(CellGrade(name=name, score=score, max_score=4) for name, score in cells))


class Happenings:
    """Events as the service makes them, numbered and timed."""

    def __init__(self, store: EventStore) -> None:
        self.store = store

    def add(self, kind: Any, user: str | None = None, **more: Any) -> int:
        number = len(self.store.events())
        assignment = None if kind == "joined" else "m00"
        at = BEGIN + timedelta(minutes=number)
        event = self.store.append(
            kind, course="onboarding", actor="service", user=user, at=at, **{"assignment": assignment, **more}
        )
        return event.id

    def graded(self, submission: int, user: str, found: Result) -> int:
        kind = "graded" if found.not_run is None else "not_run"
        return self.add(kind, user, submission=submission, payload=found.model_dump(mode="json"))


@pytest.fixture(scope="module")
def course(tmp_path_factory: pytest.TempPathFactory) -> Course:
    """One for all, since its gradebook is made anew by each."""
    return course_in(tmp_path_factory.mktemp("course"))


@pytest.fixture
def happenings(tmp_path: Path) -> Any:
    store = EventStore(f"sqlite:///{tmp_path}/events.sqlite")
    yield Happenings(store)
    store.close()


def book(course: Course, events: Any) -> Gradebook:
    return Gradebook(f"sqlite:///{project(course, events)}", course.name)


def test_marks_of_each_cell_are_there(course: Course, happenings: Happenings) -> None:
    happenings.add("joined", "student2")
    one = happenings.add("received", "student1")
    happenings.graded(one, "student1", result(4, 0))

    with book(course, happenings.store.events()) as gradebook:
        submission = gradebook.find_submission("m00", "student1")
        assert (submission.score, submission.max_score, submission.needs_manual_grade) == (4, 8, False)
        assert submission.timestamp.isoformat() == "2026-11-20T12:01:00"
        assert gradebook.find_grade("m00-recover-test", "m00", "m00", "student1").auto_score == 0
        assert {student.id for student in gradebook.students} == {"student1", "student2"}
        assert {one.name for one in gradebook.assignments} == {one.name for one in course.assignments}
        assert gradebook.find_assignment("m00").max_score == 8
        assert gradebook.find_assignment("m00").duedate.isoformat() == "2027-12-31T22:59:00"


def test_what_did_not_run_is_there_without_a_mark(course: Course, happenings: Happenings) -> None:
    one = happenings.add("received", "student1")
    happenings.graded(one, "student1", Result(key=KEY, not_run="It ended itself."))

    with book(course, happenings.store.events()) as gradebook:
        grade = gradebook.find_grade("m00-function-test", "m00", "m00", "student1")
        assert grade.auto_score is None
        assert grade.needs_manual_grade


def strict(course: Course) -> Course:
    """The course, with its first assignment due when events begin, and 10 % off for each day after it."""
    first = course.assignments[0].model_copy(update={"due": BEGIN, "late": Penalty(per_day=10)})
    changed = course.model_copy(update={"assignments": (first, *course.assignments[1:])})
    changed._folder = course.folder
    return changed


def test_late_work_loses_points_until_an_extension_gives_them_back(course: Course, happenings: Happenings) -> None:
    course = strict(course)
    late = {"late": True, "sha256": "0" * 64, "attempt": 1}
    happenings.add("joined", "student1")
    one = happenings.add("received", "student1", payload=late)
    happenings.graded(one, "student1", result(4, 0))
    happenings.graded(happenings.add("received", "student2", payload=late), "student2", Result(key=KEY, not_run="No."))
    happenings.add("overridden", "student1", submission=one, payload={"cell": RECOVER, "score": 3, "comment": ""})
    with book(course, happenings.store.events()) as gradebook:
        submission = gradebook.find_submission("m00", "student1")
        assert (submission.score, submission.late_submission_penalty) == (7, 0.7)
        assert gradebook.find_submission("m00", "student2").late_submission_penalty == 0

    happenings.add("extended", "student1", payload={"until": (BEGIN + timedelta(hours=1)).isoformat()})
    with book(course, happenings.store.events()) as gradebook:
        submission = gradebook.find_submission("m00", "student1")
        assert (submission.score, submission.late_submission_penalty) == (7, 0)


def test_the_last_attempt_counts_also_before_it_is_graded(course: Course, happenings: Happenings) -> None:
    first = happenings.add("received", "student1")
    second = happenings.add("received", "student1")
    happenings.graded(first, "student1", result(4, 4))
    with book(course, happenings.store.events()) as gradebook:
        submission = gradebook.find_submission("m00", "student1")
        assert submission.timestamp.isoformat() == "2026-11-20T12:01:00"
        assert gradebook.find_grade("m00-function-test", "m00", "m00", "student1").auto_score is None

    happenings.graded(second, "student1", result(4, 0))
    with book(course, happenings.store.events()) as gradebook:
        assert gradebook.find_submission("m00", "student1").score == 4


def test_a_regrade_replaces_the_grade(course: Course, happenings: Happenings) -> None:
    one = happenings.add("received", "student1")
    happenings.graded(one, "student1", result(0, 0))
    happenings.graded(one, "student1", result(4, None))

    with book(course, happenings.store.events()) as gradebook:
        assert gradebook.find_submission("m00", "student1").score == 4
        assert gradebook.find_grade("m00-recover-test", "m00", "m00", "student1").needs_manual_grade


def test_the_order_in_which_events_come_changes_nothing(happenings: Happenings) -> None:
    first = happenings.add("received", "student1")
    happenings.graded(first, "student1", result(1, 1))
    happenings.graded(happenings.add("received", "student1"), "student1", result(2, 2))
    happenings.graded(happenings.add("received", "student2"), "student2", result(3, 3))
    events = list(happenings.store.events())
    expected = counting(events, {"m00"})

    assert [event.id for event in expected] == [3, 4, 5, 6]
    random.Random(1).shuffle(events)
    assert counting(events, {"m00"}) == expected


def test_losing_it_loses_nothing_and_it_is_the_owners_alone(course: Course, happenings: Happenings) -> None:
    one = happenings.add("received", "student1")
    happenings.graded(one, "student1", result(4, 0))
    events = happenings.store.events()
    path = project(course, events)
    before = _marks(path)
    path.write_bytes(b"broken")

    assert _marks(project(course, events)) == before != []
    assert path.stat().st_mode & 0o777 == 0o600
    assert {file.suffix for file in course.folder.glob("*gradebook*")} == {".db"}


def _marks(path: Path) -> list[Any]:
    with sqlite3.connect(path) as database:
        found = database.execute("SELECT auto_score FROM grade ORDER BY auto_score").fetchall()
    database.close()
    return found


def test_what_the_course_has_no_more_is_passed_over(course: Course, happenings: Happenings) -> None:
    gone = happenings.add("received", "student1", assignment="m99")
    happenings.add("graded", "student1", assignment="m99", submission=gone, payload=result(4, 4).model_dump())
    happenings.add("released")
    happenings.add("feedback_released")
    one = happenings.add("received", "student1")
    cells = (CellGrade(name="no-such-cell", score=1, max_score=1), *result(4, 4).cells)
    happenings.graded(one, "student1", Result(key=KEY, cells=cells))

    with book(course, happenings.store.events()) as gradebook:
        assert gradebook.find_submission("m00", "student1").score == 8
        with pytest.raises(MissingEntry):
            gradebook.find_submission("m99", "student1")


def test_nbgraders_own_program_exports_it(course: Course, happenings: Happenings, tmp_path: Path) -> None:
    one = happenings.add("received", "student1")
    happenings.graded(one, "student1", result(4, 0))
    project(course, happenings.store.events())
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    where = f"--CourseDirectory.root={course.folder}"
    command = [sys.executable, "-m", "nbgrader", "export", where, f"--to={tmp_path}/out.csv"]
    subprocess.run(command, check=True, capture_output=True, cwd=tmp_path, env=environment)

    header, *rows = (line.split(",") for line in (tmp_path / "out.csv").read_text().splitlines())
    found = [dict(zip(header, row, strict=True)) for row in rows]
    assert ("m00", "student1", "4.0", "8.0") in [
        (row["assignment"], row["student_id"], row["score"], row["max_score"]) for row in found
    ]


def test_events_are_what_the_service_keeps() -> None:
    assert {"joined", "received", "graded", "not_run"} <= set(Event.model_fields["kind"].annotation.__args__)  # type: ignore[union-attr]
