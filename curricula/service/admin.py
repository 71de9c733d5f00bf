"""The operator's commands, run as the course account: `python -m curricula.service.admin create|release|grade|…`."""

import argparse
import asyncio
import logging
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from datetime import date
from pathlib import Path

from curricula.course import Course, CourseError, load_course
from curricula.events import EventStore
from curricula.moves.copied import read_returned
from curricula.moves.packed import pack, unpack
from curricula.service import moving
from curricula.service.app import add_options
from curricula.service.comparing import as_text, compared
from curricula.service.desk import Desk, NotYet, Refused, assignment_of
from curricula.service.grader import Grading
from curricula.service.standing import marks_of
from curricula.service.teaching import Teaching
from curricula.service.watching import watched

# Who did it, in the events, where nobody signed in.
OPERATOR = "operator"
TAKEN_BACK = "-"


def create(desk: Desk, archive: Path | None) -> tuple[Course, str]:
    """Put a course (a tar of its folder; stdin without a path) in place; what an earlier one left beside it stays."""
    courses = desk.root / "courses"
    courses.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=desk.root, prefix="incoming-course-") as name:
        unpack(archive or sys.stdin.buffer, Path(name))
        course = load_course(Path(name))
        missing = [one.name for one in course.assignments if not course.source(one).is_file()]
        if missing:
            raise CourseError(
                f"{course.title} has no source notebook for {', '.join(missing)}: see source/ in its folder."
            )
        _own_code(desk, course)
        place = courses / course.name
        place.mkdir(mode=0o700, exist_ok=True)
        for part in sorted(Path(name).iterdir()):
            _replace(part, place / part.name)
    said = f"{course.title} is in place: {len(course.assignments)} assignments, code {course.code}."
    return load_course(place), said


def _own_code(desk: Desk, course: Course) -> None:
    """Refuse a code that lets people into another course. Raises CourseError."""
    other = [one.title for one in desk.courses() if one.code == course.code and one.name != course.name]
    if other:
        raise CourseError(f"the code {course.code} is that of {other[0]} already: give {course.title} another.")


def _replace(new: Path, old: Path) -> None:
    """Put a file or a folder in the place of an earlier one."""
    if old.is_dir():
        shutil.rmtree(old)
    os.replace(new, old)


async def perform(arguments: argparse.Namespace, desk: Desk) -> bool:
    """Do what was asked, print what came of it, and return whether it is well. Raises Refused and CourseError."""
    grading = Grading(arguments)
    try:
        return await _perform(arguments, desk, Teaching(desk, grading))
    finally:
        await grading.close()


async def _perform(arguments: argparse.Namespace, desk: Desk, teaching: Teaching) -> bool:
    if arguments.action == "create":
        course, said = create(desk, arguments.archive)
        print(said)
        new = [name for name in arguments.release if not desk.released(course, assignment_of(course, name))]
        return not new or await _each("release", teaching, course, new)
    course = desk.course(arguments.course)
    if arguments.action == "export":
        print(teaching.export(course), end="")
        return True
    if arguments.action == "rebuild":
        await teaching.project(course)
        print(f"The gradebook of {course.title} is made anew: {course.folder / 'gradebook.db'}.")
        return True
    if arguments.action == "extend":
        told = {"user": arguments.learner, "until": None if arguments.until == TAKEN_BACK else arguments.until}
        print(teaching.deciding.extend(OPERATOR, course, arguments.assignment, told))
        await teaching.project(course)
        return True
    if arguments.action == "similar":
        print(as_text(*compared(desk, course, assignment_of(course, arguments.assignment))))
        return True
    if arguments.action == "regrade":
        print(await _regrade(teaching, desk, course, arguments))
        return True
    if arguments.action in ("clone", "formgrader", "merge"):
        return await _move(arguments, desk, teaching, course)
    names = [arguments.assignment] if arguments.assignment else [one.name for one in course.assignments]
    return await _each(arguments.action, teaching, course, names)


async def _move(arguments: argparse.Namespace, desk: Desk, teaching: Teaching, course: Course) -> bool:
    """Clone a course, write a copy of it to stdout, or merge what comes back on stdin."""
    if arguments.action == "clone":
        shift, starts = arguments.shift, arguments.starts
        print(moving.clone(desk, OPERATOR, course, arguments.name, shift=shift, starts=starts))
        return True
    if arguments.action == "formgrader":
        pack(moving.copied(desk, course), sys.stdout.buffer)
        return True
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
    received = desk.received(course, assignment_of(course, name), user)
    if not received:
        raise Refused(404, f"{ascii(user)[:60]} has handed in nothing of {name} in {course.title}.")
    teaching.ask_again(OPERATOR, course, received[-1])
    await watched(teaching, course, name, teaching.grade(OPERATOR, course, name, {received[-1].id}))
    mark = marks_of(desk.store.events(course=course.name, submission=received[-1].id))[received[-1].id]
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
    for name in ("export", "rebuild"):
        actions.add_parser(name).add_argument("course")
    action = actions.add_parser("extend")
    for name in ("course", "assignment", "learner", "until"):
        action.add_argument(name)
    for name, words in (("similar", ("assignment",)), ("regrade", ("assignment", "learner"))):
        action = actions.add_parser(name)
        for word in ("course", *words):
            action.add_argument(word)
    action = actions.add_parser("clone")
    action.add_argument("course")
    action.add_argument("name")
    action.add_argument("--shift", type=int, default=0)
    action.add_argument("--starts", type=date.fromisoformat)
    actions.add_parser("formgrader").add_argument("course")
    action = actions.add_parser("merge")
    action.add_argument("course")
    action.add_argument("--teacher", required=True)
    for name in ("release", "grade", "feedback"):
        action = actions.add_parser(name)
        action.add_argument("course")
        action.add_argument("assignment", nargs="?")
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
