"""A course copied out for nbgrader's own formgrader, marked there, and merged back as events."""

import io
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import yaml
from nbgrader.api import Gradebook

from curricula.moves.bring import bring
from curricula.moves.copied import NAME as MANIFEST
from curricula.moves.copied import read_back, read_copy
from curricula.moves.files import MoveError, whole_folder
from curricula.moves.packed import pack, unpack
from curricula.service import admin, moving
from curricula.service.desk import Desk
from curricula.service.refused import Refused
from curricula.service.standing import Attempt, marks_of, standings
from tests.curricula.formgrader_here import FIRST, NAME, desk_of, formgrader, graded_course, hand_in, solved
from tests.curricula.nbgrader_here import command

# A test, the answer that it is about, one that a person marks, and what nbgrader calls a task.
TEST, ANSWER, ESSAY, TASK = "correct_squares", "squares", "sum_of_squares_equation", "cell-938593c4a215c6cc"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("course") / "root"
    graded_course(root)
    return root


@pytest.fixture
def desk(made: Path, tmp_path: Path) -> Iterator[Desk]:
    """The service's folder, this test's own."""
    shutil.copytree(made, tmp_path / "root")
    one = desk_of(tmp_path / "root")
    yield one
    one.store.close()


def copy_out(desk: Desk, name: str = "copy") -> Path:
    """Copy the course as `./onramp course formgrader` does."""
    packed = io.BytesIO()
    pack(moving.copied(desk, desk.course(NAME)), packed)
    packed.seek(0)
    with whole_folder(desk.root.parent / name) as fresh:
        unpack(packed, fresh)
    return desk.root.parent / name


@pytest.fixture
def copy(desk: Desk) -> Path:
    return copy_out(desk)


def book(copy: Path) -> Gradebook:
    return Gradebook(f"sqlite:///{copy}/gradebook.db", NAME)


def mark(copy: Path, cell: str, score: object, comment: str | None = None, user: str = "ada", **more: object) -> None:
    """What a grader does in formgrader: points and a comment in the copy's gradebook."""
    with book(copy) as gradebook:
        grade = gradebook.find_grade(cell, "problem1", FIRST, user)
        grade.manual_score = score
        for name, value in more.items():
            setattr(grade, name, value)
        if comment is not None:
            gradebook.find_comment(cell, "problem1", FIRST, user).manual_comment = comment
        gradebook.db.commit()


def merge(desk: Desk, copy: Path, teacher: str = "teacher1") -> tuple[list[str], list[str]]:
    return moving.merge(desk, teacher, desk.course(NAME), read_back(copy))


def overridden(desk: Desk) -> list[tuple[Any, ...]]:
    events = desk.store.events(kind="overridden")
    told = ("cell", "score", "comment", "before")
    return [(event.actor, event.user, *(event.payload[name] for name in told)) for event in events]


# What is copied.


def test_the_copy_is_a_whole_nbgrader_course_for_its_owner_alone(desk: Desk, copy: Path) -> None:
    found = {str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file()}
    notebooks = {
        "source/ps1-problem1/problem1.ipynb",
        "source/ps1-problem2/problem2.ipynb",
        "release/ps1-problem1/problem1.ipynb",
        *(f"{step}/{user}/{FIRST}/problem1.ipynb" for step in ("submitted", "autograded") for user in ("ada", "bob")),
    }
    times = {f"{step}/{user}/{FIRST}/timestamp.txt" for step in ("submitted", "autograded") for user in ("ada", "bob")}
    assert found == {"nbgrader_config.py", "gradebook.db", MANIFEST} | notebooks | times
    modes = {(path.is_dir(), stat.S_IMODE(path.stat().st_mode)) for path in (copy, *copy.rglob("*"))}
    assert modes == {(True, 0o700), (False, 0o600)}

    (ada, _) = desk.received(desk.course(NAME))
    handed_in = copy / f"submitted/ada/{FIRST}/problem1.ipynb"
    assert handed_in.read_bytes() == desk.submissions.path(ada.payload["sha256"]).read_bytes()
    assert handed_in.with_name("timestamp.txt").read_text() == "2026-11-20 12:00:00.000007 UTC\n"


def test_what_ran_is_shown_without_script_and_without_the_graders_own_cells(copy: Path) -> None:
    submitted, ran = (
        nbformat.read(copy / f"{step}/ada/{FIRST}/problem1.ipynb", as_version=4) for step in ("submitted", "autograded")
    )
    assert len(submitted.cells) == len(ran.cells)
    assert ran.cells[-1].outputs[0].data["text/html"] == "<b>bold</b>&lt;script&gt;alert(1)&lt;/script&gt;"


