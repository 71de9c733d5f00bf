"""`onramp course clone|formgrader|merge` as an operator types them, with a small nsenter in the place of a factory."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from click.testing import CliRunner
from nbgrader.api import Gradebook

from curricula.events import EventStore
from curricula.marks import CellGrade, Key, Result
from curricula.service.desk import Desk
from hub_config.cli.main import main
from hub_config.factory.state import State
from tests.curricula.service_here import REPOSITORY, notebook, write_course

# What enters a factory's namespaces there, here: the same command of the course account, on the test's own folder.
NSENTER = f"""#!/bin/sh
while [ "$1" != -m ]; do shift; done
shift 2
[ "$1" = --root ] && shift 2
cd "{REPOSITORY}" && exec "{sys.executable}" -m curricula.service.admin --root "$COURSE_ROOT" "$@"
"""


class Said(NamedTuple):
    """How a command ended, and what it said."""

    code: int
    out: str
    err: str


Run = Callable[..., Said]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The course account's folder: student1 has handed in, and the test gave 1 of 4 points."""
    write_course(tmp_path / "root")
    store = EventStore(f"sqlite:///{tmp_path}/root/events.sqlite")
    desk = Desk(tmp_path / "root", store)
    course = desk.course("c1")
    about = {"course": "c1", "assignment": "a1", "user": "student1", "actor": "student1"}
    with desk.submissions.incoming(10_000) as file:
        file.write(notebook("right"))
        told = {"sha256": file.keep(), "late": False, "attempt": 1, "version": "v"}
    number = store.append("received", payload=told, **about).id
    key = Key(submission=told["sha256"], assignment=course.version(course.assignments[0]), environment="e")
    result = Result(key=key, cells=(CellGrade(name="t", score=1, max_score=4),))
    store.append("graded", submission=number, payload=result.model_dump(mode="json"), **about)
    store.close()
    return tmp_path / "root"


