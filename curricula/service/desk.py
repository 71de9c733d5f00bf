"""What may be done with assignments and submissions, and when; every door (page, API, command) leads here."""

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from curricula.course import Assignment, Course, CourseError
from curricula.deadline import Deadline, came_late, deadline_of, percent_off
from curricula.erasure import erased
from curricula.events import Event, EventStore
from curricula.service.courses import Courses
from curricula.service.refused import Refused
from curricula.submissions import Incoming, Receipt, Store, Submission, spoken

# Of one assignment by one learner, where the course sets no limit: each is kept, and a disk has an end.
MOST_ATTEMPTS = 200


class Desk(Courses):
    """The course account's folder: courses/NAME/course.yaml, submissions/, and the events."""

    def __init__(self, root: Path, store: EventStore) -> None:
        """`root` belongs to the course account alone."""
        super().__init__(root, store)
        self.submissions = Store(root / "submissions")

    def deadline(self, course: Course, assignment: Assignment, user: str) -> Deadline:
        """Return when an assignment is due for `user`."""
        moved = (
            *self.store.events(course=course.name, kind="extended", assignment=assignment.name, user=user),
            *self.store.events(course=course.name, kind="outage"),
        )
        return deadline_of(assignment, moved, user)

    def released(self, course: Course, assignment: Assignment) -> Event | None:
        """Return the latest release of an assignment, or None."""
        events = self.store.events(course=course.name, kind="released", assignment=assignment.name)
        return events[-1] if events else None

    def handed_out(self, user: str, course_name: str, assignment_name: str) -> tuple[Course, Assignment]:
        """Return an assignment that `user` may work on. Raises Refused."""
        course = self.attended(user, course_name)
        assignment = assignment_of(course, assignment_name)
        if self.released(course, assignment) is None:
            raise Refused(404, f"{assignment.title} is not released yet. Your teacher releases it.")
        return course, assignment

    def notebook(self, user: str, course_name: str, assignment_name: str) -> Path:
        """Return the notebook to fetch: without solutions and hidden tests. Raises Refused."""
        course, assignment = self.handed_out(user, course_name, assignment_name)
        return course.release(assignment)

    def open_for(self, user: str, course_name: str, assignment_name: str, now: datetime) -> tuple[Course, Assignment]:
        """Return an assignment that `user` may hand in at `now`. Raises Refused."""
        course, assignment = self.handed_out(user, course_name, assignment_name)
        deadline = self.deadline(course, assignment, user)
        if deadline.due and deadline.is_late(now) and assignment.late == "refuse":
            raise Refused(
                409,
                f"{assignment.title} was due on {spoken(deadline.due)}, and late work is not taken. "
                "Your notebook is unchanged; ask your teacher for an extension.",
            )
        return course, assignment

    def receive(self, user: str, course: Course, assignment: Assignment, file: Incoming, now: datetime) -> Receipt:
        """Keep what came in and write the receipt: a new attempt, unless it is the very file of the last one.

        Raises Refused where no attempt is left; the same file sent again, since an answer was lost, gets its receipt.
        """
        version = self.released(course, assignment)
        earlier = self.received(course, assignment, user)
        if earlier and earlier[-1].payload["sha256"] == file.sha256:
            return self._receipt(course, earlier[-1], again=True)
        if len(earlier) >= (assignment.attempts or MOST_ATTEMPTS):
            raise Refused(409, _used_up(assignment, earlier[-1]))
        sha256 = file.keep()
        attempt = len(earlier) + 1
        event = self.store.append(
            "received",
            course=course.name,
            assignment=assignment.name,
            user=user,
            actor=user,
            at=now,
            key=f"received:{course.name}:{assignment.name}:{user}:{attempt}",
            payload={
                "sha256": sha256,
                "late": self.deadline(course, assignment, user).is_late(now),
                "attempt": attempt,
                "version": version.payload["version"] if version else None,
            },
        )
        if event.payload["sha256"] != sha256:  # another window of the same person was quicker with another file
            return self.receive(user, course, assignment, file, now)
        return self._receipt(course, event)

    def _receipt(self, course: Course, event: Event, *, again: bool = False) -> Receipt:
        assignment = assignment_of(course, event.assignment or "")
        deadline = self.deadline(course, assignment, event.user or "")
        return Receipt(
            id=event.id,
            course=event.course,
            assignment=event.assignment or "",
            user=event.user or "",
            sha256=event.payload["sha256"],
            received_at=event.at,
            late=came_late(event, deadline),
            percent_off=percent_off(assignment, event, deadline),
            attempt=event.payload["attempt"],
            again=again,
        )

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
        """Return each learner's last attempt, but for those who were erased."""
        received = self.received(course, assignment)
        return {event.user or "": self.submission(event) for event in received if not erased(event)}

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
