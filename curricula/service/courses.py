"""The courses that are in place, and who is in them; whoever may not is told so."""

import logging
from collections.abc import Iterable
from pathlib import Path

from curricula.course import Course, CourseError, load_course
from curricula.events import Event, EventStore, Kind
from curricula.roster import members
from curricula.service.edits import note_edits
from curricula.service.refused import Refused

log = logging.getLogger(__name__)
MEMBERSHIP: tuple[Kind, ...] = ("joined", "left")


class Courses:
    """The course account's folder courses/NAME/course.yaml, and who has joined by the events."""

    def __init__(self, root: Path, store: EventStore) -> None:
        """`root` belongs to the course account alone."""
        self.root, self.store = root, store
        self._broken: set[str] = set()
        self._read: dict[Path, tuple[tuple[int, int, int], Course]] = {}

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
        """Return what a course.yaml says. Raises CourseError.

        It is read again whenever it has changed, and what has changed in it is put on record.
        """
        found = path.stat()
        stamp = found.st_ino, found.st_mtime_ns, found.st_size
        known = self._read.get(path)
        if known is None or known[0] != stamp:
            known = self._read[path] = stamp, load_course(path.parent)
            note_edits(self.store, known[1])
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
        return _is_in(user, course, self._comings(course, user))

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
        self.check_member(user, course, self._comings(course, user))
        return course

    def check_member(self, user: str, course: Course, events: Iterable[Event]) -> None:
        """Refuse somebody who is not in a course, as its events on them say. Raises Refused."""
        if not _is_in(user, course, events):
            raise Refused(403, f"You are not in {course.title}. Join it in “My courses” with the code of your teacher.")

    def taught(self, user: str, name: str) -> Course:
        """Return a course that `user` teaches. Raises Refused."""
        course = self.attended(user, name)
        if user not in course.teachers:
            raise Refused(403, f"Only its teachers may do this in {course.title}.")
        return course

    def teaches(self, user: str, name: str) -> bool:
        """Whether `user` teaches a course."""
        return any(course.name == name and user in course.teachers for course in self.courses())

    def learners(self, course: Course) -> tuple[str, ...]:
        """Return who is in, by name; teachers are not among them."""
        return tuple(sorted(members(self._comings(course)) - course.teachers))

    def enrol(self, actor: str, course: Course, user: str) -> bool:
        """Let `user` in; False, and nothing changes, for somebody who is in."""
        known = self._comings(course, user)
        if user in members(known):
            return False
        left = sum(event.kind == "left" for event in known)
        key = f"joined:{course.name}:{user}" + (f":{left}" if left else "")
        self.store.append("joined", course=course.name, actor=actor, user=user, key=key)
        return True

    def _comings(self, course: Course, user: str | None = None) -> tuple[Event, ...]:
        """Return who came and went, or when one of them did."""
        return self.store.events(course=course.name, kind=MEMBERSHIP, user=user)


def _is_in(user: str, course: Course, events: Iterable[Event]) -> bool:
    return user in course.teachers or user in members(events)


def check_teacher(course: Course, teacher: str) -> None:
    """Refuse a decision in the name of somebody who does not teach the course. Raises Refused."""
    if teacher not in course.teachers:
        known = ", ".join(sorted(course.teachers))
        raise Refused(403, f"{ascii(teacher)[:60]} does not teach {course.title}: name one of {known} as --teacher.")
