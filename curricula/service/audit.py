"""What happened in a course, in words: one sentence for each event, with what was before where it was changed. Pure."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from pydantic import AwareDatetime, BaseModel

from curricula.course import Course, CourseError
from curricula.deadline import moment
from curricula.events import RESULTS, Event, Kind
from curricula.service.standing import marks_of
from curricula.submissions import spoken

SHOWN = 500  # events on a page


class Entry(BaseModel, frozen=True):
    """One line of the log: when, who, and what."""

    at: AwareDatetime
    actor: str
    kind: Kind
    sentence: str


def log(events: Iterable[Event], course: Course) -> Iterator[Entry]:
    """Say what each event of a course says; they come in order."""
    about: defaultdict[int, list[Event]] = defaultdict(list)
    for event in events:
        said = _SENTENCES[event.kind](event, _title(event.assignment, course))
        if event.submission is not None:
            said += _counts(event, about[event.submission])
            about[event.submission].append(event)
        yield Entry(at=event.at, actor=event.actor, kind=event.kind, sentence=said)


def _counts(event: Event, before: Sequence[Event]) -> str:
    """Say what counts after another result, with what teachers have decided; a person's decision says so itself."""
    if event.kind not in RESULTS or not (was := marks_of(before)):
        return ""
    now = marks_of((*before, event))
    old, new = (mark[event.submission or 0].sentence.rstrip(".") for mark in (was, now))
    return f" What counts is as before: {new}." if old == new else f" What counts: from {old} to {new}."


def _title(name: str | None, course: Course) -> str:
    """Return what people call the assignment; one that the course has no more, by its name."""
    try:
        return course.assignment(name).title if name else ""
    except CourseError:
        return name or ""


def _edited(event: Event, _title: str) -> str:
    """Say what was changed in the course's files; the first time they are read they are all new."""
    told, written = event.payload["changes"], spoken(moment(event.payload["written"]))
    if any(one["what"] == "name" for one in told):
        rules = event.payload["rules"]
        who, code = ", ".join(rules["teachers"]), rules["code"]
        return f"The course is in place: {len(rules['assignments'])} assignments, taught by {who}, code {code}."
    return f"The course's files were changed (course.yaml is of {written}): {'; '.join(map(_change, told))}."


def _change(one: dict[str, Any]) -> str:
    """Say from what to what: “m00, due: from … to …”; of an assignment or track that is new or gone, that alone."""
    *kind, name = where = one["what"].split("/")
    if kind in (["assignments"], ["tracks"]):
        return f"{name} was {'added' if one['from'] is None else 'taken out'}"
    where = where[1:] if where[0] == "assignments" else where
    old, new = (_value(name, one[side]) for side in ("from", "to"))
    return f"{', '.join(where)}: from {old} to {new}"


def _value(name: str, value: Any) -> str:
    if value is None or value in ("", [], {}):
        return "none"
    if name == "due":
        return spoken(moment(value))
    if name == "version":
        return str(value)[:12]
    if isinstance(value, list | dict):  # of names; tracks were once noted as a list
        return ", ".join(one["name"] if isinstance(one, dict) else one for one in value)
    return f"“{value}”" if isinstance(value, str) else f"{value:g}" if isinstance(value, float) else f"{value:,}"


def _cloned(event: Event, _title: str) -> str:
    days = event.payload["days"]
    return f"The course was made from {event.payload['from']}" + (f", {days} days later." if days else ".")


def _joined(event: Event, _title: str) -> str:
    return f"{event.user} joined." if event.actor == event.user else f"{event.user} was let in."


def _left(event: Event, _title: str) -> str:
    return f"{event.user} was taken off."


def _released(event: Event, title: str) -> str:
    before = event.payload.get("before")
    return (
        f"{title} was released (version {event.payload['version'][:12]}{f', before {before[:12]}' if before else ''})."
    )


def _extended(event: Event, title: str) -> str:
    until, before = event.payload["until"], event.payload.get("before")
    was = f" Before, it was due on {spoken(moment(before))}." if before else ""
    if until is None:
        return f"The extension of {title} for {event.user} was taken back.{was}"
    return f"{title} was extended for {event.user} until {spoken(moment(until))}.{was}"


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


def _certified(event: Event, _title: str) -> str:
    told = event.payload["certificate"]
    return f"{event.user} has the certificate “{told['title']}” for {told['track']}."


def _withdrawn(event: Event, _title: str) -> str:
    return f"{event.user}'s certificate {event.payload['number']} was withdrawn: “{event.payload['comment']}”"


def _erased(event: Event, _title: str) -> str:
    count = event.payload["changed"]
    return f"Somebody was erased: {count} {'event was' if count == 1 else 'events were'} changed, and no name is kept."


def _attempts(count: int) -> str:
    return "1 attempt" if count == 1 else f"{count} attempts"


_SENTENCES: dict[Kind, Callable[[Event, str], str]] = {
    "cloned": _cloned,
    "edited": _edited,
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
    "certified": _certified,
    "withdrawn": _withdrawn,
    "erased": _erased,
}
