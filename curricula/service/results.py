"""Which attempts have a result and which have not, and how one comes to be on record: once, whoever is killed."""

import logging
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Protocol

from curricula.course import Assignment, Course, CourseError
from curricula.erasure import erased
from curricula.events import RESULTS, Event
from curricula.service.deleting import delete_results
from curricula.service.desk import Desk, assignment_of
from curricula.service.refused import Refused
from curricula.submissions import Submission

if TYPE_CHECKING:  # nbgrader loads slowly, and a page needs none of it
    from curricula.marks import Result

log = logging.getLogger(__name__)


class Grade(Protocol):
    """Grades one submission; `again` where the result that there is shall not do."""

    def __call__(self, course: Course, submission: Submission, *, again: bool = False) -> "Awaitable[Result]":
        """Return the result, or raise GradingError."""


class Results:
    """The results of a Desk's submissions; `grade` finds one."""

    def __init__(self, desk: Desk, grade: Grade) -> None:
        self._desk, self.grade = desk, grade

    def ungraded(self, course: Course, name: str) -> tuple[Submission, ...]:
        """Return each learner's last attempt without a result of the tests in place, or to be graded again."""
        assignment = assignment_of(course, name)
        latest = self._desk.latest(course, assignment).values()
        try:
            version = course.version(assignment) if latest else ""
        except CourseError as error:
            raise Refused(409, str(error)) from None
        results = self.of(course, assignment)
        done = {number for number, event in results.items() if event.payload["key"]["assignment"] == version}
        done -= self.asked_again(course, assignment)
        return tuple(one for one in latest if one.id not in done)

    def of(self, course: Course, assignment: Assignment) -> dict[int, Event]:
        """Return each attempt's last result."""
        events = self._desk.store.events(course=course.name, assignment=assignment.name)
        return {event.submission or 0: event for event in events if event.kind in RESULTS}

    def asked_again(self, course: Course, assignment: Assignment) -> set[int]:
        """Return the attempts that somebody wanted graded anew, and that were not since."""
        asked = self._desk.store.events(course=course.name, kind="grading_asked", assignment=assignment.name)
        last = {number: one.id for one in asked if one.payload.get("again") for number in one.payload["submissions"]}
        results = self.of(course, assignment) if last else {}
        return {number for number, at in last.items() if number not in results or results[number].id < at}

    async def _result(self, course: Course, submission: Submission, *, again: bool) -> "Result | str":
        """Grade one submission; return what came of it, or what went wrong."""
        from curricula.grading import GradingError

        try:
            return await self.grade(course, submission, again=again)
        except (GradingError, CourseError) as error:
            return str(error)
        except Exception:
            log.exception("submission %s of %s", submission.id, course.name)
            return f"Submission {submission.id} could not be graded; the service's log says why."

    async def record(self, actor: str, course: Course, submission: Submission, *, again: bool) -> str | None:
        """Grade one submission and record the result; return what went wrong, or None."""
        result = await self._result(course, submission, again=again)
        if (event := self._desk.store.event(submission.id)) is not None and erased(event):
            also = () if isinstance(result, str) else (result.key,)
            delete_results(course.folder, self._desk.store.events(course=course.name), *also)
            return None
        if isinstance(result, str):
            return result
        payload = result.model_dump(mode="json")
        known = self._desk.store.events(course=course.name, submission=submission.id)
        before = [event for event in known if event.kind in RESULTS]
        if before and before[-1].payload["key"] == payload["key"] and not again:
            return None
        # Two that grade the same at once write one event; tests that are put back as they were write another.
        since = f":{before[-1].id}" if before else ""
        self._desk.store.append(
            "graded" if result.not_run is None else "not_run",
            course=course.name,
            assignment=submission.assignment,
            user=submission.user,
            actor=actor,
            submission=submission.id,
            key=f"graded:{submission.id}:{result.key.digest}{since}",
            payload=payload,
        )
        return None
