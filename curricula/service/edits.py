"""What was changed in a course's own files: who teaches it, deadlines, late rules, points, tests; from what to what.

Nobody says so when they edit a file. It is noticed when the service next reads it, and becomes an event then.
"""

import hashlib
import json
import os
import pwd
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from curricula.answers import points
from curricula.course import Assignment, Course, CourseError, Track
from curricula.events import EventStore

Rules = Mapping[str, Any]


def note_edits(store: EventStore, course: Course, actor: str | None = None) -> None:
    """Put on record what a course's files say, if that is something new; by whom, if nobody tells, their owner says."""
    known = store.events(course=course.name, kind="edited")
    before, now = known[-1].payload["rules"] if known else {"assignments": {}}, rules(course)
    if now == before:
        return
    told = json.dumps(now, sort_keys=True).encode()
    found = (course.folder / "course.yaml").stat()
    store.append(
        "edited",
        course=course.name,
        actor=actor or _owner(found),
        # The service and a command may both be first to see it.
        key=f"edited:{course.name}:{known[-1].id if known else 0}:{hashlib.sha256(told).hexdigest()[:16]}",
        payload={
            "rules": now,
            "changes": [{"what": what, "from": old, "to": new} for what, old, new in changes(before, now)],
            "written": datetime.fromtimestamp(found.st_mtime, UTC).isoformat(timespec="seconds"),
        },
    )


def rules(course: Course) -> Rules:
    """Return what a course's files decide, in plain values; the same files always say the same."""
    told = course.model_dump(mode="json", exclude={"assignments", "tracks"})
    return {
        **told,
        "teachers": sorted(course.teachers),
        "tracks": {one.name: _rules_of_track(one) for one in course.tracks},
        "assignments": {one.name: _rules_of(course, one) for one in course.assignments},
    }


def _rules_of_track(track: Track) -> Rules:
    told = track.model_dump(mode="json", exclude={"name"})
    return told | {"certificate": track.certificate.rule if track.certificate else None}


def _rules_of(course: Course, assignment: Assignment) -> Rules:
    """Return the rules of an assignment, and of its notebook the points and the version, without which it has none."""
    source = course.source(assignment)
    told = assignment.model_dump(mode="json", exclude={"name"}) | {"late": assignment.late_rule}
    try:
        return told | {"points": points(source.read_bytes()), "version": course.version(assignment)}
    except (OSError, CourseError):
        return told | {"points": {}, "version": None}


def changes(before: Rules, now: Rules) -> Iterator[tuple[str, Any, Any]]:
    """Yield what differs: the path to it, such as "assignments/m00/due", what it was, and what it is; None: nothing."""
    for name in dict.fromkeys((*before, *now)):
        old, new = before.get(name), now.get(name)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            yield from ((f"{name}/{what}", *values) for what, *values in changes(old, new))
        elif old != new:
            yield name, old, new


def _owner(found: os.stat_result) -> str:
    try:
        return pwd.getpwuid(found.st_uid).pw_name
    except KeyError:
        return f"uid {found.st_uid}"