def test_a_copy_is_a_course_that_comes_back_in(desk: Desk, copy: Path, tmp_path: Path) -> None:
    report = bring(copy, tmp_path / "again", ["teacher1"])
    course = desk.course(NAME)

    assert report.left == ()
    assert (report.course.name, report.students) == (NAME, 3)
    for one in report.course.assignments:
        assert one.name in {theirs.name for theirs in course.assignments}
        again = nbformat.read(tmp_path / "again/source" / one.name / one.notebook, as_version=4)
        assert again == nbformat.read(course.source(course.assignment(one.name)), as_version=4)


def test_nbgraders_own_commands_grade_the_copy_to_the_same_points_and_write_feedback(copy: Path) -> None:
    tests = (TEST, "squares_invalid_input", "correct_sum_of_squares", "sum_of_squares_uses_squares")

    def points() -> list[tuple[float | None, ...]]:
        with book(copy) as gradebook:
            found = [[gradebook.find_grade(cell, "problem1", FIRST, user) for cell in tests] for user in ("ada", "bob")]
            return [tuple(grade.auto_score for grade in row) for row in found]

    ours = points()
    assert ours == [(1, 1, 0.5, 0.5), (0, 0, 0, 0)]
    for action in (("autograde", FIRST, "--force"), ("generate_feedback", FIRST)):
        done = command(copy, *action)
        assert done.returncode == 0, done.stderr
    assert points() == ours
    assert (copy / f"feedback/ada/{FIRST}/problem1.html").is_file()


def test_who_and_what_cannot_be_copied_is_named(desk: Desk) -> None:
    notebook = solved(desk.course(NAME))
    for user in ("../eve", "eve"):
        desk.enrol("teacher1", desk.course(NAME), user)
        number = hand_in(desk, user, notebook)
    path = desk.submissions.path(desk.store.event(number).payload["sha256"])
    hand_in(desk, "eve", {**notebook, "metadata": {}}, 2)
    gone = desk.submissions.path(desk.received(desk.course(NAME), user="eve")[-1].payload["sha256"])
    gone.unlink()

    assert path.exists()
    left = read_copy(copy_out(desk)).left
    assert [one.split(": ")[0] for one in left] == [f"'../eve', {FIRST}", f"'eve', {FIRST}"]


# nbgrader's own formgrader.


def test_formgrader_opens_the_copy_and_what_is_marked_there_is_merged_once(desk: Desk, copy: Path) -> None:
    with formgrader(copy) as client:
        for page in ("manage_assignments", f"gradebook/{FIRST}/problem1", f"manage_submissions/{FIRST}"):
            assert client.get(f"/formgrader/{page}").status_code == 200
        (ada, bob) = client.get(f"/formgrader/api/submissions/{FIRST}").json()[:2]
        assert [(one["student"], one["score"], one["autograded"]) for one in (ada, bob)] == [
            ("ada", 3, True),
            ("bob", 0, True),
        ]
        (notebook,) = [
            one
            for one in client.get(f"/formgrader/api/submitted_notebooks/{FIRST}/problem1").json()
            if one["student"] == "ada"
        ]
        page = client.get(f"/formgrader/submissions/{notebook['id']}/")
        assert (page.status_code, "squares" in page.text, "<script>alert(1)" in page.text) == (200, True, False)

        about = {"submission_id": notebook["id"]}
        grades = {one["name"]: one for one in client.get("/formgrader/api/grades", params=about).json()}
        comments = {one["name"]: one for one in client.get("/formgrader/api/comments", params=about).json()}
        for cell, score in ((TEST, 0.25), (ESSAY, 1), (TASK, 3.5)):
            told = {"manual_score": score, "extra_credit": None}
            assert client.put(f"/formgrader/api/grade/{grades[cell]['id']}", json=told).status_code == 200
        for cell, comment in ((ANSWER, "Say why."), (ESSAY, "Fine")):
            answer = client.put(f"/formgrader/api/comment/{comments[cell]['id']}", json={"manual_comment": comment})
            assert answer.status_code == 200
        done, refused = merge(desk, copy)

    assert (len(done), refused) == (3, [])
    assert sorted(overridden(desk)) == sorted(
        [
            ("teacher1", "ada", TEST, 0.25, "Say why.", 1.0),
            ("teacher1", "ada", ESSAY, 1.0, "Fine", None),
            ("teacher1", "ada", TASK, 3.5, "", None),
        ]
    )
    (number,) = (event.id for event in desk.received(desk.course(NAME), user="ada"))
    assert marks_of(desk.store.events())[number].sentence == "6.75 of 10 points, 1 answer not marked yet"
    assert (merge(desk, copy), len(overridden(desk))) == (([], []), 3)
    again = copy_out(desk, "again")
    with book(again) as gradebook:
        assert gradebook.find_comment(ANSWER, "problem1", FIRST, "ada").manual_comment == "Say why."
        assert gradebook.find_grade(TEST, "problem1", FIRST, "ada").manual_score == 0.25
    assert merge(desk, again) == ([], [])


