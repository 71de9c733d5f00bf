"""nbgrader courses brought in: what comes comes whole, what does not is named, and their folder is only looked at."""

import hashlib
import os
import shutil
import sqlite3
import stat
from datetime import UTC, datetime
from pathlib import Path

import nbformat
import pytest
from click.testing import CliRunner
from nbformat.v4 import new_code_cell, new_markdown_cell
from nbgrader.api import Gradebook

from curricula.course import load_course
from curricula.gradebook import _alembic_on_path
from curricula.moves.bring import Report, bring
from curricula.moves.files import MoveError
from curricula.release import generated
from curricula.roster import read_roster
from hub_config.cli.main import main
from tests.curricula.nbgrader_here import NAMED, OLD, PICTURE, answer, exam, put, quickstart, text

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def theirs(tmp_path: Path) -> Path:
    """An nbgrader course with one assignment that is as it should be."""
    put(tmp_path / "theirs", "good")
    return tmp_path / "theirs"


def brought(theirs: Path, **how: bool) -> Report:
    target = theirs.parent / "ours"
    shutil.rmtree(target, ignore_errors=True)
    return bring(theirs, target, ["teacher1"], **how)


def why(theirs: Path, name: str) -> str:
    """The reasons for which one assignment was left, while the good one came."""
    report = brought(theirs)
    assert [one.assignment.name for one in report.taken] == ["good"]
    assert not (theirs.parent / "ours/source" / name).exists()
    return " ".join(line for one in report.left if one.name == name for line in one.why)


