"""What may be done with courses, by whom and when; every door (page, API, command) leads here."""

import logging
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from curricula.course import Assignment, Course, CourseError, load_course
from curricula.deadline import Deadline, came_late, deadline_of, percent_off
from curricula.events import Event, EventStore
from curricula.roster import members
from curricula.submissions import Incoming, Receipt, Store, Submission, spoken

log = logging.getLogger(__name__)
# Of one assignment by one learner, where the course sets no limit: each is kept, and a disk has an end.
MOST_ATTEMPTS = 200


class Refused(Exception):
    """This is not done; the message is for the person who asked, `status` for HTTP."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class NotYet(Refused):
    """Nothing is wrong: the time for it has not come."""


class Desk:
    """The course account's folder: courses/NAME/course.yaml, submissions/, and the events."""

    def __init__(self, root: Path, store: EventStore) -> None:
        """`root` belongs to the course account alone."""
        self.root, self.store = root, store
        self.submissions = Store(root / "submissions")
        self._broken: set[str] = set()
        self._read: dict[Path, tuple[tuple[int, int, int], Course]] = {}

    # Courses and who is in them.

    def courses(self) -> tuple[Course, ...]:
        """Return every course that can be read; one that cannot is named in the log and stops no other."""
        found = []
        for path in sorted((self.root / "courses").glob("*/course.yaml")):
            try:
                found.append(self._course(path))
            except (CourseError, FileNotFoundError) as error:
                if str(error) not in self._broken:
                    log.error("course left out: %s", error)
                    self._broken.add(str(error))
        return tuple(found)

    def _course(self, path: Path) -> Course:
        """Return what a course.yaml says; it is read again whenever it has changed. Raises CourseError."""
        found = path.stat()
        stamp = found.st_ino, found.st_mtime_ns, found.st_size
        known = self._read.get(path)
        if known is None or known[0] != stamp:
            known = self._read[path] = stamp, load_course(path.parent)
        return known[1]

    def course(self, name: str) -> Course:
        """Return one course. Raises Refused."""
        for course in self.courses():
            if course.name == name:
                return course
        raise Refused(404, f"There is no course {ascii(name)[:60]} here. Open “My courses” for those you are in.")

    def called(self, course: Course) -> str:
        """What people call a course: its title, and its name as well where another one here has the same title."""
        same = sum(other.title == course.title for other in self.courses())
        return f"{course.title} ({course.name})" if same > 1 else course.title

    def is_member(self, user: str, course: Course) -> bool:
        """Whether `user` has joined, or teaches."""
        return user in course.teachers or user in members(self.store.events(course=course.name, user=user))

    def mine(self, user: str) -> tuple[Course, ...]:
        """Return the courses that `user` is in."""
        return tuple(course for course in self.courses() if self.is_member(user, course))

    def join(self, user: str, code: str) -> Course:
        """Let `user` into the course with this code. Raises Refused; joining twice changes nothing."""
        for course in self.courses():
            if course.code == code.strip():
                self.enrol(user, course, user)
                return course
        raise Refused(404, "No course has this code. Check it with your teacher: capital letters count.")

    def attended(self, user: str, name: str) -> Course:
        """Return a course that `user` is in. Raises Refused, also where there is no such course."""
        course = self.course(name)
        if not self.is_member(user, course):
            raise Refused(403, f"You are not in {course.title}. Join it in “My courses” with the code of your teacher.")
        return course

    def taught(self, user: str, name: str) -> Course:
        """Return a course that `user` teaches. Raises Refused."""
        course = self.attended(user, name)
        if user not in course.teachers:
            raise Refused(403, f"Only its teachers may do this in {course.title}.")
        return course

    def learners(self, course: Course) -> tuple[str, ...]:
        """Return who is in, by name; teachers are not among them."""
        return tuple(sorted(members(self.store.events(course=course.name)) - course.teachers))

    def enrol(self, actor: str, course: Course, user: str) -> bool:
        """Let `user` in; False, and nothing changes, for somebody who is in."""
        known = self.store.events(course=course.name, user=user)
        if user in members(known):
            return False
        left = sum(event.kind == "left" for event in known)
        key = f"joined:{course.name}:{user}" + (f":{left}" if left else "")
        self.store.append("joined", course=course.name, actor=actor, user=user, key=key)
        return True

    # Assignments and submissions.

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

    def latest(self, course: Course, assignment: Assignment) -> Mapping[str, Submission]:
        """Return each learner's last attempt."""
        return {event.user or "": self.submission(event) for event in self.received(course, assignment)}

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

    def visible(self, user: str, number: int) -> Event:
        """Return a `received` event that `user` may see: the own one, or one in a course they teach. Raises Refused."""
        event = self.store.event(number)
        if event is None or event.kind != "received" or (event.user != user and not self._teaches(user, event.course)):
            raise Refused(404, f"You have handed in nothing with the number {number}.")
        return event

    def _teaches(self, user: str, course_name: str) -> bool:
        return any(course.name == course_name and user in course.teachers for course in self.courses())


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
