"""What operators do with whole courses: clone one for next year, copy one for nbgrader's formgrader, and merge it."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

from curricula.course import Course, load_course
from curricula.erasure import erased
from curricula.events import Event
from curricula.moves.bring import as_yaml
from curricula.moves.copied import ByHand, Change, Returned, by_hand
from curricula.moves.files import MoveError, write_private
from curricula.moves.formgrader import Handed, files
from curricula.moves.renew import renewed
from curricula.service.courses import check_teacher
from curricula.service.deciding import Deciding
from curricula.service.desk import Desk, assignment_of
from curricula.service.refused import Refused


def clone(desk: Desk, actor: str, course: Course, name: str, *, shift: int = 0, starts: date | None = None) -> str:
    """Put next year's `course` in place as `name`, with nobody in it. Raises Refused and MoveError."""
    days = shift if starts is None else (starts - _began(desk, course)).days
    fresh = renewed(course, name, days)
    _unused(desk, name)
    with tempfile.TemporaryDirectory(dir=desk.root, prefix="incoming-course-") as folder:
        place = Path(folder) / name
        write_private(place / "course.yaml", as_yaml(fresh).encode())
        _copy_sources(course, place)
        desk.store.append("cloned", course=name, actor=actor, payload={"from": course.name, "days": days})
        try:
            os.rename(place, desk.root / "courses" / name)
        except OSError as error:
            raise MoveError(f"{name} cannot be put in place: {error.strerror}. Choose another name.") from None
    return (
        f"{name} is in place: {len(fresh.assignments)} assignments, code {fresh.code}, nobody in it yet.{_past(fresh)}"
    )


def _copy_sources(course: Course, place: Path) -> None:
    """Copy what authors wrote: nothing that anybody handed in, or got, lies below source/. Raises MoveError."""
    try:
        shutil.copytree(course.folder / "source", place / "source")
    except OSError as error:
        raise MoveError(f"{course.name} has no sources that can be copied: {error}.") from None
    load_course(place)


def _began(desk: Desk, course: Course) -> date:
    """Return the day on which a course released something for the first time. Raises Refused."""
    released = desk.store.events(course=course.name, kind="released")
    if not released:
        raise Refused(409, f"{course.title} has released nothing yet, so it has no first day. Use --shift DAYS.")
    return released[0].at.astimezone().date()


def _unused(desk: Desk, name: str) -> None:
    """Refuse a name that is, or was, that of a course: who was in that one would be in this one."""
    if (desk.root / "courses" / name).exists() or any(
        event.kind not in ("cloned", "edited") for event in desk.store.events(course=name)
    ):
        raise Refused(409, f"There is or was a course called {name}. Choose another name, such as {name}-2.")


def _past(course: Course) -> str:
    past = [one.name for one in course.assignments if one.due and one.due < datetime.now(UTC)]
    return f" Deadlines that are past: {', '.join(past)}; change them in its course.yaml." if past else ""


def copied(desk: Desk, course: Course) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a copy of `course` for nbgrader's formgrader. Raises CourseError."""
    events = desk.store.events(course=course.name)
    last = {(event.assignment, event.user): event for event in events if event.kind == "received" and not erased(event)}
    handed = (
        Handed(desk.submission(event), [one for one in events if one.submission == event.id]) for event in last.values()
    )
    return files(course, events, handed)


def merge(desk: Desk, teacher: str, course: Course, returned: Returned) -> tuple[list[str], list[str]]:
    """Decide as the copy's gradebook does; return what was changed and what was refused. Raises Refused."""
    check_teacher(course, teacher)
    if returned.course != course.name:
        raise Refused(409, f"This is a copy of {returned.course}, not of {course.name}: name the course it is of.")
    done, refused = [], []
    for change in returned.changes:
        who = f"{change.assignment}, {change.user}, {change.cell}"
        try:
            if _merge(desk, teacher, course, change):
                done.append(f"{who}: {_said(change.before)} → {_said(change.after)}")
        except Refused as error:
            refused.append(f"{who}: {error}")
    return done, refused


def _merge(desk: Desk, teacher: str, course: Course, change: Change) -> bool:
    """Decide about one answer, unless that is decided here already. Raises Refused."""
    if change.extra:
        raise Refused(400, "Extra credit is not taken: give points from 0 to all there are.")
    _counts(desk, course, change)
    submission = change.submission or 0
    events = desk.store.events(course=course.name, submission=submission)
    now = by_hand(events).get(change.cell, ByHand())
    if now == change.after:
        return False
    if now != change.before:
        raise Refused(409, f"It was changed here meanwhile, to {_said(now)}. Decide on the course's page.")
    told = {"cell": change.cell, **change.after.model_dump()}
    Deciding(desk).give_back(teacher, course, submission, told, key=_key(change, events))
    return True


def _counts(desk: Desk, course: Course, change: Change) -> None:
    """Refuse what is about an attempt that does not count, or about none of this course."""
    if change.submission is None:
        raise Refused(404, "The copy was made without such an attempt, so there is nothing to mark here.")
    attempts = desk.received(course, assignment_of(course, change.assignment), change.user)
    if change.submission not in {event.id for event in attempts}:
        raise Refused(404, f"{course.title} has no such attempt. Make the copy anew.")
    if attempts[-1].id != change.submission:
        number = attempts[-1].payload["attempt"]
        raise Refused(409, f"Attempt {number} was handed in since and is what counts. Make the copy anew.")


def _key(change: Change, events: tuple[Event, ...]) -> str:
    """Of two merges at once, one writes."""
    last = max((event.id for event in events if event.kind == "overridden"), default=0)
    told = hashlib.sha256(f"{change.cell}\0{change.after.model_dump_json()}".encode()).hexdigest()[:16]
    return f"merged:{change.submission}:{last}:{told}"


def _said(one: ByHand) -> str:
    points = (
        "as tested" if one.score is None else f"{one.score:g}" if isinstance(one.score, float) else ascii(one.score)
    )
    return f"{points} “{one.comment}”" if one.comment else points
