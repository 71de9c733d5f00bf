"""`onramp grade`: what an instructor or an operator tries of grading itself, on this machine."""

import os
import sys
from pathlib import Path

import click
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from curricula.answers import printable
from curricula.course import CourseError, load_course
from curricula.engine import EngineError
from curricula.hostile import Row, attack, chosen
from hub_config.cli.terminal import REPOSITORY

console = Console(highlight=False)
_TOOLS = REPOSITORY / ".tools/debian/usr/bin"


@click.group()
def grade() -> None:
    """Try how submissions are graded."""


@grade.command("attack")
@click.argument("folder", metavar="DIR", type=click.Path(path_type=Path))
@click.option(
    "--course", "source", metavar="FOLDER", required=True, type=click.Path(path_type=Path), help="The course."
)
@click.option("--assignment", metavar="NAME", help="Which of its assignments, if it has several.")
def attack_(folder: Path, source: Path, assignment: str | None) -> None:
    """Grade every notebook in DIR, hostile ones, as submissions of an assignment; print what each came to.

    Each runs in the sandbox. Printed are its score, where its tests ran (split: apart from the notebook's code;
    in-sandbox: in the notebook's own process), why it got no more, and what the sandbox refused to it. Exits with 1
    if one got more points than the release that nobody has edited.
    """
    os.environ["PATH"] = f"{os.environ.get('PATH', os.defpath)}:{_TOOLS}"
    rows = []
    try:
        course = load_course(source)
        with console.status("Grading the release …") as status:
            for row in attack(folder, course, chosen(course, assignment)):
                rows.append(row)
                status.update(f"Graded {escape(row.file)} …")
    except (CourseError, EngineError) as error:
        raise click.ClickException(str(error)) from None
    _print(rows)
    sys.exit(1 if any(row.gained for row in rows) else 0)


def _print(rows: list[Row]) -> None:
    """One line for each file, and one for all."""
    table = Table("notebook", "score", "mode", "reason", "refused", box=None, pad_edge=False)
    for row in rows:
        score = f"{'-' if row.score is None else format(row.score, 'g')} of {row.max_score:g}"
        words = (f"{row.file}{' ✗ gained' if row.gained else ''}", score, row.mode, row.reason, "; ".join(row.refused))
        table.add_row(*map(escape, map(printable, words)))
    console.print(table)
    gained = sum(row.gained for row in rows)
    console.print(f"\n{gained} of {len(rows)} got more points than the unedited release.")


COMMANDS = (grade,)
