"""The visible tests of an assignment at once, in one's own server, with the tests as they were given out."""

import asyncio
import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from curricula.client import Client, CourseServiceError
from curricula.learner import folder_of
from curricula.submissions import SubmissionError, check_notebook
from spawners.process import alone

if TYPE_CHECKING:  # nbgrader loads slowly, and who only imports onramp needs none of it
    from curricula.visible import Checked

# What nbgrader says in a kernel of its own about why it runs a notebook.
RUNNING = "NBGRADER_EXECUTION"


def check(assignment: str | None = None, course: str | None = None) -> "Checked | None":
    """Run the visible tests of an assignment's notebook as it was saved, and show what came of each.

    Without a name it is the notebook that this stands in. It is run from top to bottom in a fresh process of your own
    server, with the tests as they were given out. Nothing is handed in and nothing is marked. As in grading, a cell may
    take one minute and the whole notebook four.
    """
    if RUNNING in os.environ:
        print("onramp.check() does nothing while the notebook that it stands in is run by it.")
        return None
    path = _this_notebook() if assignment is None else _copy_of(assignment, course)
    print(f"Running {path.name} from top to bottom in a fresh process …")
    return alone(check_file(path))


async def check_file(path: Path) -> "Checked":
    """Check a notebook that lies in ~/courses/COURSE/ASSIGNMENT. Raises CourseServiceError and SubmissionError."""
    import nbformat

    from curricula.fresh import run
    from curricula.marks import NotRun, restored
    from curricula.release import Generated
    from curricula.report import Limits
    from curricula.visible import checked

    course, assignment = _belongs_to(path)
    saved_at, content = datetime.fromtimestamp(path.stat().st_mtime, UTC), path.read_bytes()
    check_notebook(content)
    told = await asyncio.to_thread(Client.of_this_server().notebook, course, assignment)
    released = nbformat.reads(told.decode(), as_version=4)
    version = Generated(source=released, release=released, tests=released)
    try:
        put_back = restored(content, version)
    except NotRun as reason:
        raise SubmissionError(str(reason)) from None
    report = await run(put_back, path.parent, Limits(), {**os.environ, RUNNING: "validate"})
    return checked(path, saved_at, nbformat.reads(content.decode(), as_version=4), version, put_back, report)


def _copy_of(assignment: str, course: str | None) -> Path:
    """Return one's notebook of an assignment. Raises CourseServiceError."""
    where, found = Client.of_this_server().find(assignment, course)
    path = folder_of(where, assignment) / str(found["notebook"])
    if not path.is_file():
        raise CourseServiceError(f'There is no file {path}: onramp.fetch("{assignment}") first.')
    return path


def _this_notebook() -> Path:
    """Return the notebook that this kernel is for. Raises CourseServiceError."""
    path = Path(os.environ.get("JPY_SESSION_NAME", ""))
    if path.suffix != ".ipynb" or not path.is_file():
        raise CourseServiceError('It is not known which notebook this is. Give its assignment: onramp.check("m00").')
    return path


def _belongs_to(path: Path) -> tuple[str, str]:
    """Return of which course and assignment a notebook is, by where it lies. Raises CourseServiceError."""
    courses = Path.home() / "courses"
    if path.parents[2:3] != (courses,) and path.resolve().parents[2:3] != (courses.resolve(),):
        raise CourseServiceError(
            f"{path} is no assignment's notebook: those lie in {courses}/COURSE/ASSIGNMENT. "
            'Give the name of one, as in onramp.check("m00").'
        )
    return path.parent.parent.name, path.parent.name
