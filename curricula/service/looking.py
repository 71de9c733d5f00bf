"""A teacher's pages on what was handed in: answers to mark, a course as one learner sees it, answers that are alike."""

import asyncio
from collections.abc import Sequence

from curricula.course import Assignment, Course
from curricula.events import Event
from curricula.service.comparing import SHOWN, WHY, compared
from curricula.service.desk import assignment_of
from curricula.service.http import COURSE, Page
from curricula.service.marking import ToMark, after, comments, texts, to_mark
from curricula.service.refused import Refused
from curricula.service.standing import Standing, standings
from curricula.similarity import ALIKE


class Marking(Page):
    """The answers of an assignment that a person has to mark, one after the other."""

    async def get(self, name: str, assignment_name: str) -> None:
        """Show one: the one that was asked for (`submission`, `cell`), or else the first without points."""
        course = self.desk.taught(self.user, name)
        assignment = assignment_of(course, assignment_name)
        events, found = await asyncio.to_thread(self._to_mark, course, assignment)
        chosen = self._chosen(found)
        self.render_page(
            "marking.html",
            acts=True,
            course=course,
            called=self.desk.called(course),
            assignment=assignment,
            answers=found,
            chosen=chosen,
            next=after(found, chosen) if chosen else None,
            comments=comments(events, assignment.name, chosen.cell.name) if chosen else (),
            texts=texts(chosen, *self.desk.to_read(course, assignment, chosen.submission)) if chosen else None,
        )

    def _to_mark(self, course: Course, assignment: Assignment) -> tuple[tuple[Event, ...], tuple[ToMark, ...]]:
        events = self.desk.store.events(course=course.name, assignment=assignment.name)
        standing = next(one for one in standings(course, events) if one.assignment == assignment)
        return events, to_mark(standing, events)

    def _chosen(self, found: Sequence[ToMark]) -> ToMark | None:
        asked = self.get_argument("submission", ""), self.get_argument("cell", "")
        if asked == ("", ""):
            return next((one for one in found if not one.marked), None)
        for one in found:
            if (str(one.submission), one.cell.name) == asked:
                return one
        cell = ascii(asked[1])[:60]
        raise Refused(
            404, f"There is no answer in {cell} of attempt {ascii(asked[0])[:20]} to mark here: go to the first one."
        )


class AsLearner(Page):
    """“My courses” as one learner of a course sees it; that somebody looked is an event."""

    def get(self, name: str, learner: str) -> None:
        """Show this course alone, and nothing that acts."""
        course, found = _seen_by(self, name, learner)
        called = self.desk.called(course)
        self.render_page(
            "courses.html",
            courses=[(course, found)],
            called={name: called},
            twice=set(),
            place={(name, one.assignment.name): self.desk.ahead(course, one) for one in found},
            learner=learner,
            taught=called,
        )


class FeedbackAsLearner(Page):
    """The feedback on one attempt, as its learner sees it."""

    def get(self, name: str, learner: str, number: str) -> None:
        """Show it, or that it is not released."""
        course, found = _seen_by(self, name, learner)
        for assignment, attempt in ((one.assignment, attempt) for one in found for attempt in one.attempts):
            if attempt.id == int(number):
                self.render_page(
                    "feedback.html",
                    course=course,
                    called=self.desk.called(course),
                    assignment=assignment,
                    attempt=attempt,
                    mark=attempt.mark if attempt.shown else None,
                    learner=learner,
                )
                return
        raise Refused(404, f"{learner} has handed in nothing with the number {number} in {course.title}.")


def _seen_by(page: Page, name: str, learner: str) -> tuple[Course, tuple[Standing, ...]]:
    """Return a course for its teacher to see as a learner of it, and how they stand; put on record who looked."""
    course = page.desk.taught(page.user, name)
    if learner not in page.desk.learners(course):
        raise Refused(404, f"{ascii(learner)[:60]} is no learner of {course.title}: choose one under Learners.")
    found = page.desk.standings(course, learner)
    page.desk.store.append("viewed_as", course=name, actor=page.user, user=learner)
    return course, found


class Similar(Page):
    """Whose answers to an assignment are alike, side by side."""

    async def get(self, name: str, assignment_name: str) -> None:
        """Compare the last attempts as they are now."""
        course = self.desk.taught(self.user, name)
        assignment = assignment_of(course, assignment_name)
        learners, found = await asyncio.to_thread(compared, self.desk, course, assignment)
        self.render_page(
            "similar.html",
            course=course,
            called=self.desk.called(course),
            assignment=assignment,
            learners=learners,
            pairs=found[:SHOWN],
            more=max(0, len(found) - SHOWN),
            alike=int(ALIKE * 100),
            why=WHY,
        )


ADDRESSES = (
    (rf"{COURSE}/marking/([^/]+)", Marking),
    (rf"{COURSE}/similar/([^/]+)", Similar),
    (rf"{COURSE}/as/([^/]+)", AsLearner),
    (rf"{COURSE}/as/([^/]+)/submissions/(\d{{1,12}})", FeedbackAsLearner),
)