@pytest.fixture
def run(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Iterator[Run]:
    """`./onramp course …` with a state folder in which something runs."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/nsenter").write_text(NSENTER)
    (tmp_path / "bin/nsenter").chmod(0o755)
    factory = subprocess.Popen(["sh", "-c", "sleep 600; true"], start_new_session=True)
    state = State(tmp_path / "state")
    state.folder.mkdir(exist_ok=True)
    started = Path(f"/proc/{factory.pid}/stat").read_text().rpartition(")")[2].split()[19]
    state.pid_file.write_text(f"{factory.pid} {started}\n")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{os.environ['PATH']}")
    monkeypatch.setenv("COURSE_ROOT", str(root))
    children = Path(f"/proc/{factory.pid}/task/{factory.pid}/children")
    for _ in range(500):
        if children.read_text():
            break
        time.sleep(0.01)
    child = int(children.read_text().split()[0])

    def course(*arguments: object, typed: str | None = None) -> Said:
        given = ["course", *map(str, arguments), "--state", str(state.folder)]
        done = CliRunner().invoke(main, given, input=typed)
        below = capfd.readouterr()  # what the course account's own process said
        return Said(done.exit_code, below.out + done.stdout, below.err + done.stderr)

    yield course
    os.kill(child, 15)
    factory.wait(10)


def marks(root: Path) -> list[tuple[str, object]]:
    store = EventStore(f"sqlite:///{root}/events.sqlite")
    found = [(event.actor, event.payload["score"]) for event in store.events(kind="overridden")]
    store.close()
    return found


def test_to_formgrader_and_back(run: Run, root: Path, tmp_path: Path) -> None:
    done = run("formgrader", "c1", tmp_path / "copy")
    assert (done.code, done.err, "`onramp course merge` takes it back" in done.out) == (0, "", True)
    assert (tmp_path / "copy/submitted/student1/a1/first.ipynb").read_bytes() == notebook("right")
    with Gradebook(f"sqlite:///{tmp_path}/copy/gradebook.db", "c1") as gradebook:
        gradebook.find_grade("t", "first", "a1", "student1").manual_score = 2.5
        gradebook.db.commit()

    said = [run("merge", "c1", tmp_path / "copy", "--teacher", "teacher1") for _ in range(2)]
    assert [one.code for one in said] == [0, 0], said[0].err
    assert said[0].out == "a1, student1, t: as tested → 2.5\n1 changed in Course one, 0 refused.\n"
    assert said[1].out == "0 changed in Course one, 0 refused.\n"
    assert marks(root) == [("teacher1", 2.5)]
    with Gradebook(f"sqlite:///{root}/courses/c1/gradebook.db", "c1") as gradebook:
        assert gradebook.find_grade("t", "first", "a1", "student1").manual_score == 2.5


def test_what_is_refused_makes_the_exit_code_1(run: Run, root: Path, tmp_path: Path) -> None:
    run("formgrader", "c1", tmp_path / "copy")
    with Gradebook(f"sqlite:///{tmp_path}/copy/gradebook.db", "c1") as gradebook:
        gradebook.find_grade("t", "first", "a1", "student1").manual_score = 99
        gradebook.db.commit()
    done = run("merge", "c1", tmp_path / "copy", "--teacher", "teacher1")
    assert (done.code, "onramp: a1, student1, t: t takes from 0 to 4 points, not 99" in done.err) == (1, True)
    stranger = run("merge", "c1", tmp_path / "copy", "--teacher", "student1")
    assert (stranger.code, "does not teach Course one" in stranger.err) == (1, True)
    assert marks(root) == []


def test_a_copy_is_whole_or_not_there(run: Run, root: Path, tmp_path: Path) -> None:
    done = run("formgrader", "c9", tmp_path / "none")
    assert (done.code, "There is no course 'c9' here" in done.err) == (1, True)
    (root / "courses/c1/source/a4/fourth.ipynb").write_text("{")
    done = run("formgrader", "c1", tmp_path / "none")
    assert (done.code, "The source of a4" in done.err) == (1, True)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/file").touch()
    (root / "courses/c1/source/a4/fourth.ipynb").write_bytes((root / "courses/c1/source/a1/first.ipynb").read_bytes())
    done = run("formgrader", "c1", tmp_path / "mine")
    assert (done.code, "is there already" in done.err) == (1, True)
    assert {path.name for path in tmp_path.iterdir()} == {"root", "bin", "state", "mine"}


def test_next_year(run: Run, root: Path) -> None:
    done = run("clone", "c1", "c1-2027", "--shift=-3")
    assert (done.code, done.out.startswith("c1-2027 is in place: 4 assignments, code C1-2027-")) == (0, True)
    assert run("clone", "c1", "x", "--shift", 1, "--starts", "2027-02-01").code == 2
    assert run("clone", "c1", "x", "--starts", "soon").code == 2
    assert {path.name for path in (root / "courses").iterdir()} == {"c1", "c1-2027"}


def test_a_round_in_a_shell(run: Run, root: Path, tmp_path: Path) -> None:
    """What a teacher's pages show and decide, as an operator types it."""
    roster = tmp_path / "people.csv"
    roster.write_text("id,last_name\nstudent1,A\nstudent2,B\n")
    assert run("enrol", "c1", roster).out.startswith("2 of the 2 on the roster are new in Course one")
    assert run("learners", "c1").out == "student1\nstudent2\n"
    assert run("extend", "c1", "a2", "student2", "2037-01-31T23:59").code == 0
    done = run("mark", "c1", "a1", "student1", "t", "2.5", "--teacher", "teacher1", "--comment", "Nearly: -1.5")
    assert (done.code, done.out) == (0, "t has 2.5 of 4 points now; in all 2.5 of 4 points.\n")

    handed = run("submissions", "c1").out
    assert "First: not released; 1 handed in, 0 without a result." in handed
    assert " ".join(_line(handed, "student1").split()).endswith("2.5 of 4 points")
    assert "not handed in" in _line(handed, "student2")
    assert "31 January 2037" in _line(handed, "student2")
    assert _line(run("statistics", "c1", "a1").out, "t  ").split() == ["t", "2.5", "of", "4", "0", "1", "0", "0"]
    assert "Second: nothing was handed in, and it is not released.\n" in run("statistics", "c1").out
    assert run("remove", "c1", "student2").code == 0
    log = run("log", "c1").out
    for said in ("teacher1  t in First by student1: from 1 to 2.5 points. “Nearly: -1.5”", "student2 was taken off."):
        assert said in log
    assert marks(root) == [("teacher1", 2.5)]
    with Gradebook(f"sqlite:///{root}/courses/c1/gradebook.db", "c1") as gradebook:
        assert gradebook.find_grade("t", "first", "a1", "student1").manual_score == 2.5


def _line(said: str, word: str) -> str:
    return next(line for line in said.splitlines() if line.startswith(word))


def test_a_folder_that_is_no_copy(tmp_path: Path) -> None:
    done = CliRunner().invoke(main, ["course", "merge", "c1", str(tmp_path), "--teacher", "t"])
    assert (done.exit_code, "is no copy that `./onramp course formgrader` made" in done.output) == (1, True)


def test_a_person_is_erased_once_their_name_was_typed_again(run: Run, root: Path) -> None:
    for typed, said in (("Student1\n", "That is not 'student1': nothing was changed."), ("", "Aborted!")):
        done = run("erase", "student1", typed=typed)
        assert (done.code, "c1: 2 events (1 attempt)" in done.out, "Erased" in done.out) == (1, True, False)
        assert said in done.err
    assert len([*(root / "submissions").glob("??/*")]) == 1

    done = run("erase", "student1", "--course", "c1", typed="student1\n")
    assert (done.code, done.err) == (0, "")
    assert "Erased. Changed: 2 events; deleted: 1 notebook.\n" in done.out
    assert [*(root / "submissions").glob("??/*")] == []
    assert [path for path in root.rglob("*") if path.is_file() and b"student1" in path.read_bytes()] == []
    again = run("erase", "student1", "--yes")
    assert (again.code, again.out, "Nothing on record in any course names 'student1'" in again.err) == (1, "", True)
