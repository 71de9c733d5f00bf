"""Erasing a person: what that will do, the events in one transaction, and then the files; done again, it goes on."""

import secrets
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from pydantic import BaseModel

from curricula.course import Course, CourseError
from curricula.erasure import PSEUDONYM, without
from curricula.events import Event
from curricula.roster import members
from curricula.service.at_once import ACTOR
from curricula.service.deleting import delete_abandoned, delete_notebooks, delete_results
from curricula.service.desk import Desk
from curricula.service.outages import AWAY_ACTOR
from curricula.service.refused import Refused

UNFINISHED = "erasing"  # in the course account's folder: the courses whose files are still to be seen to; no name
_KINDS = {"received": "attempt", "certified": "certificate", "overridden": "teacher's mark", "extended": "extension"}
_REST = """\
This cannot be undone. Not reached, and yours to see to:
  backups           let them run out; after one was put back, erase again
  logs              of the hub and the course service, as they are rotated
  copies            exported CSV, copies for formgrader: whoever made them deletes them
  certificates      a file that its learner kept is signed, and can still be checked
  the home          notebooks, runs, receipts: deleted with the account
  JupyterHub        an admin deletes the user on the hub's page Admin
  the hub's ledger  when servers started and how they ended: see docs/reference/personal-data.md
  Slurm             accounting, as the site keeps it"""


class Plan(BaseModel, frozen=True):
    """Whom to erase, and how many events of each course and kind name them."""

    person: str
    course: str | None
    found: Mapping[str, Mapping[str, int]]
    notebooks: int
    shared: int
    unfinished: bool


def planned(desk: Desk, actor: str, person: str, course: str | None) -> Plan:
    """Return what erasing `person` from a course, or from all, will do. Raises Refused."""
    _check(desk, actor, person, course)
    events = desk.store.events()
    theirs = [one for one in events if course in (None, one.course) and without(one, person, "") is not one]
    unfinished = (desk.root / UNFINISHED).exists()
    if not theirs and not unfinished:
        where = f"the course {course}" if course else "any course"
        said = ascii(person)[:60]
        raise Refused(404, f"Nothing on record in {where} names {said}: compare each letter. Nothing was changed.")
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for event in theirs:
        found[event.course][event.kind if event.user == person else "decided"] += 1
    mine = _sha256s(one for one in theirs if one.user == person)
    others = _sha256s(one for one in events if one.user != person or course not in (None, one.course))
    counts = {"notebooks": len(mine - others), "shared": len(mine & others)}
    return Plan(person=person, course=course, found=found, unfinished=unfinished, **counts)


def _sha256s(events: Iterable[Event]) -> set[str]:
    return {event.payload["sha256"] for event in events if event.kind == "received"}


def _check(desk: Desk, actor: str, person: str, course: str | None) -> None:
    """Refuse names that are no person's, a course that there is not, and somebody who still teaches."""
    said = ascii(person)[:60]
    if person in (actor, ACTOR, AWAY_ACTOR):
        raise Refused(409, f"{said} is nobody: so the events call whoever works in the shell, or the service itself.")
    if PSEUDONYM.fullmatch(person):
        raise Refused(409, f"{said} is what is left of somebody who was erased; nobody knows any more of whom.")
    if course and not desk.store.newest(course):
        desk.course(course)
    for one in desk.courses():  # what was changed in their files is on record from here on
        if person in one.teachers and course in (None, one.name):
            raise Refused(409, f"{said} teaches {one.title}: take them off `teachers` in its course.yaml, then erase.")


def told(plan: Plan) -> Iterator[str]:
    """Say, line by line, what will be done and what will not."""
    if plan.unfinished:
        yield "An erasing was interrupted: its files will be seen to now."
    if not plan.found:
        yield f"Nothing on record names {plan.person}."
        return
    yield f"{plan.person} is to be erased from:"
    for name, kinds in sorted(plan.found.items()):
        some = [count(kinds[kind], what) for kind, what in _KINDS.items() if kinds.get(kind)]
        some += [f"{kinds['decided']} about others"] if kinds.get("decided") else []
        yield f"  {name}: {count(sum(kinds.values()), 'event')}" + (f" ({', '.join(some)})" if some else "")
    yield "In these a drawn name (erased-…) takes the place of theirs, and nobody keeps what it stands for:"
    yield "points, times and counts stay; comments to them and what tests told them go; they are in no course any more."
    shared = f"; {plan.shared} more that others handed in as well will stay" if plan.shared else ""
    yield f"Deleted: {count(plan.notebooks, 'notebook')} as handed in and as they ran, with their results{shared}."
    yield "Their certificates are found by no number any more. The gradebooks are made anew."
    yield "The log of each course says that somebody was erased, when, and how many events were changed."
    yield _REST


def count(number: int, what: str) -> str:
    """Say how many there are."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def erase(desk: Desk, actor: str, plan: Plan) -> int:
    """Rewrite the events in one transaction; return how many were changed. `finish` does the rest, also later."""
    drawn: defaultdict[str, str] = defaultdict(_drawn)

    def change(event: Event) -> Event:
        # A withdrawn certificate keeps its number, so that its file is not genuine again: with no name but its own.
        alone = event.kind == "withdrawn" and event.user == plan.person
        return without(event, plan.person, _drawn() if alone else drawn[event.course])

    def note(changed: Collection[Event]) -> Iterator[Mapping[str, Any]]:
        for name in sorted({event.course for event in changed}):
            theirs = [event for event in changed if event.course == name]
            if plan.person in members(theirs):
                yield {"kind": "left", "course": name, "user": drawn[name], "actor": actor}
            yield {"kind": "erased", "course": name, "actor": actor, "payload": {"changed": len(theirs)}}

    place = desk.root / UNFINISHED
    known = place.read_text().split() if place.exists() else []
    place.write_text("\n".join(sorted({*known, *plan.found})))
    return len(desk.store.rewrite(plan.course, change, note))


def _drawn() -> str:
    return f"erased-{secrets.token_hex(6)}"


async def finish(desk: Desk, project: Callable[[Course], Awaitable[None]]) -> tuple[int, list[str]]:
    """Delete the files of the erased, and make gradebooks and the database anew; what was done stays done.

    Return how many notebooks were deleted, and which gradebooks could not be made, and are gone. Raises Refused where
    the database cannot be made anew just now.
    """
    names = (desk.root / UNFINISHED).read_text().split()
    readable = {course.name: course for course in desk.courses()}
    left = []
    for name in names:
        folder = readable[name].folder if name in readable else desk.root / "courses" / name
        delete_results(folder, desk.store.events(course=name))
        delete_abandoned(folder)
        try:
            if name in readable:
                await project(readable[name])
                continue
        except CourseError:
            pass
        left += [name] if (folder / "gradebook.db").exists() else []
        (folder / "gradebook.db").unlink(missing_ok=True)
    deleted = delete_notebooks(desk.submissions, desk.store.events(kind="received"))
    if not desk.store.compact():
        raise Refused(
            503, "Others are at the database just now, and what was changed is still in its files: erase once more."
        )
    (desk.root / UNFINISHED).unlink()
    return deleted, left