# What is merged, and what is not.


def test_points_that_are_taken_back_are_those_of_the_test_again(desk: Desk, copy: Path) -> None:
    mark(copy, TEST, 0.5)
    merge(desk, copy)
    second = copy_out(desk, "second")
    mark(second, TEST, None)
    assert merge(desk, second) == ([f"{FIRST}, ada, {TEST}: 0.5 → as tested"], [])
    assert overridden(desk)[-1][2:] == (TEST, None, "", 0.5)

    (number,) = (event.id for event in desk.received(desk.course(NAME), user="ada"))
    cell = next(cell for cell in marks_of(desk.store.events())[number].cells if cell.name == TEST)
    assert (cell.score, cell.by) == (1, "")
    with book(copy_out(desk, "third")) as gradebook:
        grade = gradebook.find_grade(TEST, "problem1", FIRST, "ada")
        assert (grade.manual_score, grade.auto_score, grade.needs_manual_grade) == (None, 1, False)


def test_what_late_work_loses_goes_out_and_is_worked_out_anew_from_points_that_come_back(desk: Desk) -> None:
    path = desk.root / "courses" / NAME / "course.yaml"
    course = yaml.safe_load(path.read_text())
    course["assignments"][0] |= {"due": "2026-11-20T11:00:00+00:00", "late": {"per_hour": 10}}
    path.write_text(yaml.safe_dump(course))
    number = hand_in(desk, "eve", solved(desk.course(NAME)), minute=30)
    (ada,) = desk.store.events(kind="graded", user="ada")
    told = {"course": NAME, "assignment": FIRST, "user": "eve", "actor": "teacher1", "submission": number}
    desk.store.append("graded", **told, payload=dict(ada.payload))

    before, copy = attempt(desk, "eve"), copy_out(desk)
    assert (before.percent_off, before.late_submission_penalty) == (20, round(before.score / 4, 2))
    with book(copy) as gradebook:
        submission = gradebook.find_submission(FIRST, "eve")
        assert submission.late_submission_penalty == before.late_submission_penalty
        assert gradebook.find_submission(FIRST, "ada").late_submission_penalty == 0

    mark(copy, TEST, 0.5, user="eve")
    assert merge(desk, copy) == ([f"{FIRST}, eve, {TEST}: as tested → 0.5"], [])
    after = attempt(desk, "eve")
    assert after.late_submission_penalty == round(before.late_submission_penalty - 0.1, 2)


def attempt(desk: Desk, user: str) -> Attempt:
    standing = standings(desk.course(NAME), desk.store.events(course=NAME))[0]
    return next(one for one in standing.latest if one.user == user)


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"cell": TEST, "score": 1.5}, "takes from 0 to 1 points, not 1.5"),
    ({"cell": TEST, "score": -1}, "takes from 0 to 1 points"),
    ({"cell": TEST, "score": float("inf")}, "takes from 0 to 1 points, not inf"),
    ({"cell": TASK, "score": 1, "extra_credit": 2}, "Extra credit is not taken"),
    ({"cell": ESSAY, "score": 1, "comment": "x" * 2001}, "A comment is text of at most 2000 characters"),
)


@pytest.mark.parametrize(("told", "said"), REFUSED)
def test_what_is_refused_is_named_and_stops_nothing_else(
    desk: Desk, copy: Path, told: dict[str, Any], said: str
) -> None:
    mark(copy, **told)
    mark(copy, ESSAY, 1, user="bob")
    done, (refused,) = merge(desk, copy)

    assert done == [f"{FIRST}, bob, {ESSAY}: as tested → 1"]
    assert (refused.startswith(f"{FIRST}, ada, {told['cell']}: "), said in refused) == (True, True)
    assert [row[1] for row in overridden(desk)] == ["bob"]


