"""When an assignment is due: the course's own deadline, moved by extensions and by outages of the service. Pure."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import Literal

from pydantic import AwareDatetime, BaseModel

from curricula.course import Assignment
from curricula.events import Event
from curricula.late import Penalty


class Deadline(BaseModel, frozen=True, extra="forbid"):
    """When it is due (None: never), what moved that last (nothing, a teacher, or an outage), and the grace after it."""

    due: AwareDatetime | None = None
    moved: Literal["", "extension", "outage"] = ""
    grace: timedelta = timedelta()

    def is_late(self, now: datetime) -> bool:
        """Whether `now` (with a time zone) is after it."""
        return self.due is not None and now > self.due + self.grace


def deadline_of(assignment: Assignment, events: Iterable[Event], user: str | None = None) -> Deadline:
    """Return the deadline for `user`, or for everybody without an extension, as the course's events have moved it.

    Of a learner's extensions the last one counts. Whatever falls into an outage is due as long after its end as the
    outage had lasted by then: nobody loses time that was theirs. The grace time is theirs too.
    """
    if assignment.due is None:
        return Deadline()
    outages, until = [], assignment.due
    for event in events:
        if event.kind == "outage":
            outages.append((moment(event.payload["begin"]), moment(event.payload["end"])))
        elif event.kind == "extended" and (event.user, event.assignment) == (user, assignment.name):
            until = moment(event.payload["until"] or assignment.due.isoformat())
    due, moved, grace = max(until, assignment.due), "extension" if until > assignment.due else "", assignment.grace
    for begin, end in sorted(outages):
        if begin <= due + grace and due <= end:
            due, moved = due + (end - begin), "outage"
    return Deadline.model_validate({"due": due, "moved": moved, "grace": grace})


def came_late(received: Event, deadline: Deadline) -> bool:
    """Return whether an attempt is late: an extension may lift that afterwards, and what was in time stays so."""
    return bool(received.payload["late"]) and deadline.is_late(received.at)


def percent_off(assignment: Assignment, received: Event, deadline: Deadline) -> float:
    """Return how much of its points an attempt loses for being late, by what is known of its deadline now."""
    if deadline.due is None or not isinstance(assignment.late, Penalty) or not came_late(received, deadline):
        return 0
    return assignment.late.percent(deadline.due, received.at)


def extra(assignment: Assignment, events: Iterable[Event], user: str | None) -> timedelta:
    """Return how much later than in course.yaml it is due for `user`."""
    due = deadline_of(assignment, events, user).due
    return due - assignment.due if due and assignment.due else timedelta()


def moment(text: str) -> datetime:
    """Return the moment that an event's payload holds."""
    return datetime.fromisoformat(text)
