"""`course create|release|grade|feedback|export`: courses, as the course account; solutions never leave it."""

import subprocess
import sys
from pathlib import Path

import click

from hub_config.cli.terminal import or_complain, state_option
from hub_config.factory.courses import pack
from hub_config.factory.namespace import inside
from hub_config.factory.parts import COURSE_STATE, PYTHON
from hub_config.factory.state import State


@click.group()
def course() -> None:
    """Put a course in place, release, grade, give feedback, export marks."""


@course.command()
@click.argument("source", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False, exists=True))
@state_option
def create(source: Path, folder: Path) -> None:
    """Put the course in FOLDER (course.yaml, source/) in place; what learners handed in is kept."""
    try:
        archive = pack(source)
    except FileNotFoundError as error:
        raise click.ClickException(str(error)) from None
    _run(folder, "create", stdin=archive)


@course.command()
@click.argument("name", metavar="COURSE")
@click.argument("assignment", required=False)
@state_option
def release(name: str, assignment: str | None, folder: Path) -> None:
    """Make the learners' notebook of ASSIGNMENT (all without) from its source and let learners fetch it."""
    _run(folder, "release", name, assignment)


@course.command()
@click.argument("name", metavar="COURSE")
@click.argument("assignment", required=False)
@state_option
def grade(name: str, assignment: str | None, folder: Path) -> None:
    """Grade every last attempt without a result, each as one sandboxed job."""
    _run(folder, "grade", name, assignment)


@course.command()
@click.argument("name", metavar="COURSE")
@click.argument("assignment", required=False)
@state_option
def feedback(name: str, assignment: str | None, folder: Path) -> None:
    """Show learners the results there are now."""
    _run(folder, "feedback", name, assignment)


@course.command()
@click.argument("name", metavar="COURSE")
@state_option
def export(name: str, folder: Path) -> None:
    """Print the marks as CSV."""
    _run(folder, "export", name)


def _run(folder: Path, action: str, *arguments: str | None, stdin: bytes = b"") -> None:
    """Run one command of curricula.service.admin in the factory and end as it ends."""
    module = [PYTHON, "-I", "-m", "curricula.service.admin", "--root", COURSE_STATE, action]
    command = ["env", f"HOME={COURSE_STATE}", *module, *(one for one in arguments if one)]
    argv = or_complain(lambda: inside(State(folder), command, user="onramp-course"))
    sys.exit(subprocess.run(argv, input=stdin, check=False).returncode)


COMMANDS = (course,)
