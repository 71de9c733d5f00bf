"""The pages: “My courses”, a teacher's view of a course and of what happened in it, and the feedback on one attempt."""

from curricula.course import Course
from curricula.service.audit import SHOWN, log
from curricula.service.http import COURSE, Page
from curricula.service.live import grading_now
from curricula.service.marking import to_mark
from curricula.service.progress import before
from curricula.service.refused import Refused
from curricula.service.standing import Standing, standings
from curricula.service.statistics import questions


class MyCourses(Page):
    """Deadlines, receipts, scores; join, fetch, hand in."""

    def get(self) -> None:
        """Show every course of whoever asks."""
        mine = self.desk.mine(self.user)
        events = {course.name: self.desk.store.events(course=course.name) for course in mine}
        shown = [(course, standings(course, events[course.name], self.user)) for course in mine]
        place = {
            (one.name, work.name): before(events[one.name], work.name, self.user)
            for one in mine
            for work in one.assignments
        }
        called = {course.name: self.desk.called(course) for course in mine}
        released = [one.assignment.name for _, found in shown for one in found if one.released_at]
        twice = {name for name in released if released.count(name) > 1}
        self.render_page("courses.html", acts=True, courses=shown, called=called, twice=twice, place=place)


class TeachCourse(Page):
    """What a teacher sees of one course: who handed in what, and what came of it."""

    def get(self, name: str) -> None:
        """Show it to its teachers."""
        course = self.desk.taught(self.user, name)
        events = self.desk.store.events(course=name)
        found = standings(course, events)
        by_hand = {one.assignment.name: to_mark(one, events) for one in found}
        again = {one.assignment.name: self._again(course, one) for one in found}
        self.render_page(
            "teach.html",
            acts=True,
            course=course,
            called=self.desk.called(course),
            standings=found,
            learners=self.desk.learners(course),
            newest=events[-1].id if events else 0,
            grading={one.name: grading_now(self.teaching, course, one.name) for one in course.assignments},
            by_hand={name: (len(some), sum(not one.marked for one in some)) for name, some in by_hand.items()},
            again=again,
            questions={one.assignment.name: questions(one.latest) for one in found},
        )

    def _again(self, course: Course, standing: Standing) -> int:
        """Return how many results are of other tests than those in place."""
        marked = {one.id for one in standing.latest if one.mark}
        marked -= self.teaching.results.asked_again(course, standing.assignment)
        try:
            return sum(one.id in marked for one in self.teaching.results.ungraded(course, standing.assignment.name))
        except Refused:
            return 0


class Log(Page):
    """Everything that happened in a course, newest first: what, when, and who did it."""

    def get(self, name: str) -> None:
        """Show it to its teachers."""
        course = self.desk.taught(self.user, name)
        events = self.desk.store.events(course=name)
        said = [*log(events, course)][: -SHOWN - 1 : -1]
        self.render_page("log.html", course=course, called=self.desk.called(course), said=said, all=len(events))


class Feedback(Page):
    """One attempt, cell by cell, once feedback is released; teachers see it before."""

    def get(self, number: str) -> None:
        """Show it to its learner and to the course's teachers."""
        event = self.desk.visible(self.user, int(number))
        course = self.desk.course(event.course)
        events = self.desk.store.events(course=course.name)
        attempts = [one for standing in standings(course, events) for one in standing.attempts]
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
