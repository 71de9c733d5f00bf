"""What teachers do: release, grade, release feedback, export. Each step is an event, and can be done again."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Collection

from curricula.course import Assignment, Course, CourseError
from curricula.events import Event
from curricula.service.at_once import AtOnce
from curricula.service.deciding import Deciding
from curricula.service.desk import Desk, assignment_of
from curricula.service.edits import note_edits
from curricula.service.export import table
from curricula.service.progress import Progress
from curricula.service.refused import NotYet, Refused
from curricula.service.results import Grade, Results
from curricula.service.standing import Standing
from curricula.submissions import Submission

log = logging.getLogger(__name__)
AT_ONCE = 8


class Teaching:
    """The teacher's side of a Desk; `grade` runs one submission, `project` renews nbgrader's gradebook."""

    def __init__(self, desk: Desk, grade: Grade) -> None:
        self._desk, self.results = desk, Results(desk, grade)
        self.deciding = Deciding(desk)
        self.at_once = AtOnce(desk, self.results.record, self.project)
        self._running: dict[tuple[str, str], asyncio.Task[int]] = {}
        self._problems: dict[tuple[str, str], str] = {}
        self._progress: dict[tuple[str, str], Progress] = {}

    async def release(self, actor: str, course: Course, name: str) -> str:
        """Make the learners' notebook from the source and let them fetch it. Raises Refused."""
        from curricula.release import release

        assignment = assignment_of(course, name)
        try:
            await asyncio.to_thread(release, course, assignment)
            version = course.version(assignment)
        except CourseError as error:
            raise Refused(409, str(error)) from None
        note_edits(self._desk.store, course)
        last = self._desk.released(course, assignment)
        told = {"version": version, "before": last and last.payload["version"]}
        self._desk.store.append("released", course=course.name, assignment=name, actor=actor, payload=told)
        return f"{assignment.title} is released: learners can fetch it."

    def start_grading(self, actor: str, course: Course, name: str) -> str:
        """Begin to grade every last attempt that the tests in place have not graded, beside everything else."""
        todo = self.results.ungraded(course, name)
        if not todo:
            self._problems.pop((course.name, name), None)
        elif not self.grading(course, name):
            # Whatever ends this process, the next one knows what is still to be done: see resume.
            asked = {"submissions": [one.id for one in todo]}
            self._desk.store.append("grading_asked", course=course.name, assignment=name, actor=actor, payload=asked)
            self._begin(actor, course, name)
        count = len(todo)
        return f"Grading {count} {'notebook' if count == 1 else 'notebooks'}." if count else "Everything is graded."

    def regrade(self, actor: str, course: Course, event: Event) -> str:
        """Begin to grade one attempt anew, whatever it got: what it got stays on record. Raises Refused."""
        self.ask_again(actor, course, event)
        assignment = assignment_of(course, event.assignment or "")
        self._begin(actor, course, assignment.name, {event.id})
        return f"Grading {assignment.title} by {event.user} again."

    def ask_again(self, actor: str, course: Course, event: Event) -> None:
        """Have it on record that an attempt is to be graded anew; until it is, it counts as ungraded."""
        name, user = event.assignment or "", event.user or ""
        assignment = assignment_of(course, name)
        if self.grading(course, name):
            raise Refused(409, f"{assignment.title} is being graded just now. Grade {user} again when that is done.")
        if self._desk.handed_in(event).id != self._desk.last(course, assignment, user).id:
            raise Refused(409, f"This is not the last attempt of {user}, and only that counts: grade that one again.")
        asked = {"submissions": [event.id], "again": True}
        self._desk.store.append(
            "grading_asked", course=course.name, assignment=name, actor=actor, user=user, payload=asked
        )

    def _begin(self, actor: str, course: Course, name: str, only: Collection[int] | None = None) -> None:
        key = (course.name, name)
        self._problems.pop(key, None)
        self._progress.pop(key, None)
        self._running[key] = asyncio.create_task(self._noting(key, self.grade(actor, course, name, only)))

    def resume(self) -> None:
        """Go on with every grading that was asked for and has left something without a result."""
        for course in self._desk.courses():
            for assignment in course.assignments:
                actor, left = self._unfinished(course, assignment)
                if left:
                    log.info("going on with the grading of %s in %s", assignment.name, course.name)
                    self._begin(actor, course, assignment.name, left)
        self.at_once.resume()

    def _unfinished(self, course: Course, assignment: Assignment) -> tuple[str, set[int]]:
        """Return who asked last for a grading, and what is still without the result that was asked for."""
        asked = self._desk.store.events(course=course.name, kind="grading_asked", assignment=assignment.name)
        if not asked:
            return "", set()
        last = {number: event.id for event in asked for number in event.payload["submissions"]}
        results = self.results.of(course, assignment)
        open_ = {number for number, at in last.items() if number not in results or results[number].id < at}
        try:
            left = open_ & {one.id for one in self.results.ungraded(course, assignment.name)}
        except Refused as error:
            log.error("not graded: %s", error)
            left = set()
        return asked[-1].actor, left

    def grading(self, course: Course, name: str) -> bool:
        """Whether this assignment is being graded just now."""
        task = self._running.get((course.name, name))
        return task is not None and not task.done()

    def progress(self, course: Course, name: str) -> Progress | None:
        """Return how far the last grading of this assignment is, or was when it ended; None before it is known."""
        return self._progress.get((course.name, name))

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

    async def grade(self, actor: str, course: Course, name: str, only: Collection[int] | None = None) -> int:
        """Grade what is ungraded, or of it `only` these attempts, and return how many got a result.

        Raises Refused for those that got none.
        """
        note_edits(self._desk.store, course)  # of tests that were changed since course.yaml was read, too
        gate = asyncio.Semaphore(AT_ONCE)
        todo = [one for one in self.results.ungraded(course, name) if only is None or one.id in only]
        again = self.results.asked_again(course, assignment_of(course, name))
        self._progress[course.name, name] = Progress(len(todo), AT_ONCE, time.monotonic())
        work = (self._one(actor, course, one, gate, again=one.id in again) for one in todo)
        problems = [text for text in await asyncio.gather(*work) if text]
        if len(problems) < len(todo):
            await self.project(course)
        if problems:
            raise Refused(
                503, f"{len(problems)} of {len(todo)} not graded; nothing is lost, grade again. {problems[0]}"
            )
        return len(todo)

    async def _one(
        self, actor: str, course: Course, submission: Submission, gate: asyncio.Semaphore, *, again: bool
    ) -> str | None:
        """Grade one and record it; return what went wrong, which harms no other."""
        async with gate:
            problem = await self.results.record(actor, course, submission, again=again)
        key = (course.name, submission.assignment)
        self._progress[key] = self._progress[key].step(time.monotonic(), failed=problem is not None)
        return problem

    async def project(self, course: Course) -> None:
        """Renew nbgrader's gradebook from the events, which are the truth; again if somebody was erased meanwhile."""
        from curricula.gradebook import project

        read = self._desk.store.events
        while True:
            before = read(course=course.name, kind="erased")
            await asyncio.to_thread(lambda: project(course, read(course=course.name)))
            if read(course=course.name, kind="erased") == before:
                return

    def release_feedback(self, actor: str, course: Course, name: str) -> str:
        """Show learners the results there are now. Raises Refused where there are none."""
        assignment = assignment_of(course, name)
        found = self._standing(course, assignment)
        numbers = [attempt.id for attempt in found.attempts if attempt.mark is not None]
        if not numbers:
            raise NotYet(409, f"{assignment.title} has no results yet: grade it first.")
        payload = {"submissions": numbers}
        self._desk.store.append("feedback_released", course=course.name, assignment=name, actor=actor, payload=payload)
        left = f" Not graded yet: {found.waiting}." if found.waiting else ""
        count = "1 attempt" if len(numbers) == 1 else f"{len(numbers)} attempts"
        return f"Feedback for {count} of {assignment.title} is released.{left}"

    def _standing(self, course: Course, assignment: Assignment) -> Standing:
        return next(one for one in self._desk.standings(course) if one.assignment == assignment)

    def export(self, course: Course) -> str:
        """Return the marks as CSV."""
        return table(course, self._desk.store.events(course=course.name))
