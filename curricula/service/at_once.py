"""Grading as work comes in, for assignments whose feedback is shown `at-once`: nobody has to press anything."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Protocol

from curricula.course import Assignment, Course
from curricula.erasure import erased
from curricula.events import RESULTS
from curricula.service.desk import Desk
from curricula.submissions import Receipt, Submission

log = logging.getLogger(__name__)
# Who did it, in the events.
ACTOR = "onramp-course"
# So many are prepared or marked at a time; the others wait as numbers.
AT_ONCE = 16
# Seconds between two tries where something failed, longer each time.
AGAIN, LONGEST = 15.0, 600.0
# Seconds until nbgrader's gradebook follows, once nothing is graded any more; while something is, at most so many.
BEHIND, FAR_BEHIND = 5.0, 900.0
# It is made of all that ever happened in a course: as many times as long as it takes, nothing is done for it after.
REST = 9


class Record(Protocol):
    """Grades one submission and records the result; returns what went wrong, or None."""

    def __call__(self, actor: str, course: Course, submission: Submission, *, again: bool) -> Awaitable[str | None]:
        """Do it."""


class AtOnce:
    """What is graded without having been asked for; several at a time, the first that came first."""

    def __init__(
        self,
        desk: Desk,
        record: Record,
        project: Callable[[Course], Awaitable[None]],
    ) -> None:
        self._desk, self._record, self.project = desk, record, project
        self._gate = asyncio.Semaphore(AT_ONCE)
        self._tasks: set[asyncio.Task[None]] = set()
        self._grading, self._quiet = 0, asyncio.Event()
        self._quiet.set()
        self._behind: dict[str, Course] = {}
        self._catching_up: set[str] = set()

    def received(self, course: Course, assignment: Assignment, receipt: Receipt) -> None:
        """Begin to grade what has just come in, if its feedback is promised at once."""
        event = self._desk.store.event(receipt.id)
        if assignment.feedback == "at-once" and not receipt.again and event is not None:
            self._begin(self._grade(course, self._desk.submission(event)))

    def resume(self) -> None:
        """Begin to grade whatever came in and has no result, since somebody ended the service before."""
        for course in self._desk.courses():
            for assignment in course.assignments:
                if assignment.feedback == "at-once":
                    self._resume(course, assignment)

    def _resume(self, course: Course, assignment: Assignment) -> None:
        events = self._desk.store.events(course=course.name, assignment=assignment.name)
        done = {event.submission for event in events if event.kind in RESULTS}
        for event in events:
            if event.kind == "received" and event.id not in done and not erased(event):
                self._begin(self._grade(course, self._desk.submission(event)))
        self._renew(course)

    async def _grade(self, course: Course, submission: Submission) -> None:
        """Grade one, however often that takes: nothing else would."""
        self._grading += 1
        self._quiet.clear()
        try:
            pause = AGAIN
            while problem := await self._try(course, submission):
                log.error("submission %s of %s, tried again in %.0f s: %s", submission.id, course.name, pause, problem)
                await asyncio.sleep(pause)
                pause = min(2 * pause, LONGEST)
        finally:
            self._grading -= 1
            if not self._grading:
                self._quiet.set()
        self._renew(course)

    async def _try(self, course: Course, submission: Submission) -> str | None:
        async with self._gate:
            return await self._record(ACTOR, course, submission, again=False)

    def _renew(self, course: Course) -> None:
        """Have nbgrader's gradebook made anew before long, once for all that is graded until then: it takes long."""
        self._behind[course.name] = course
        if course.name not in self._catching_up:
            self._catching_up.add(course.name)
            self._begin(self._catch_up(course.name))

    async def _catch_up(self, name: str) -> None:
        try:
            while name in self._behind:
                await asyncio.sleep(BEHIND)
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._quiet.wait(), FAR_BEHIND)
                begin = time.monotonic()
                await self.project(self._behind.pop(name))
                await asyncio.sleep(REST * (time.monotonic() - begin))
        finally:
            self._catching_up.discard(name)

    def _begin(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            log.error("grading as it came in", exc_info=error)
