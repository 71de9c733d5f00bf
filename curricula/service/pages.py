"""The pages: “My courses”, a teacher's view of one course, and the feedback on one attempt."""

from curricula.service.http import Page
from curricula.service.standing import standings


class MyCourses(Page):
    """Deadlines, receipts, scores; join, fetch, hand in."""

    def get(self) -> None:
        """Show every course of whoever asks."""
        mine = self.desk.mine(self.user)
        shown = [(course, standings(course, self.desk.store.events(course=course.name), self.user)) for course in mine]
        self.render_page("courses.html", courses=shown)


class TeachCourse(Page):
    """What a teacher sees of one course: who handed in what, and what came of it."""

    def get(self, name: str) -> None:
        """Show it to its teachers."""
        course = self.desk.taught(self.user, name)
        found = standings(course, self.desk.store.events(course=name))
        grading = {one.assignment.name for one in found if self.teaching.grading(course, one.assignment.name)}
        problems = {one.assignment.name: self.teaching.problem(course, one.assignment.name) for one in found}
        self.render_page("teach.html", course=course, standings=found, grading=grading, problems=problems)


class Feedback(Page):
    """One attempt, cell by cell, once feedback is released; teachers see it before."""

    def get(self, number: str) -> None:
        """Show it to its learner and to the course's teachers."""
        event = self.desk.visible(self.user, int(number))
        course = self.desk.course(event.course)
        events = self.desk.store.events(course=course.name)
        attempts = [one for standing in standings(course, events) for one in standing.attempts]
        attempt = next(one for one in attempts if one.id == event.id)
        allowed = attempt.shown or self.user in course.teachers
        self.render_page(
            "feedback.html",
            course=course,
            assignment=course.assignment(event.assignment or ""),
            attempt=attempt,
            mark=attempt.mark if allowed else None,
        )


ADDRESSES = (
    (r"", MyCourses),
    (r"courses/([^/]+)/teach", TeachCourse),
    (r"submissions/(\d{1,12})", Feedback),
)
