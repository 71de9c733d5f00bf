"""What teachers do: release, grade, release feedback, export. Each step is an event, and can be done again."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from curricula.course import Assignment, Course, CourseError
from curricula.service.desk import Desk, Refused, assignment_of
from curricula.service.standing import Standing, standings, table
from curricula.submissions import Submission

if TYPE_CHECKING:  # nbgrader loads slowly, and a page needs none of it
    from curricula.marks import Result

log = logging.getLogger(__name__)
AT_ONCE = 8


Grade = Callable[[Course, Submission], "Awaitable[Result]"]


class Teaching:
    """The teacher's side of a Desk; `grade` runs one submission, `project` renews nbgrader's gradebook."""

    def __init__(self, desk: Desk, grade: Grade) -> None:
        self._desk, self._grade = desk, grade
        self._running: dict[tuple[str, str], asyncio.Task[int]] = {}
        self._problems: dict[tuple[str, str], str] = {}

    async def release(self, actor: str, course: Course, name: str) -> str:
        """Make the learners' notebook from the source and let them fetch it. Raises Refused."""
        from curricula.release import release

        assignment = assignment_of(course, name)
        try:
            await asyncio.to_thread(release, course, assignment)
            version = course.version(assignment)
        except CourseError as error:
            raise Refused(409, str(error)) from None
        self._desk.store.append(
            "released", course=course.name, assignment=name, actor=actor, payload={"version": version}
        )
        return f"{assignment.title} is released: learners can fetch it."

    def start_grading(self, actor: str, course: Course, name: str) -> str:
        """Begin to grade every last attempt without a result, beside everything else."""
        key = (course.name, assignment_of(course, name).name)
        count = len(self.ungraded(course, name))
        if not self.grading(course, name):
            self._problems.pop(key, None)
            self._running[key] = asyncio.create_task(self._noting(key, self.grade(actor, course, name)))
        return f"Grading {count} {'notebook' if count == 1 else 'notebooks'}." if count else "Everything is graded."

    def grading(self, course: Course, name: str) -> bool:
        """Whether this assignment is being graded just now."""
        task = self._running.get((course.name, name))
        return task is not None and not task.done()

    def problem(self, course: Course, name: str) -> str | None:
        """Why the last grading left something ungraded, or None."""
        return self._problems.get((course.name, name))

    async def _noting(self, key: tuple[str, str], work: Awaitable[int]) -> int:
        try:
            return await work
        except Refused as error:
            self._problems[key] = str(error)
        except Exception:
            log.exception("grading %s", key)
            self._problems[key] = "Grading broke off; what was graded is kept. Grade again, or see the service's log."
        return 0

    def ungraded(self, course: Course, name: str) -> tuple[Submission, ...]:
        """Return each learner's last attempt that has no result."""
        assignment = assignment_of(course, name)
        events = self._desk.store.events(course=course.name, assignment=name)
        done = {event.submission for event in events if event.kind in ("graded", "not_run")}
        return tuple(one for one in self._desk.latest(course, assignment).values() if one.id not in done)

    async def grade(self, actor: str, course: Course, name: str) -> int:
        """Grade what is ungraded and return how many got a result. Raises Refused for those that got none."""
        gate = asyncio.Semaphore(AT_ONCE)
        todo = self.ungraded(course, name)
        problems = [
            text for text in await asyncio.gather(*(self._one(actor, course, one, gate) for one in todo)) if text
        ]
        if len(problems) < len(todo):
            await self._project(course)
        if problems:
            raise Refused(
                503, f"{len(problems)} of {len(todo)} not graded; nothing is lost, grade again. {problems[0]}"
            )
        return len(todo)

    async def _one(self, actor: str, course: Course, submission: Submission, gate: asyncio.Semaphore) -> str | None:
        """Grade one and record it; return what went wrong, which harms no other."""
        from curricula.grading import GradingError

        async with gate:
            try:
                result = await self._grade(course, submission)
            except (GradingError, CourseError) as error:
                return str(error)
            except Exception:
                log.exception("submission %s of %s", submission.id, course.name)
                return f"Submission {submission.id} could not be graded; the service's log says why."
        payload = result.model_dump(mode="json")
        self._desk.store.append(
            "graded" if result.not_run is None else "not_run",
            course=course.name,
            assignment=submission.assignment,
            user=submission.user,
            actor=actor,
            submission=submission.id,
            key=f"graded:{submission.id}:{result.key.digest}",
            payload=payload,
        )
        return None

    async def _project(self, course: Course) -> None:
        """Renew nbgrader's gradebook from the events, which are the truth."""
        from curricula.gradebook import project

        await asyncio.to_thread(project, course, self._desk.store.events(course=course.name))

    def release_feedback(self, actor: str, course: Course, name: str) -> str:
        """Show learners the results there are now. Raises Refused where there are none."""
        assignment = assignment_of(course, name)
        found = self._standing(course, assignment)
        numbers = [attempt.id for attempt in found.attempts if attempt.mark is not None]
        if not numbers:
            raise Refused(409, f"{assignment.title} has no results yet: grade it first.")
        payload = {"submissions": numbers}
        self._desk.store.append("feedback_released", course=course.name, assignment=name, actor=actor, payload=payload)
        left = f" Not graded yet: {found.waiting}." if found.waiting else ""
        count = "1 attempt" if len(numbers) == 1 else f"{len(numbers)} attempts"
        return f"Feedback for {count} of {assignment.title} is released.{left}"

    def _standing(self, course: Course, assignment: Assignment) -> Standing:
        found = standings(course, self._desk.store.events(course=course.name))
        return next(one for one in found if one.assignment == assignment)

    def export(self, course: Course) -> str:
        """Return the marks as CSV."""
        return table(course, self._desk.store.events(course=course.name))
