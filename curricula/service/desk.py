"""What may be done with assignments and submissions, and when; every door (page, API, command) leads here."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from curricula.course import Assignment, Course, CourseError
from curricula.deadline import Deadline, came_late, deadline_of, percent_off
from curricula.erasure import erased
from curricula.events import Event, EventStore
from curricula.service.courses import MEMBERSHIP, Courses
from curricula.service.refused import Refused
from curricula.service.standing import Standing, standings
from curricula.submissions import Incoming, Receipt, Store, Submission, spoken

# Of one assignment by one learner, where the course sets no limit: each is kept, and a disk has an end.
MOST_ATTEMPTS = 200


@dataclass(frozen=True)
class Work:
    """An assignment as it lies before a learner: what is released, due when, and what they handed in."""

    user: str
    course: Course
    assignment: Assignment
    version: str
    deadline: Deadline
    attempts: tuple[Event, ...]

    def receipt(self, received: Event, *, again: bool = False) -> Receipt:
        """Return the receipt of one attempt; `again` where this very file was there already."""
        return Receipt(
            id=received.id,
            course=self.course.name,
            assignment=self.assignment.name,
            user=self.user,
            sha256=received.payload["sha256"],
            received_at=received.at,
            late=came_late(received, self.deadline),
            percent_off=percent_off(self.assignment, received, self.deadline),
            attempt=received.payload["attempt"],
            again=again,
        )


class Desk(Courses):
    """The course account's folder: courses/NAME/course.yaml, submissions/, and the events."""

    def __init__(self, root: Path, store: EventStore) -> None:
        """`root` belongs to the course account alone."""
        super().__init__(root, store)
        self.submissions = Store(root / "submissions")

    def deadline(self, course: Course, assignment: Assignment, user: str) -> Deadline:
        """Return when an assignment is due for `user`."""
        return deadline_of(assignment, self.store.of_learner(course.name, user, ("extended", "outage")), user)

    def released(self, course: Course, assignment: Assignment) -> Event | None:
        """Return the latest release of an assignment, or None."""
        events = self.store.events(course=course.name, kind="released", assignment=assignment.name)
        return events[-1] if events else None

    def handed_out(self, user: str, course_name: str, assignment_name: str) -> Work:
        """Return an assignment that `user` may work on. Raises Refused."""
        course = self.course(course_name)
        known = self.store.of_learner(course.name, user, (*MEMBERSHIP, "released", "extended", "outage", "received"))
        self.check_member(user, course, known)
        assignment = assignment_of(course, assignment_name)
        mine = [event for event in known if event.assignment == assignment.name]
        released = [event for event in mine if event.kind == "released"]
        if not released:
            raise Refused(404, f"{assignment.title} is not released yet. Your teacher releases it.")
        return Work(
            user=user,
            course=course,
            assignment=assignment,
            version=released[-1].payload["version"],
            deadline=deadline_of(assignment, known, user),
            attempts=tuple(event for event in mine if event.kind == "received"),
        )

    def notebook(self, user: str, course_name: str, assignment_name: str) -> Path:
        """Return the notebook to fetch: without solutions and hidden tests. Raises Refused."""
        work = self.handed_out(user, course_name, assignment_name)
        return work.course.release(work.assignment)

    def open_for(self, user: str, course_name: str, assignment_name: str, now: datetime) -> Work:
        """Return an assignment that `user` may hand in at `now`. Raises Refused."""
        work = self.handed_out(user, course_name, assignment_name)
        if work.deadline.due and work.deadline.is_late(now) and work.assignment.late == "refuse":
            raise Refused(
                409,
                f"{work.assignment.title} was due on {spoken(work.deadline.due)}, and late work is not taken. "
                "Your notebook is unchanged; ask your teacher for an extension.",
            )
        return work

    def receive(self, work: Work, file: Incoming, now: datetime) -> Receipt:
        """Keep what came in and write the receipt: a new attempt, unless it is the very file of the last one.

        Raises Refused where no attempt is left; the same file sent again, since an answer was lost, gets its receipt.
        """
        assignment, earlier = work.assignment, work.attempts
        if earlier and earlier[-1].payload["sha256"] == file.sha256:
            return work.receipt(earlier[-1], again=True)
        if len(earlier) >= (assignment.attempts or MOST_ATTEMPTS):
            raise Refused(409, _used_up(assignment, earlier[-1]))
        sha256 = file.keep()
        attempt = len(earlier) + 1
        event = self.store.append(
            "received",
            course=work.course.name,
            assignment=assignment.name,
            user=work.user,
            actor=work.user,
            at=now,
            key=f"received:{work.course.name}:{assignment.name}:{work.user}:{attempt}",
            payload={
                "sha256": sha256,
                "late": work.deadline.is_late(now),
                "attempt": attempt,
                "version": work.version,
            },
        )
        if event.payload["sha256"] != sha256:  # another window of the same person was quicker with another file
            return self.receive(self.handed_out(work.user, work.course.name, assignment.name), file, now)
        return work.receipt(event)

    def standings(self, course: Course, user: str | None = None) -> tuple[Standing, ...]:
        """Return each assignment of a course as `user` sees it, or with everybody's attempts where no user is given."""
        events = self.store.events(course=course.name) if user is None else self.store.of_learner(course.name, user)
        return standings(course, events, user)

    def ahead(self, course: Course, standing: Standing) -> int | None:
        """Return how many last attempts are graded before that of the learner who stands so; None if theirs is."""
        if not standing.waiting:
            return None
        return self.store.before(course.name, standing.assignment.name, standing.attempts[-1].id)

    def received(
        self, course: Course, assignment: Assignment | None = None, user: str | None = None
    ) -> tuple[Event, ...]:
        """Return what was handed in, oldest first."""
        name = assignment.name if assignment else None
        return self.store.events(course=course.name, kind="received", assignment=name, user=user)

    def last(self, course: Course, assignment: Assignment, user: str) -> Event:
        """Return a learner's last attempt. Raises Refused."""
        if received := self.received(course, assignment, user):
            return received[-1]
        raise Refused(404, f"{ascii(user)[:60]} has handed in nothing of {assignment.name} in {course.title}.")

    def latest(self, course: Course, assignment: Assignment) -> Mapping[str, Submission]:
        """Return each learner's last attempt, as they came in, but for those who were erased."""
        latest = {event.user or "": event for event in self.received(course, assignment) if not erased(event)}
        return {user: self.submission(event) for user, event in sorted(latest.items(), key=lambda one: one[1].id)}

    def submission(self, event: Event) -> Submission:
        """Return what a `received` event is about."""
        sha256 = event.payload["sha256"]
        return Submission(
            id=event.id,
            course=event.course,
            assignment=event.assignment or "",
            user=event.user or "",
            sha256=sha256,
            path=self.submissions.path(sha256),
            received_at=event.at,
            late=event.payload["late"],
        )

    def to_read(self, course: Course, assignment: Assignment, number: int) -> tuple[bytes, bytes]:
        """Return the notebook of a `received` event, and the teacher's, which is empty where there is none any more."""
        event, source = self.store.event(number), course.source(assignment)
        assert event is not None
        return self.submission(event).path.read_bytes(), source.read_bytes() if source.is_file() else b""

    def handed_in(self, event: Event) -> Submission:
        """Return what a `received` event is about, to be read. Raises Refused where it was erased."""
        if erased(event):
            raise Refused(410, f"This notebook was deleted, as {event.user} was erased from the records of the course.")
        return self.submission(event)

    def visible(self, user: str, number: int) -> Event:
        """Return a `received` event that `user` may see: the own one, or one in a course they teach. Raises Refused."""
        event = self.store.event(number)
        if event is None or event.kind != "received" or (event.user != user and not self.teaches(user, event.course)):
            raise Refused(404, f"You have handed in nothing with the number {number}.")
        return event


def assignment_of(course: Course, name: str) -> Assignment:
    """Return an assignment by its name. Raises Refused."""
    try:
        return course.assignment(name)
    except CourseError as error:
        raise Refused(404, str(error)) from None


def _used_up(assignment: Assignment, last: Event) -> str:
    times = "once" if assignment.attempts == 1 else f"{assignment.attempts or MOST_ATTEMPTS} times"
    return (
        f"{assignment.title} may be handed in {times}, and was. What counts is attempt {last.payload['attempt']} of "
        f"{spoken(last.at)}; ask your teacher if it should be another."
    )
