"""`onramp grade attack`: one line for each file, whatever it is, and an exit code that says whether one gained."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from nbformat import NotebookNode

from hub_config.cli.grade import console
from hub_config.cli.main import main
from tests.attacks.attack import COURSE, Attack, attacks
from tests.attacks.build import NOWHERE, lay
from tests.attacks.ground import Ground, ground
from tests.curricula.course_here import solved

Command = Callable[..., Result]


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """Where no attack does harm."""
    with ground(tmp_path_factory) as one:
        yield one


@pytest.fixture
def grade(monkeypatch: pytest.MonkeyPatch) -> Command:
    """`onramp grade attack …` in a terminal wide enough for its table."""
    monkeypatch.setattr(console, "width", 400)
    return lambda *arguments: CliRunner().invoke(main, ["grade", "attack", *map(str, arguments)])


def test_each_file_has_a_line(here: Ground, grade: Command, tmp_path: Path) -> None:
    """Attacks of five kinds, and one that is none: right answers, which gain."""
    chosen = [one for one in attacks() if one.id in ("secrets", "no-json", "link-to-peer", "ends-itself")]
    cells = {one.id: one.source for one in _solved(here)}
    right = Attack(id="right", tries="nothing", answers=cells)
    loud = Attack(id="loud", tries="steer the terminal", answers={"squares": "raise ValueError('\\x1b[2J[bold]loud')"})
    lay(tmp_path, here.course, "attacks", here.places, (*chosen, right, loud))
    os.mkfifo(tmp_path / "pipe.ipynb")
    (tmp_path / "notes.txt").write_text("no notebook")

    done = grade(tmp_path, "--course", here.course.folder, "--assignment", "attacks")

    lines = {line.split()[0]: line for line in done.stdout.splitlines() if ".ipynb" in line}
    assert sorted(lines) == sorted(path.name for path in tmp_path.glob("*.ipynb"))
    assert "✗ gained" in lines["right.ipynb"]
    assert "10 of 10" in lines["right.ipynb"]
    assert "0 of 10" in lines["secrets.ipynb"]
    assert "FileNotFoundError" in lines["secrets.ipynb"]
    for name, reason in {
        "no-json": "it is not JSON",
        "link-to-peer": "It is a link, and no link is followed.",
        "ends-itself": "Its Python process ended",
        "pipe": "It is no ordinary file",
    }.items():
        assert "- of 10" in lines[f"{name}.ipynb"]
        assert "not run" in lines[f"{name}.ipynb"]
        assert reason in lines[f"{name}.ipynb"]
    assert "\x1b" not in lines["loud.ipynb"]
    assert "1 of 7 got more points than the unedited release." in done.stdout
    assert done.exit_code == 1


def test_where_nobody_gains_it_ends_well(here: Ground, grade: Command, tmp_path: Path) -> None:
    lay(tmp_path, here.course, "attacks", NOWHERE, tuple(one for one in attacks() if one.id == "tests-deleted"))
    done = grade(tmp_path, "--course", here.course.folder, "--assignment", "attacks")
    assert (done.exit_code, "0 of 1 got more points" in done.stdout) == (0, True)


@pytest.mark.parametrize(
    ("folder", "course", "assignment", "sentence"),
    [
        ("nowhere", COURSE, "attacks", r"nowhere cannot be read: No such file or directory\. Name a folder"),
        ("empty", COURSE, "attacks", r"No notebook lies in .*empty: put hostile submissions there, as \.ipynb files\."),
        ("full", "nowhere", "attacks", r"nowhere/course\.yaml: cannot be read"),
        ("full", COURSE, "a9", r"has no assignment 'a9': choose one of attacks, inside, speed\."),
        ("full", COURSE, None, r"several assignments: say which with --assignment, one of attacks, inside, speed\."),
    ],
    ids=["no folder", "no notebook", "no course", "no such assignment", "which assignment"],
)
def test_what_cannot_be_tried_is_said_in_a_sentence(
    grade: Command, tmp_path: Path, folder: str, course: Path | str, assignment: str | None, sentence: str
) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "full").mkdir()
    (tmp_path / "full/a.ipynb").write_text("{}")
    name = ["--assignment", assignment] if assignment else []
    done = grade(tmp_path / folder, "--course", tmp_path / course, *name)
    assert done.exit_code == 1
    assert done.output.count("\n") == 1, done.output
    assert re.search(sentence, done.output), done.output


def test_without_bubblewrap_nothing_is_run(grade: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr("hub_config.cli.grade._TOOLS", tmp_path)
    (tmp_path / "a.ipynb").write_text("{}")
    done = grade(tmp_path, "--course", COURSE, "--assignment", "attacks")
    assert (done.exit_code, "install Debian's bubblewrap" in done.output) == (1, True)


def _solved(here: Ground) -> list[NotebookNode]:
    cells = solved(here.course, here.course.assignment("attacks")).cells
    return [cell for cell in cells if cell.metadata.get("nbgrader", {}).get("solution")]
