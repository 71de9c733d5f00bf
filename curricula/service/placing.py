"""A course's folder, as its author has it, put in place; what an earlier one left beside it stays."""

import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

from curricula.course import Course, CourseError, load_course
from curricula.moves.packed import unpack
from curricula.service.desk import Desk
from curricula.service.edits import note_edits


def create(desk: Desk, actor: str, archive: Path | IO[bytes]) -> Course:
    """Put the course in place that a tar of its folder holds. Raises CourseError."""
    courses = desk.root / "courses"
    courses.mkdir(mode=0o700, parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=desk.root, prefix="incoming-course-") as name:
        unpack(archive, Path(name))
        course = load_course(Path(name))
        missing = [one.name for one in course.assignments if not course.source(one).is_file()]
        if missing:
            raise CourseError(
                f"{course.title} has no source notebook for {', '.join(missing)}: see source/ in its folder."
            )
        _own_code(desk, course)
        note_edits(desk.store, course, actor)
        place = courses / course.name
        place.mkdir(mode=0o700, exist_ok=True)
        # course.yaml comes last: who sees that it has changed sees the rest with it.
        for part in sorted(Path(name).iterdir(), key=lambda part: part.name == "course.yaml"):
            _replace(part, place / part.name)
    return load_course(place)


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
