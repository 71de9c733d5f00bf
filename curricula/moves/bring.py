"""An ordinary nbgrader course becomes a course folder of ours; what cannot be taken is named, and nothing is half."""

import csv
import io
import re
import secrets
from collections.abc import Sequence
from pathlib import Path

import nbformat
import yaml
from pydantic import ValidationError

from curricula.course import Course, load_course
from curricula.moves.config import NAME, Config, read_config
from curricula.moves.database import Known, known_of
from curricula.moves.files import MoveError, whole_folder, write_private
from curricula.moves.taking import Frozen, Left, Taken, clashes, frame_of, take

_ASSIGNMENTS = 500
_LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # none that looks like another


class Report(Frozen):
    """What was taken, and what was left with the reasons."""

    course: Course
    taken: tuple[Taken, ...]
    left: tuple[Left, ...]
    students: int


def bring(folder: Path, target: Path, teachers: Sequence[str], *, split: bool = False) -> Report:
    """Write the nbgrader course in `folder` to `target` as a course of ours. Raises MoveError where nothing can be."""
    config = read_config(folder)
    known = known_of(folder, config)
    taken, left = _assignments(folder, config, known, split=split)
    if not taken:
        why = "\n".join(f"{one.name}: {line}" for one in left for line in one.why)
        raise MoveError(f"Nothing of {folder} can be taken, so {target} was not written.\n{why}".strip())
    course = _course(folder, config, teachers, taken)
    with whole_folder(target) as fresh:
        write_private(fresh / "course.yaml", as_yaml(course).encode())
        for one in taken:
            path = fresh / "source" / one.assignment.name / one.assignment.notebook
            write_private(path, (nbformat.writes(one.notebook) + "\n").encode())
        if known.students:
            write_private(fresh / "roster.csv", _roster(known.students).encode())
        load_course(fresh)
    settings = [Left(name=NAME, why=(line,)) for line in config.left]
    others = [Left(name="gradebook", why=(line,)) for line in known.left]
    return Report(course=course, taken=tuple(taken), left=(*left, *settings, *others), students=len(known.students))


def _assignments(folder: Path, config: Config, known: Known, *, split: bool) -> tuple[list[Taken], list[Left]]:
    frame = frame_of(folder, config)
    taken: list[Taken] = []
    left: list[Left] = []
    for place in _places(folder, config, left):
        here, not_here = take(place, known.due, frame, split=split)
        taken += here
        left += not_here
    for name in clashes(taken):
        both = [one for one in taken if one.assignment.name == name]
        taken = [one for one in taken if one.assignment.name != name]
        said = f"{len(both)} assignments would be called {name} here. Rename all of them but one."
        left += [Left(name=one.assignment.title, why=(said,)) for one in both]
    return taken, left


def _places(folder: Path, config: Config, left: list[Left]) -> list[Path]:
    """Return the assignments' folders; what lies beside them is named in `left`. Raises MoveError."""
    source = folder / (config.text("CourseDirectory.source_directory") or "source")
    if not source.is_dir() or (
        source.resolve() != source.absolute() and folder.resolve() not in source.resolve().parents
    ):
        raise MoveError(
            f"{folder} is no nbgrader course: {source.name}/ is missing there, with a folder for each assignment."
        )
    used = {folder / config.text(f"IncludeHeaderFooter.{part}") for part in ("header", "footer")}
    found = []
    for path in sorted(source.iterdir()):
        if path.is_dir() and not path.is_symlink():
            found += [] if path.name.startswith((".", "__")) else [path]
        elif path not in used and not path.name.startswith("."):
            said = (
                f"It lies beside the assignments, or is a link. Put it into {source.name}/<assignment>/ if it is one."
            )
            left.append(Left(name=f"{source.name}/{path.name}", why=(said,)))
    if len(found) > _ASSIGNMENTS:
        raise MoveError(f"{source} has {len(found)} folders; at most {_ASSIGNMENTS} assignments are taken.")
    return found


def _course(folder: Path, config: Config, teachers: Sequence[str], taken: Sequence[Taken]) -> Course:
    title = config.text("CourseDirectory.course_id") or folder.absolute().name
    name = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:41].strip("-") or "course"
    try:
        return Course(
            name=name,
            title=title,
            teachers=frozenset(teachers),
            code=new_code(name),
            assignments=tuple(one.assignment for one in taken),
        )
    except ValidationError as error:
        raise MoveError(f"No course can be made of {folder}: {error}") from None


def new_code(name: str) -> str:
    """Return a code to join a course with that nobody guesses."""
    return f"{name[:20].strip('-').upper()}-{''.join(secrets.choice(_LETTERS) for _ in range(8))}"


def as_yaml(course: Course) -> str:
    """Return a course as its course.yaml."""
    told = course.model_dump(mode="json", exclude_defaults=True)
    told["teachers"] = sorted(course.teachers)
    for one, assignment in zip(told["assignments"], course.assignments, strict=True):
        one |= {"due": assignment.due.isoformat()} if assignment.due else {}
    return yaml.safe_dump(told, sort_keys=False, allow_unicode=True, width=120)


def _roster(students: Sequence[str]) -> str:
    out = io.StringIO()
    csv.writer(out, lineterminator="\n").writerows([("id",), *((one,) for one in students)])
    return out.getvalue()