def test_points_that_are_no_number(desk: Desk, copy: Path) -> None:
    database = sqlite3.connect(copy / "gradebook.db")
    for value in ("many", b"\xff"):
        database.execute("UPDATE grade SET manual_score = ? WHERE auto_score = 1", (value,))
        database.commit()
        done, refused = merge(desk, copy)
        assert (done, len(refused), "takes from 0 to 1 points" in refused[0]) == ([], 2, True)
    database.close()


def test_an_attempt_that_counts_no_more(desk: Desk, copy: Path) -> None:
    mark(copy, ESSAY, 1)
    mark(copy, ESSAY, 1, user="bob")
    hand_in(desk, "ada", {**solved(desk.course(NAME)), "metadata": {}}, 5)
    done, (refused,) = merge(desk, copy)
    assert (len(done), "Attempt 2 was handed in since and is what counts" in refused) == (1, True)


def test_what_another_teacher_decided_meanwhile_stands(desk: Desk, copy: Path) -> None:
    other = copy_out(desk, "other")
    mark(other, ESSAY, 0.5, "Half")
    merge(desk, other)
    mark(copy, TASK, 1)
    assert merge(desk, copy)[1] == []  # what the copy says nothing about is left as it is
    mark(copy, ESSAY, 1)
    done, (refused,) = merge(desk, copy)
    assert (done, "It was changed here meanwhile, to 0.5 “Half”" in refused) == ([], True)


def test_cells_and_people_that_the_course_does_not_have(desk: Desk, copy: Path) -> None:
    with book(copy) as gradebook:
        gradebook.add_student("mallory")
        with gradebook.db.no_autoflush:  # SQLAlchemy 2 warns of how nbgrader makes one
            gradebook.add_submission(FIRST, "mallory")
        gradebook.find_grade(ESSAY, "problem1", FIRST, "mallory").manual_score = 1
        gradebook.db.commit()
    database = sqlite3.connect(copy / "gradebook.db")
    database.execute("UPDATE base_cell SET name = 'other' WHERE name = ?", (TASK,))
    database.commit()
    database.close()
    mark(copy, "other", 2)
    done, refused = merge(desk, copy)
    assert (done, len(refused)) == ([], 2)
    assert any("no graded cell 'other'" in one for one in refused)
    assert any("mallory" in one and "made without such an attempt" in one for one in refused)


def test_who_merges_and_which_copy(desk: Desk, copy: Path, tmp_path: Path) -> None:
    mark(copy, ESSAY, 1)
    with pytest.raises(Refused, match="'ada' does not teach course101: name one of teacher1 as --teacher"):
        merge(desk, copy, "ada")
    manifest = copy / MANIFEST
    told = manifest.read_text()
    manifest.write_text(told.replace(f'"course": "{NAME}"', '"course": "another"'))
    with pytest.raises(Refused, match="a copy of another, not of course101"):
        merge(desk, copy)
    number = read_copy(copy).attempts[0].submission
    manifest.write_text(told.replace(f'"submission": {number},', '"submission": 1,'))
    assert "has no such attempt" in merge(desk, copy)[1][0]
    for broken in ("", "{}", "[" * 100_000):
        manifest.write_text(broken)
        with pytest.raises(MoveError, match=r"is no copy that `./onramp course formgrader` made"):
            read_back(copy)
    assert overridden(desk) == []


@pytest.mark.parametrize("content", [None, b"", b"no database"])
def test_a_gradebook_that_is_gone_or_broken(copy: Path, content: bytes | None) -> None:
    (copy / "gradebook.db").unlink()
    if content is not None:
        (copy / "gradebook.db").write_bytes(content)
    with pytest.raises(MoveError, match=r"has no gradebook.db|cannot be read as nbgrader's gradebook"):
        read_back(copy)


def test_merging_looks_at_the_copy_and_changes_nothing_in_it(desk: Desk, copy: Path) -> None:
    mark(copy, ESSAY, 1)
    before = {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()}
    merge(desk, copy)
    assert {path: path.read_bytes() for path in copy.rglob("*") if path.is_file()} == before


def test_what_came_back_broken_is_said(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"{")))
    assert admin.main(["--root", str(desk.root), "merge", NAME, "--teacher", "teacher1"]) == 1
    assert "What came back cannot be read" in capsys.readouterr().err
