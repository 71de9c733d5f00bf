"""`onramp course`: what is done with courses, as the course account; solutions never leave it."""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Column, Table

from curricula.course import load_course
from curricula.course_check import check_course
from hub_config.cli.course_moves import COMMANDS as MOVES
from hub_config.cli.course_teaching import COMMANDS as TEACHING
from hub_config.cli.terminal import as_course_account, or_complain, state_option
from hub_config.factory.courses import pack

console = Console(highlight=False)
_STEPS = {
    "release": "Make the learners' notebook of ASSIGNMENT from its source and let learners fetch it.",
    "grade": "Grade every last attempt without a result, each as one sandboxed job, and show how far it is.",
    "feedback": "Show learners the results there are now.",
}
_EACH = (
    "Without ASSIGNMENT it is done for each assignment of COURSE, and what came of each is printed. One whose turn has "
    "not come yet, such as feedback before anything is graded, stops no other. The exit code is 1 where one failed, or "
    "nothing could be done."
)


@click.group()
def course() -> None:
    """Put a course in place, release, grade, mark, see how it goes, give feedback, export marks, move it in and out."""


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
@click.argument("source", metavar="FOLDER", type=click.Path(path_type=Path, file_okay=False, exists=True))
def check(source: Path) -> None:
    """Check the course in FOLDER: whether its tests take right answers and no wrong ones, and its pages can be read.

    The instructor's answers and other right ones (answers.yaml, beside each notebook) must get full marks; the wrong
    ones there, and three for each exercise that are made here, must not. Runs the notebooks on this machine: check only
    what you trust. Tests are split, in-sandbox or by hand, as far as reading finds it; the first grading tries each.
    """
    given = or_complain(lambda: load_course(source))
    names = ("minutes", "cells", "tests seen", "hidden", "evidence", "wrong answers noticed", "seconds")
    numbers = (Column(name, justify="right") for name in names)
    table = Table("module", *numbers, box=None, pad_edge=False)
    problems: list[str] = []
    modes: list[str] = []
    with console.status("Running notebooks …") as status:
        for number, row in enumerate(check_course(given), 1):
            status.update(f"Running notebooks: {number} of {len(given.assignments)} done …")
            counts = (row.minutes, row.cells, row.visible, row.hidden, row.evidence)
            table.add_row(row.name, *map(str, counts), f"{row.caught} of {row.wrong}", f"{row.seconds:.1f}")
            problems += [f"{row.name}: {problem}" for problem in row.problems]
            modes += row.modes.lines(row.name)
    console.print(table)
    for line in modes:
        click.echo(line)
    for problem in problems:
        click.echo(f"✗ {problem}", err=True)
    sys.exit(1 if problems else 0)


def _step(action: str, text: str) -> click.Command:
    """What a teacher does with one assignment, or with each of a course."""

    @click.command(action, help=f"{text}\n\n{_EACH}")
    @click.argument("name", metavar="COURSE")
    @click.argument("assignment", required=False)
    @state_option
    def step(name: str, assignment: str | None, folder: Path) -> None:
        _run(folder, action, name, assignment)

    return step


for _action, _text in _STEPS.items():
    course.add_command(_step(_action, _text))


@course.command()
@click.argument("name", metavar="COURSE")
@state_option
def export(name: str, folder: Path) -> None:
    """Print the marks as CSV."""
    _run(folder, "export", name)


@course.command()
@click.argument("name", metavar="COURSE")
@state_option
def rebuild(name: str, folder: Path) -> None:
    """Make nbgrader's gradebook anew from all that happened; what was changed in it by hand is lost."""
    _run(folder, "rebuild", name)


for _command in (*TEACHING, *MOVES):
    course.add_command(_command)


def _run(folder: Path, action: str, *arguments: str | None, stdin: bytes = b"") -> None:
    """Run one command of the course account and end as it ends."""
    sys.exit(as_course_account(folder, action, *arguments, stdin=stdin))


COMMANDS = (course,)
