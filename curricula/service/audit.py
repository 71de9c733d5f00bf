"""What happened in a course, in words: one sentence for each event, with what was before where it was changed. Pure."""

from collections.abc import Callable

from curricula.course import Course, CourseError
from curricula.deadline import moment
from curricula.events import Event, Kind
from curricula.service.standing import marks_of
from curricula.submissions import spoken

SHOWN = 500  # events on a page


def sentence(event: Event, course: Course) -> str:
    """Say what an event says."""
    return _SENTENCES[event.kind](event, _title(event, course))


def _title(event: Event, course: Course) -> str:
    """Return what people call the assignment; one that the course has no more, by its name."""
    try:
        return course.assignment(event.assignment).title if event.assignment else ""
    except CourseError:
        return event.assignment or ""


def _cloned(event: Event, _title: str) -> str:
    days = event.payload["days"]
    return f"The course was made from {event.payload['from']}" + (f", {days} days later." if days else ".")


def _joined(event: Event, _title: str) -> str:
    return f"{event.user} joined." if event.actor == event.user else f"{event.user} was let in."


def _left(event: Event, _title: str) -> str:
    return f"{event.user} was taken off."


def _released(event: Event, title: str) -> str:
    return f"{title} was released (version {event.payload['version'][:12]})."


def _extended(event: Event, title: str) -> str:
    until = event.payload["until"]
    if until is None:
        return f"The extension of {title} for {event.user} was taken back."
    return f"{title} was extended for {event.user} until {spoken(moment(until))}."


def _outage(event: Event, _title: str) -> str:
    begin, end = (spoken(moment(event.payload[name])) for name in ("begin", "end"))
    return f"The service was away from {begin} to {end}. Deadlines in that time are later by as much as was lost."


def _received(event: Event, title: str) -> str:
    late = ", after the deadline" if event.payload["late"] else ""
    return f"{event.user} handed in {title}, attempt {event.payload['attempt']}{late} ({event.payload['sha256'][:12]})."


def _grading_asked(event: Event, title: str) -> str:
    if event.payload.get("again"):
        return f"{title} by {event.user} was to be graded again."
    return f"The grading of {title} was asked for, of {_attempts(len(event.payload['submissions']))}."


def _graded(event: Event, title: str) -> str:
    return f"{title} by {event.user} was graded: {marks_of([event])[event.submission or 0].sentence}."


def _not_run(event: Event, title: str) -> str:
    return f"{title} by {event.user} was not run: {event.payload['not_run']}"


def _overridden(event: Event, title: str) -> str:
    told = event.payload
    before = "no points" if told["before"] is None else f"{told['before']:g}"
    after = "what its test says" if told["score"] is None else f"{told['score']:g} points"
    comment = f" “{told['comment']}”" if told["comment"] else ""
    return f"{told['cell']} in {title} by {event.user}: from {before} to {after}.{comment}"


def _feedback_released(event: Event, title: str) -> str:
    return f"Feedback on {title} was released, for {_attempts(len(event.payload['submissions']))}."


def _viewed_as(event: Event, _title: str) -> str:
    return f"The course was looked at as {event.user} sees it."


def _attempts(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"


_SENTENCES: dict[Kind, Callable[[Event, str], str]] = {
    "cloned": _cloned,
    "joined": _joined,
    "left": _left,
    "released": _released,
    "extended": _extended,
    "outage": _outage,
    "received": _received,
    "grading_asked": _grading_asked,
    "graded": _graded,
    "not_run": _not_run,
    "overridden": _overridden,
    "feedback_released": _feedback_released,
    "viewed_as": _viewed_as,
}
