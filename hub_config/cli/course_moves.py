"""`onramp course import|clone|formgrader|merge`: courses move in and out, and to next year."""

import getpass
import sys
import tempfile
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

import click
from rich.console import Console

from curricula.course import CourseError
from curricula.moves.bring import bring
from curricula.moves.copied import read_back, read_copy
from curricula.moves.files import whole_folder
from curricula.moves.packed import unpack
from curricula.moves.report import shown
from hub_config.cli.terminal import as_course_account, state_option

console = Console(highlight=False)
_folder = click.Path(path_type=Path, file_okay=False, exists=True)
_new_folder = click.Path(path_type=Path, file_okay=False)


@click.command("import")
@click.argument("nbgrader", metavar="NBGRADER_FOLDER", type=_folder)
@click.argument("target", metavar="TARGET_FOLDER", type=_new_folder)
@click.option("--teacher", "teachers", multiple=True, metavar="NAME", help="A hub user who teaches it.  [default: you]")
@click.option("--split", is_flag=True, help="Make each notebook of an assignment with several one of its own.")
def import_(nbgrader: Path, target: Path, teachers: Sequence[str], split: bool) -> None:
    """Make a course folder of an nbgrader course: course.yaml, source/, roster.csv.

    Nothing of the course is run, its nbgrader_config.py neither, and its folder is left as it is. An assignment comes
    whole or not at all; what was left is listed with the reason and what to do, and the exit code is then 1.
    """
    try:
        report = bring(nbgrader, target, teachers or (getpass.getuser(),), split=split)
    except CourseError as error:
        raise click.ClickException(str(error)) from None
    console.print(shown(report))
    names = ", ".join(sorted(report.course.teachers))
    click.echo(
        f"\n{report.course.title} is in {target}: {len(report.taken)} assignments, {report.students} students, taught "
        f"by {names}. Read its course.yaml, then: ./onramp course create {target}"
    )
    sys.exit(1 if report.left else 0)


@click.command()
@click.argument("name", metavar="COURSE")
@click.argument("new", metavar="NEW_NAME")
@click.option("--shift", type=int, metavar="DAYS", help="Move every deadline by so many days, such as 364.")
@click.option("--starts", type=click.DateTime(["%Y-%m-%d"]), metavar="DATE", help="Move the first release to this day.")
@state_option
def clone(name: str, new: str, shift: int | None, starts: datetime | None, folder: Path) -> None:
    """Put next year's COURSE in place as NEW_NAME: its sources and rules, a new code, nobody in it.

    With --starts every deadline is later by as many days as that day is after COURSE's first release. Without --shift
    or --starts deadlines stay as they are.
    """
    if shift is not None and starts is not None:
        raise click.UsageError("--shift and --starts both say when: give one of them.")
    moved = [f"--shift={shift}"] if shift is not None else [f"--starts={starts.date()}"] if starts else []
    sys.exit(as_course_account(folder, "clone", *moved, name, new))


@click.command()
@click.argument("name", metavar="COURSE")
@click.argument("target", metavar="FOLDER", type=_new_folder)
@state_option
def formgrader(name: str, target: Path, folder: Path) -> None:
    """Copy COURSE to FOLDER as an nbgrader course directory, for nbgrader's own formgrader.

    It holds solutions, hidden tests, what learners handed in and their marks, and is for you alone.
    """
    with tempfile.TemporaryFile() as packed:
        if code := as_course_account(folder, "formgrader", name, stdout=packed):
            sys.exit(code)
        packed.seek(0)
        left = _written(packed, target)
    click.echo(
        f"{name} is in {target}. Open JupyterLab there, and its formgrader; `onramp course merge` takes it back."
    )
    for sentence in left:
        click.echo(f"✗ {sentence}", err=True)
    sys.exit(1 if left else 0)


def _written(packed: IO[bytes], target: Path) -> Sequence[str]:
    """Unpack a copy, whole or not at all, and return what it lacks."""
    try:
        with whole_folder(target) as fresh:
            unpack(packed, fresh)
            return read_copy(fresh).left
    except CourseError as error:
        raise click.ClickException(str(error)) from None


@click.command()
@click.argument("name", metavar="COURSE")
@click.argument("source", metavar="FOLDER", type=_folder)
@click.option("--teacher", required=True, metavar="NAME", help="The teacher of COURSE who decided, for its log.")
@state_option
def merge(name: str, source: Path, teacher: str, folder: Path) -> None:
    """Take the points and comments back that were given in FOLDER, a copy for nbgrader's formgrader.

    Each change becomes an event with its author; what is the same makes none. What cannot be taken is named and stops
    nothing else; the exit code is then 1.
    """
    try:
        returned = read_back(source)
    except CourseError as error:
        raise click.ClickException(str(error)) from None
    sys.exit(
        as_course_account(folder, "merge", name, f"--teacher={teacher}", stdin=returned.model_dump_json().encode())
    )


COMMANDS = (import_, clone, formgrader, merge)
