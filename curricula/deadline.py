"""When an assignment is due: the course's own deadline, moved by extensions and by outages of the service. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel

from curricula.course import Assignment
from curricula.events import Event


class Deadline(BaseModel, frozen=True, extra="forbid"):
    """When it is due (None: never), and what moved that last: nothing, a teacher, or an outage."""

    due: AwareDatetime | None = None
    moved: Literal["", "extension", "outage"] = ""

    def is_late(self, now: datetime) -> bool:
        """Whether `now` (with a time zone) is after it."""
        return self.due is not None and now > self.due


def deadline_of(assignment: Assignment, events: Iterable[Event], user: str | None = None) -> Deadline:
    """Return the deadline for `user`, or for everybody without an extension, as the course's events have moved it.

    Of a learner's extensions the last one counts. Whatever falls into an outage is due as long after its end as the
    outage had lasted by then: nobody loses time that was theirs.
    """
    if assignment.due is None:
        return Deadline()
    outages, until = [], assignment.due
    for event in events:
        if event.kind == "outage":
            outages.append((moment(event.payload["begin"]), moment(event.payload["end"])))
        elif event.kind == "extended" and (event.user, event.assignment) == (user, assignment.name):
            until = moment(event.payload["until"] or assignment.due.isoformat())
    found = Deadline(due=max(until, assignment.due), moved="extension" if until > assignment.due else "")
    for begin, end in sorted(outages):
        if found.due is not None and begin <= found.due <= end:
            found = Deadline(due=end + (found.due - begin), moved="outage")
    return found


def extra(assignment: Assignment, events: Iterable[Event], user: str | None) -> timedelta:
    """Return how much later than in course.yaml it is due for `user`."""
    due = deadline_of(assignment, events, user).due
    return due - assignment.due if due and assignment.due else timedelta()


def moment(text: str) -> datetime:
    """Return the moment that an event's payload holds."""
    return datetime.fromisoformat(text)
