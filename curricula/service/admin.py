"""The operator's commands, run as the course account: `python -m curricula.service.admin create|release|grade|…`."""

import argparse
import asyncio
import logging
import os
import sys
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from curricula.course import Course, CourseError
from curricula.events import EventStore
from curricula.moves.copied import read_returned
from curricula.moves.packed import pack
from curricula.service import erasing, moving
from curricula.service.app import add_options
from curricula.service.certifying import checked, withdraw
from curricula.service.courses import check_teacher
from curricula.service.desk import Desk, assignment_of
from curricula.service.evident import Evident, RunKey
from curricula.service.grader import Grading
from curricula.service.placing import create
from curricula.service.reading import READING
from curricula.service.refused import NotYet, Refused
from curricula.service.standing import marks_of
from curricula.service.teaching import Teaching
from curricula.service.watching import watched

# Who did it, in the events, where nobody signed in.
OPERATOR = "operator"
TAKEN_BACK = "-"
# What each command is told, in order; in brackets what may be left out.
_WORDS = {
    **dict.fromkeys(("export", "rebuild", "formgrader", "log", "learners", "enrol", "merge"), "course"),
    **dict.fromkeys(("release", "grade", "feedback", "submissions", "statistics"), "course [assignment]"),
    "similar": "course assignment",
    "regrade": "course assignment learner",
    "extend": "course assignment learner until",
    "marking": "course assignment [learner]",
    "mark": "course assignment learner cell points",
    "remove": "course learner",
    "clone": "course name",
    "certificate": "",
    "withdraw": "course track learner",
    "erase": "person",
}


async def perform(arguments: argparse.Namespace, desk: Desk) -> bool:
    """Do what was asked, print what came of it, and return whether it is well. Raises Refused and CourseError."""
    if arguments.action == "certificate":
        print(checked(desk, sys.stdin.buffer.read()))
        return True
    if arguments.action in READING:
        READING[arguments.action](desk, desk.course(arguments.course), arguments)
        return True
    grading = Grading(arguments)
    try:
        key = RunKey(arguments.root, os.environ.get("JUPYTERHUB_API_URL"))
        return await _perform(arguments, desk, Teaching(desk, Evident(grading, key)))
    finally:
        await grading.close()


async def _perform(arguments: argparse.Namespace, desk: Desk, teaching: Teaching) -> bool:
    if arguments.action in _OF_NO_COURSE:
        return await _OF_NO_COURSE[arguments.action](arguments, desk, teaching)
    course = desk.course(arguments.course)
    match arguments.action:
        case "rebuild":
            await teaching.project(course)
            print(f"The gradebook of {course.title} is made anew: {course.folder / 'gradebook.db'}.")
        case "extend" | "mark" | "enrol" | "remove" | "withdraw":
            print(_decide(arguments, desk, teaching, course))
            await teaching.project(course)
        case "regrade":
            print(await _regrade(teaching, desk, course, arguments))
        case "clone":
            shift, starts = arguments.shift, arguments.starts
            print(moving.clone(desk, OPERATOR, course, arguments.name, shift=shift, starts=starts))
        case "formgrader":
            pack(moving.copied(desk, course), sys.stdout.buffer)
        case "merge":
            return await _merge(arguments, desk, teaching, course)
        case action:
            names = [arguments.assignment] if arguments.assignment else [one.name for one in course.assignments]
            return await _each(action, teaching, course, names)
    return True


async def _erase(arguments: argparse.Namespace, desk: Desk, teaching: Teaching) -> bool:
    """Say what erasing a person will do; and do it if that is sure. Raises Refused."""
    plan = erasing.planned(desk, OPERATOR, arguments.person, arguments.course)
    if not arguments.yes:
        print(*erasing.told(plan), sep="\n")
        return True
    changed = erasing.erase(desk, OPERATOR, plan)
    deleted, left = await erasing.finish(desk, teaching.project)
    print(f"Erased. Changed: {erasing.count(changed, 'event')}; deleted: {erasing.count(deleted, 'notebook')}.")
    for name in left:
        print(f"onramp: {name} cannot be read, so its gradebook is deleted: mend it, then rebuild.", file=sys.stderr)
    return not left


async def _create(arguments: argparse.Namespace, desk: Desk, teaching: Teaching) -> bool:
    """Put a course in place, and release what was named and never was."""
    course = create(desk, OPERATOR, arguments.archive or sys.stdin.buffer)
    print(f"{course.title} is in place: {len(course.assignments)} assignments, code {course.code}.")
    new = [name for name in arguments.release if not desk.released(course, assignment_of(course, name))]
    return not new or await _each("release", teaching, course, new)


_OF_NO_COURSE = {"create": _create, "erase": _erase}


