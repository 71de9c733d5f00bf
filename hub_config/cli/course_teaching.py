"""`onramp course …`: what a teacher's pages show of one course, and what is decided there about one learner."""

import sys
from pathlib import Path

import click

from hub_config.cli.terminal import as_course_account, state_option

_name = click.argument("name", metavar="COURSE")
_assignment = click.argument("assignment")
_any_assignment = click.argument("assignment", required=False)
_learner = click.argument("learner")


@click.command()
@_name
@_any_assignment
@state_option
def submissions(name: str, assignment: str | None, folder: Path) -> None:
    """Print who handed in what of ASSIGNMENT, or of each: what was late, what came of it, and who has more time."""
    _run(folder, "submissions", name, assignment)


@click.command()
@_name
@_any_assignment
@state_option
def statistics(name: str, assignment: str | None, folder: Path) -> None:
    """Print how ASSIGNMENT went, or each: of every test the mean, and how many got all, some or no points."""
    _run(folder, "statistics", name, assignment)


@click.command()
@_name
@state_option
def log(name: str, folder: Path) -> None:
    """Print what happened in COURSE, who did it and what was before; the newest last."""
    _run(folder, "log", name)


@click.command()
@_name
@state_option
def learners(name: str, folder: Path) -> None:
    """Print who is in COURSE, one a line."""
    _run(folder, "learners", name)


@click.command()
@_name
@_assignment
@click.argument("learner", required=False)
@state_option
def marking(name: str, assignment: str, learner: str | None, folder: Path) -> None:
    """Print the answers to ASSIGNMENT that a person has to mark; of LEARNER, what was written and how to judge it.

    For the latter that is the question, the solution, and the comments that were used on this cell before.
    """
    _run(folder, "marking", name, assignment, learner)


@click.command()
@_name
@_assignment
@_learner
@click.argument("cell")
@click.argument("points")
@click.option("--teacher", required=True, metavar="NAME", help="The teacher of COURSE who decided, for its log.")
@click.option("--comment", default="", metavar="TEXT", help="What LEARNER reads beside the points.")
@state_option
def mark(
    name: str, assignment: str, learner: str, cell: str, points: str, teacher: str, comment: str, folder: Path
) -> None:
    """Give POINTS for CELL of LEARNER's last attempt at ASSIGNMENT; they stand over what its test says."""
    said = (f"--teacher={teacher}", f"--comment={comment}")
    _run(folder, "mark", *said, name, assignment, learner, cell, points)


@click.command()
@_name
@_assignment
@_learner
@click.argument("until")
@state_option
def extend(name: str, assignment: str, learner: str, until: str, folder: Path) -> None:
    """Give LEARNER until UNTIL to hand in ASSIGNMENT of COURSE.

    UNTIL is a time such as 2027-01-31T23:59, or with its time zone 2027-01-31T23:59+01:00; "-" takes an extension back.
    """
    _run(folder, "extend", name, assignment, learner, until)


@click.command()
@_name
@_assignment
@_learner
@state_option
def regrade(name: str, assignment: str, learner: str, folder: Path) -> None:
    """Grade LEARNER's last attempt at ASSIGNMENT anew, whatever it got; what it got stays on record."""
    _run(folder, "regrade", name, assignment, learner)


@click.command()
@_name
@_assignment
@state_option
def similar(name: str, assignment: str, folder: Path) -> None:
    """Print whose answers to ASSIGNMENT are alike: a hint of where to look, never a finding."""
    _run(folder, "similar", name, assignment)


@click.command()
@_name
@click.argument("roster", metavar="CSV", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@state_option
def enrol(name: str, roster: Path, folder: Path) -> None:
    """Let everybody into COURSE whom CSV names, one hub user a line, or in a column `id`; nobody is taken off."""
    _run(folder, "enrol", name, stdin=roster.read_bytes())


@click.command()
@_name
@_learner
@state_option
def remove(name: str, learner: str, folder: Path) -> None:
    """Take LEARNER off COURSE; what was handed in stays, and LEARNER may join again."""
    _run(folder, "remove", name, learner)


@click.command()
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@state_option
def certificate(file: Path, folder: Path) -> None:
    """Say whether this site signed the certificate in FILE, which its page gives, and what it says."""
    _run(folder, "certificate", stdin=file.read_bytes())


@click.command()
@_name
@click.argument("track")
@_learner
@click.option("--teacher", required=True, metavar="NAME", help="The teacher of COURSE who decided, for its log.")
@click.option(
    "--comment", required=True, metavar="TEXT", help="Why, for the log; the certificate's page leaves it out."
)
@state_option
def withdraw(name: str, track: str, learner: str, teacher: str, comment: str, folder: Path) -> None:
    """Take back LEARNER's certificate for TRACK of COURSE; its page then says so, and it is not given again."""
    _run(folder, "withdraw", f"--teacher={teacher}", f"--comment={comment}", name, track, learner)


@click.command()
@click.argument("person")
@click.option("--course", metavar="COURSE", help="Erase PERSON from this course alone.  [default: from all]")
@click.option("--yes", is_flag=True, help="Do not ask for the name once more.")
@state_option
def erase(person: str, course: str | None, yes: bool, folder: Path) -> None:
    """Erase PERSON from courses that go on: a drawn name takes the place of theirs, and their work is deleted.

    It first says what that will do and what it will not reach, and asks for the name once more. Points, times and
    counts stay right, and each course's log says that somebody was erased. It goes on where an earlier run was
    interrupted; the course service keeps running.
    """
    told = ("erase", person, f"--course={course}" if course else None)
    if code := as_course_account(folder, *told):
        sys.exit(code)
    if not yes and click.prompt("Type the name once more to erase them") != person:
        raise click.ClickException(f"That is not {ascii(person)[:60]}: nothing was changed.")
    _run(folder, *told, "--yes")


def _run(folder: Path, action: str, *arguments: str | None, stdin: bytes = b"") -> None:
    """Run one command of the course account and end as it ends."""
    sys.exit(as_course_account(folder, action, *arguments, stdin=stdin))


COMMANDS = (
    submissions,
    statistics,
    log,
    learners,
    marking,
    mark,
    extend,
    regrade,
    similar,
    enrol,
    remove,
    certificate,
    withdraw,
    erase,
)