def state(folder: Path) -> dict[str, tuple[str, int, int]]:
    """Every file below a folder: what is in it, its mode, and when it was written."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        str(path): (hashlib.sha256(path.read_bytes()).hexdigest(), path.stat().st_mode, path.stat().st_mtime_ns)
        for path in files
    }


# What comes.


def test_nbgraders_own_quickstart_comes_whole(tmp_path: Path) -> None:
    folder = quickstart(tmp_path / "theirs")
    before = state(folder)
    report = brought(folder, split=True)

    assert [(one.assignment.name, one.assignment.title) for one in report.taken] == [
        ("ps1-problem1", "ps1: problem1"),
        ("ps1-problem2", "ps1: problem2"),
    ]
    assert report.left == ()
    course = load_course(tmp_path / "ours")
    first = nbformat.read(course.source(course.assignments[0]), as_version=4)
    header = nbformat.read(folder / "source/header.ipynb", as_version=4)
    assert first.cells[0].source == header.cells[0].source
    assert [name for cell in first.cells for name in cell.get("attachments", {})] == ["jupyter.png"]
    assert "attachment:jupyter.png" in "".join(
        cell.source for cell in generated(course, course.assignments[0]).release.cells
    )
    assert state(folder) == before


def test_without_splitting_several_notebooks_are_left_and_nothing_is_written(tmp_path: Path) -> None:
    with pytest.raises(MoveError, match=r"2 notebooks \(problem1.ipynb, problem2.ipynb\).* again with --split"):
        brought(quickstart(tmp_path / "theirs"))
    assert not (tmp_path / "ours").exists()


@pytest.mark.parametrize(("file", "note"), [("test-v0", "metadata 0 → 3"), ("test-v1", "1 → 3"), ("test-v2", "2 → 3")])
def test_old_metadata_are_renewed_by_nbgraders_own_rules(theirs: Path, file: str, note: str) -> None:
    (theirs / "source/old").mkdir()
    shutil.copy(OLD / f"{file}.ipynb", theirs / "source/old/old.ipynb")
    report = brought(theirs)
    (old,) = (one for one in report.taken if one.assignment.name == "old")

    assert note in " ".join(old.notes)
    assert {cell.metadata.nbgrader.schema_version for cell in old.tests} == {3}
    assert sum(cell.metadata.nbgrader.points for cell in old.tests) > 0


def test_names_dates_and_people_come_along(theirs: Path) -> None:
    put(
        theirs,
        "Week 1.2_b",
        file="Problem 1.ipynb",
        kernel={"name": "conda-env-x-py", "language": "python", "display_name": "x"},
    )
    (theirs / "nbgrader_config.py").write_text('c = get_config()\nc.CourseDirectory.course_id = "World Music"\n')
    with _alembic_on_path(), Gradebook(f"sqlite:///{theirs}/gradebook.db") as gradebook:
        gradebook.add_assignment("good", duedate="2027-02-02 17:00:00 UTC")
        gradebook.add_assignment("Week 1.2_b", duedate="2027-03-02 17:00:00 UTC")
        for name in ("bitdiddle", "hacker", "Ada Lovelace"):
            gradebook.add_student(name)
    before = state(theirs)
    report = brought(theirs)

    assert state(theirs) == before
    assert (report.course.name, report.course.title, report.course.teachers) == (
        "world-music",
        "World Music",
        {"teacher1"},
    )
    assert [(one.name, one.title, one.notebook, one.due) for one in report.course.assignments] == [
        ("week-1-2-b", "Week 1.2_b", "Problem-1.ipynb", datetime(2027, 3, 2, 17, tzinfo=UTC)),
        ("good", "good", "nb.ipynb", datetime(2027, 2, 2, 17, tzinfo=UTC)),
    ]
    assert read_roster((theirs.parent / "ours/roster.csv").read_text()) == ("bitdiddle", "hacker")
    assert [one.why[0].split(" is no")[0] for one in report.left] == ["Student 'Ada Lovelace'"]
    assert "kernel conda-env-x-py → python3" in report.taken[0].notes
    assert load_course(theirs.parent / "ours").model_dump() == report.course.model_dump()


def test_what_is_written_is_its_owners_alone(theirs: Path) -> None:
    brought(theirs)
    ours = theirs.parent / "ours"
    modes = {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (ours, *ours.rglob("*"))}
    assert modes == {0}


def test_the_config_is_read_and_never_run(theirs: Path) -> None:
    witness = theirs.parent / "it ran"
    (theirs / "nbgrader_config.py").write_text(
        f"import os\nopen({str(witness)!r}, 'w')\nc = get_config()\n"
        "c.CourseDirectory.course_id = os.environ['X']\n"
        "if True:\n    c.ClearSolutions.code_stub = {'python': 'pass'}\n"
        "c.ClearHiddenTests.enforce_metadata = True\nc.Exchange.root = '/srv/x'\n"
        "c.CourseDirectory.db_assignments = [dict(name='good', duedate='2027-02-02 17:00:00 UTC')]\n"
        "c.CourseDirectory.db_students = [{'id': 'hacker'}]\n"
        "c.AssignLatePenalties.plugin_class = 'late.Plugin'\nc.GenerateAssignment.preprocessors.append(3)\n"
    )
    report = brought(theirs)

    assert not witness.exists()
    assert (report.course.name, report.students) == ("theirs", 1)
    assert report.course.assignments[0].due == datetime(2027, 2, 2, 17, tzinfo=UTC)
    assert sorted(one.why[0].split(" ")[0] for one in report.left) == [
        "AssignLatePenalties.plugin_class",
        "ClearSolutions.code_stub",
        "CourseDirectory.course_id",
        "GenerateAssignment.preprocessors",
    ]


# What is left, each with its reason and what to do.

_ESSAY = {**NAMED, "grade": True, "solution": True, "grade_id": "essay", "points": 1}
LEFT = {
    "singular": (
        (answer(), exam("### BEGIN HIDDEN TEST\nassert x\n### END HIDDEN TEST")),
        "“BEGIN HIDDEN TEST” is not a mark",
    ),
    "elsewhere": (
        (answer(), exam(), text("### BEGIN SOLUTION\nx\n### END SOLUTION")),
        "cell 3: BEGIN SOLUTION stands in a cell that is no answer",
    ),
    "untested": (
        (answer(), exam(), new_code_cell("### BEGIN HIDDEN TESTS\n1\n### END HIDDEN TESTS")),
        "in a cell that is no test",
    ),
    "nested": (
        (answer("### BEGIN SOLUTION\n### BEGIN SOLUTION\n### END SOLUTION"), exam()),
        "BEGIN SOLUTION stands inside BEGIN SOLUTION",
    ),
    "crossed": (
        (answer(), exam("### BEGIN HIDDEN TESTS\n### BEGIN MARK SCHEME\n### END HIDDEN TESTS")),
        "inside BEGIN HIDDEN TESTS",
    ),
    "endless": ((answer("### BEGIN SOLUTION\nx = 1"), exam()), "BEGIN SOLUTION has no END SOLUTION"),
    "twice": ((answer(name="t"), exam()), "2 cells have the grade_id 't'"),
    "worthless": ((answer(), exam(points=0)), "worth 0 points"),
    "ungraded": ((answer(),), "nothing in it is graded"),
    "unnamed": ((answer(), exam(name="")), "grade_id is empty"),
    "pointless": ((answer(), exam(points=-1)), "less than the minimum"),
    "strange": ((answer(), exam(), new_markdown_cell("x", metadata={"nbgrader": "x"})), "refuses its metadata"),
    "new": ((answer(), exam(schema_version=4)), "Schema version is too new"),
    "automatic": ((answer(), exam("### HASHED AUTOTEST x")), "### AUTOTEST is no test yet"),
}


@pytest.mark.parametrize("name", LEFT)
def test_a_notebook_that_would_release_or_grade_wrong(theirs: Path, name: str) -> None:
    cells, said = LEFT[name]
    put(theirs, name, *cells)
    assert said in why(theirs, name)


@pytest.mark.parametrize(
    "kernel", [{"name": "ir", "display_name": "R", "language": "R"}, {"name": "c", "display_name": "C", "language": 5}]
)
def test_another_language(theirs: Path, kernel: dict[str, object]) -> None:
    put(theirs, "r", kernel=kernel)
    assert "its kernel speaks" in why(theirs, "r")


@pytest.mark.parametrize("name", ["a, b", "R&D", "ü", "a" * 42, "+x", "a\nb", "-"])
def test_a_name_that_is_none_here(theirs: Path, name: str) -> None:
    put(theirs, name)
    assert "is no name for an assignment here" in why(theirs, name)


def test_names_that_would_be_the_same(theirs: Path) -> None:
    for name in ("PS 1", "ps_1"):
        put(theirs, name)
    assert "2 assignments would be called ps-1 here" in why(theirs, "PS 1")
    assert "Rename all of them but one" in why(theirs, "ps_1")


def test_marks_of_the_courses_own(theirs: Path) -> None:
    (theirs / "nbgrader_config.py").write_text("c.ClearHiddenTests.begin_test_delimeter = 'SECRET'\n")
    put(theirs, "own", answer(), exam("# SECRET\nassert x"))
    assert "“SECRET” is a mark of nbgrader_config.py" in why(theirs, "own")


@pytest.mark.parametrize("content", [b"", b"print()", b"[]", b'{"nbformat": 99, "cells": []}', b"\xff", b"[" * 100_000])
def test_what_is_no_notebook(theirs: Path, content: bytes) -> None:
    put(theirs, "broken").write_bytes(content)
    assert "is not a notebook that Jupyter can read" in why(theirs, "broken")


def test_files_beside_the_notebook(theirs: Path) -> None:
    for name in ("data.csv", "more/unused.png", ".ipynb_checkpoints/nb-checkpoint.ipynb"):
        put(theirs, "extra").with_name("x").parent.joinpath(name).parent.mkdir(exist_ok=True)
        (theirs / "source/extra" / name).write_bytes(PICTURE)
    assert "lies data.csv, more/unused.png, and learners here get the notebook alone" in why(theirs, "extra")


def test_a_picture_in_an_answer_would_give_it_away(theirs: Path) -> None:
    put(theirs, "shown", answer(), exam(), new_markdown_cell("![](a.png)", metadata={"nbgrader": _ESSAY}))
    (theirs / "source/shown/a.png").write_bytes(PICTURE)
    assert "lies a.png" in why(theirs, "shown")


def test_links_pipes_and_what_lies_elsewhere(theirs: Path) -> None:
    secret = theirs.parent / "secret.ipynb"
    shutil.copy(theirs / "source/good/nb.ipynb", secret)
    (theirs / "source/link").mkdir()
    (theirs / "source/link/nb.ipynb").symlink_to(secret)
    (theirs / "source/pipe").mkdir()
    os.mkfifo(theirs / "source/pipe/nb.ipynb")
    (theirs / "source/away").symlink_to(theirs / "source/good")
    (theirs / "source/empty").mkdir()
    (theirs / "source/notes.txt").touch()

    assert "It is a link" in why(theirs, "link")
    assert "is no ordinary file" in why(theirs, "pipe")
    assert "is a link" in why(theirs, "source/away")
    assert "It has no notebook" in why(theirs, "empty")
    assert "beside the assignments" in why(theirs, "source/notes.txt")


def test_a_notebook_of_21_mb(theirs: Path) -> None:
    put(theirs, "large", answer(), exam(), text("x" * 20_000_001))
    assert "has more than 20 MB" in why(theirs, "large")


def test_a_gradebook_that_is_none(theirs: Path) -> None:
    for content in (b"", b"not a database", b"SQLite format 3\0" + b"\xff" * 4000):
        (theirs / "gradebook.db").write_bytes(content)
        assert "cannot be read as nbgrader's gradebook" in why(theirs, "gradebook")
    (theirs / "gradebook.db").unlink()
    (theirs / "gradebook.db").symlink_to("/etc/passwd")
    assert "is a link" in why(theirs, "gradebook")
    for url in ("postgresql://me:s3cret@db/x", "sqlite:////etc/passwd"):
        (theirs / "nbgrader_config.py").write_text(f"c.CourseDirectory.db_url = {url!r}\n")
        said = why(theirs, "gradebook")
        assert ("is no file in this folder" in said, "s3cret" in said) == (True, False)


def test_a_due_date_that_is_none(theirs: Path) -> None:
    database = sqlite3.connect(theirs / "gradebook.db")
    database.executescript("CREATE TABLE assignment (name, duedate); CREATE TABLE student (id);")
    database.execute("INSERT INTO assignment VALUES ('good', 'soon')")
    database.commit()
    database.close()
    assert "The due date of 'good', 'soon', is no time" in why(theirs, "gradebook")


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ("c.CourseDirectory.source_directory = '../..'", "is no nbgrader course"),
        ("c.IncludeHeaderFooter.header = '/etc/passwd'", "lies outside the course"),
        ("c.IncludeHeaderFooter.header = 'none.ipynb'", "cannot be read"),
        ("c = (", "is no Python"),
        ("\0", "is no Python"),
        ("(" * 5000, "is no Python"),
    ],
)
def test_a_config_with_which_nothing_can_be_taken(theirs: Path, config: str, said: str) -> None:
    (theirs / "nbgrader_config.py").write_text(config)
    with pytest.raises(MoveError, match=said):
        brought(theirs)
    assert not (theirs.parent / "ours").exists()


def test_nothing_is_written_over(theirs: Path) -> None:
    (theirs.parent / "ours").mkdir()
    (theirs.parent / "ours/mine.txt").touch()
    with pytest.raises(MoveError, match="is there already"):
        bring(theirs, theirs.parent / "ours", ["teacher1"])
    assert [path.name for path in theirs.parent.iterdir()] in (["theirs", "ours"], ["ours", "theirs"])


# The command.


def test_the_command_lists_what_came_and_what_was_left(theirs: Path) -> None:
    put(theirs, "R&D")
    ours = str(theirs.parent / "ours")
    done = CliRunner().invoke(main, ["course", "import", str(theirs), ours, "--teacher", "ada"])

    assert done.exit_code == 1
    for said in (
        "good",
        "2",
        "changed on the way",
        "R&D",
        "Rename its",
        f"./onramp course create {ours}",
        "taught by ada",
    ):
        assert said in done.output
    shutil.rmtree(theirs / "source/R&D")
    assert CliRunner().invoke(main, ["course", "import", str(theirs), f"{ours}2"]).exit_code == 0
    assert CliRunner().invoke(main, ["course", "import", str(theirs), f"{ours}2"]).exit_code == 1


def test_a_folder_that_is_no_course(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["course", "import", str(tmp_path), str(tmp_path / "ours")])
    assert (done.exit_code, "is no nbgrader course: source/ is missing" in done.output) == (1, True)