def _decide(arguments: argparse.Namespace, desk: Desk, teaching: Teaching, course: Course) -> str:
    """Decide about learners as on a teacher's page, and return what holds now. Raises Refused."""
    deciding = teaching.deciding
    match arguments.action:
        case "extend":
            told = {"user": arguments.learner, "until": None if arguments.until == TAKEN_BACK else arguments.until}
            return deciding.extend(OPERATOR, course, arguments.assignment, told)
        case "mark":
            check_teacher(course, arguments.teacher)
            number = desk.last(course, assignment_of(course, arguments.assignment), arguments.learner).id
            told = {"cell": arguments.cell, "score": arguments.points, "comment": arguments.comment}
            return deciding.mark(arguments.teacher, course, number, told)
        case "withdraw":
            return withdraw(desk, arguments.teacher, course, arguments.track, arguments.learner, arguments.comment)
        case "remove":
            return deciding.remove(OPERATOR, course, {"user": arguments.learner})
        case _:
            return deciding.enrol(OPERATOR, course, _utf8(sys.stdin.buffer.read()))


def _utf8(told: bytes) -> str:
    try:
        return told.decode()
    except UnicodeDecodeError:
        raise Refused(400, "The roster is not text in UTF-8: save it as CSV (UTF-8).") from None


async def _merge(arguments: argparse.Namespace, desk: Desk, teaching: Teaching, course: Course) -> bool:
    """Take back what was marked in a copy, which comes on stdin."""
    done, refused = moving.merge(desk, arguments.teacher, course, read_returned(sys.stdin.buffer.read()))
    print(*done, f"{len(done)} changed in {course.title}, {len(refused)} refused.", sep="\n")
    for sentence in refused:
        print(f"onramp: {sentence}", file=sys.stderr)
    if done:
        await teaching.project(course)
    return not refused


async def _each(action: str, teaching: Teaching, course: Course, names: Sequence[str]) -> bool:
    """Do it for each assignment and say what came of each: well if something was done, and nothing failed."""
    done = failed = 0
    for name in names:
        try:
            print(await _step(action, teaching, course, name), flush=True)
            done += 1
        except (Refused, CourseError) as error:
            _complain(error)
            failed += not isinstance(error, NotYet)
    return done > 0 and failed == 0


async def _step(action: str, teaching: Teaching, course: Course, name: str) -> str:
    if action == "release":
        return await teaching.release(OPERATOR, course, name)
    if action == "feedback":
        return teaching.release_feedback(OPERATOR, course, name)
    count = await watched(teaching, course, name, teaching.grade(OPERATOR, course, name))
    return f"{name}: {count} graded."


async def _regrade(teaching: Teaching, desk: Desk, course: Course, arguments: argparse.Namespace) -> str:
    """Grade a learner's last attempt anew and say what it got."""
    name, user = arguments.assignment, arguments.learner
    last = desk.last(course, assignment_of(course, name), user)
    teaching.ask_again(OPERATOR, course, last)
    await watched(teaching, course, name, teaching.grade(OPERATOR, course, name, {last.id}))
    mark = marks_of(desk.store.events(course=course.name, submission=last.id))[last.id]
    return f"{name} by {user}: {mark.sentence}"


def _complain(error: Exception) -> None:
    print(f"onramp: {error}", file=sys.stderr)


def parser() -> argparse.ArgumentParser:
    """Return the options."""
    top = argparse.ArgumentParser(prog="curricula.service.admin", description=__doc__)
    add_options(top)
    actions = top.add_subparsers(dest="action", required=True)
    action = actions.add_parser("create")
    action.add_argument("archive", nargs="?", type=Path)
    action.add_argument("--release", nargs="*", default=(), help="assignments to release where they never were")
    made = {name: actions.add_parser(name) for name in _WORDS}
    for name, words in _WORDS.items():
        for word in words.split():
            made[name].add_argument(word.strip("[]"), nargs="?" if word.startswith("[") else None)
    made["clone"].add_argument("--shift", type=int, default=0)
    made["clone"].add_argument("--starts", type=date.fromisoformat)
    for name in ("merge", "mark", "withdraw"):
        made[name].add_argument("--teacher", required=True)
    made["erase"].add_argument("--course")
    made["erase"].add_argument("--yes", action="store_true", help="do it; without, it is said what would be done")
    for name in ("mark", "withdraw"):
        made[name].add_argument("--comment", default="")
    return top


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; 1 where something failed or nothing was done, always with a sentence."""
    os.umask(0o077)
    logging.basicConfig(level=logging.ERROR, format="onramp: %(message)s")
    arguments = parser().parse_args(argv)
    store = EventStore(arguments.db or f"sqlite:///{arguments.root}/events.sqlite")
    try:
        return 0 if asyncio.run(perform(arguments, Desk(arguments.root, store))) else 1
    except (Refused, CourseError) as error:
        _complain(error)
        return 1
    finally:
        store.close()


if __name__ == "__main__":
    sys.exit(main())
