"""The pages: “My courses”, a teacher's view of a course and of what happened in it, and the feedback on one attempt."""

import asyncio
from collections.abc import Mapping
from typing import Any

from curricula.course import Course, CourseError
from curricula.events import RESULTS
from curricula.service.audit import SHOWN, log
from curricula.service.http import COURSE, Page
from curricula.service.live import grading_now
from curricula.service.marking import to_mark
from curricula.service.standing import Standing, standings
from curricula.service.statistics import questions


class MyCourses(Page):
    """Deadlines, receipts, scores; join, fetch, hand in."""

    def get(self) -> None:
        """Show every course of whoever asks."""
        mine = self.desk.mine(self.user)
        shown = [(course, self.desk.standings(course, self.user)) for course in mine]
        place = {
            (course.name, one.assignment.name): self.desk.ahead(course, one) for course, found in shown for one in found
        }
        called = {course.name: self.desk.called(course) for course in mine}
        released = [one.assignment.name for _, found in shown for one in found if one.released_at]
        twice = {name for name in released if released.count(name) > 1}
        self.render_page("courses.html", acts=True, courses=shown, called=called, twice=twice, place=place)


class TeachCourse(Page):
    """What a teacher sees of one course: who handed in what, and what came of it."""

    async def get(self, name: str) -> None:
        """Show it to its teachers; to read what a thousand learners did takes seconds, in which others are answered."""
        course = self.desk.taught(self.user, name)
        # Asked first: of a grading that ends meanwhile the page learns the end afterwards, and says so.
        grading = {one.name: grading_now(self.teaching, course, one.name) for one in course.assignments}
        shown = await asyncio.to_thread(self._shown, course)
        self.render_page("teach.html", acts=True, course=course, grading=grading, **shown)

    def _shown(self, course: Course) -> dict[str, Any]:
        """Return what the events say."""
        events = self.desk.store.events(course=course.name)
        found = standings(course, events)
        by_hand = {one.assignment.name: to_mark(one, events) for one in found}
        versions = {one.submission: one.payload["key"]["assignment"] for one in events if one.kind in RESULTS}
        return {
            "called": self.desk.called(course),
            "standings": found,
            "learners": self.desk.learners(course),
            "newest": events[-1].id if events else 0,
            "by_hand": {name: (len(some), sum(not one.marked for one in some)) for name, some in by_hand.items()},
            "again": {one.assignment.name: self._again(course, one, versions) for one in found},
            "questions": {one.assignment.name: questions(one.latest) for one in found},
        }

    def _again(self, course: Course, standing: Standing, versions: Mapping[int | None, str]) -> int:
        """Return how many results are of other `versions` of the tests than the one in place."""
        marked = {one.id for one in standing.latest if one.mark and not one.erased}
        marked -= self.teaching.results.asked_again(course, standing.assignment)
        try:
            version = course.version(standing.assignment) if marked else ""
        except CourseError:
            return 0
        return sum(versions[one] != version for one in marked)


class Log(Page):
    """Everything that happened in a course, newest first: what, when, and who did it."""

    async def get(self, name: str) -> None:
        """Show it to its teachers."""
        course = self.desk.taught(self.user, name)
        said = await asyncio.to_thread(lambda: [*log(self.desk.store.events(course=name), course)])
        shown = said[: -SHOWN - 1 : -1]
        self.render_page("log.html", course=course, called=self.desk.called(course), said=shown, all=len(said))


class Feedback(Page):
    """One attempt, cell by cell, once feedback is released; teachers see it before."""

    def get(self, number: str) -> None:
        """Show it to its learner and to the course's teachers."""
        event = self.desk.visible(self.user, int(number))
        course = self.desk.course(event.course)
        attempts = [one for standing in self.desk.standings(course, event.user) for one in standing.attempts]
        attempt = next(one for one in attempts if one.id == event.id)
        teaches = self.user in course.teachers
        self.render_page(
            "feedback.html",
            acts=teaches,
            course=course,
            called=self.desk.called(course),
            assignment=course.assignment(event.assignment or ""),
            attempt=attempt,
            mark=attempt.mark if attempt.shown or teaches else None,
        )


ADDRESSES = (
    (r"", MyCourses),
    (rf"{COURSE}/teach", TeachCourse),
    (rf"{COURSE}/log", Log),
    (r"submissions/(\d{1,12})", Feedback),
)
