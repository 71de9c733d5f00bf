"""`onramp course`: what is done with courses, as the course account; solutions never leave it."""

import sys
from pathlib import Path

import click
from rich.console import Console
from rich.table import Table

from curricula.course import load_course
from curricula.course_check import check_course
from hub_config.cli.course_moves import COMMANDS as MOVES
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
    """Put a course in place, release, extend, grade, compare, give feedback, export marks, move it in and out."""


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
    table = Table(
        "module",
        "minutes",
        "cells",
        "tests seen",
        "hidden",
        "wrong answers noticed",
        "seconds",
        box=None,
        pad_edge=False,
    )
    problems: list[str] = []
    modes: list[str] = []
    with console.status("Running notebooks …"):
        for row in check_course(or_complain(lambda: load_course(source))):
            counts = (
                row.minutes,
                row.cells,
                row.visible,
                row.hidden,
                f"{row.caught} of {row.wrong}",
                f"{row.seconds:.1f}",
            )
            table.add_row(row.name, *map(str, counts))
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
@click.argument("assignment")
@click.argument("learner")
@click.argument("until")
@state_option
def extend(name: str, assignment: str, learner: str, until: str, folder: Path) -> None:
    """Give LEARNER until UNTIL to hand in ASSIGNMENT of COURSE.

    UNTIL is a time such as 2027-01-31T23:59, or with its time zone 2027-01-31T23:59+01:00; "-" takes an extension back.
    """
    _run(folder, "extend", name, assignment, learner, until)


@course.command()
@click.argument("name", metavar="COURSE")
@click.argument("assignment")
@click.argument("learner")
@state_option
def regrade(name: str, assignment: str, learner: str, folder: Path) -> None:
    """Grade LEARNER's last attempt at ASSIGNMENT anew, whatever it got; what it got stays on record."""
    _run(folder, "regrade", name, assignment, learner)


@course.command()
@click.argument("name", metavar="COURSE")
@click.argument("assignment")
@state_option
def similar(name: str, assignment: str, folder: Path) -> None:
    """Print whose answers to ASSIGNMENT are alike: a hint of where to look, never a finding."""
    _run(folder, "similar", name, assignment)


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


for _command in MOVES:
    course.add_command(_command)


def _run(folder: Path, action: str, *arguments: str | None, stdin: bytes = b"") -> None:
    """Run one command of the course account and end as it ends."""
    sys.exit(as_course_account(folder, action, *arguments, stdin=stdin))


COMMANDS = (course,)
