"""The operator's commands on a course: what is done for each assignment, and what the exit code means."""

import asyncio
from pathlib import Path

import pytest
from nbgrader.api import Gradebook

from curricula.course import Course
from curricula.events import EventStore
from curricula.marks import Result
from curricula.service import admin
from curricula.submissions import Submission
from tests.curricula.essays_here import DISGUISED, PROGRAM, by_hand, essays
from tests.curricula.service_here import write_course


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The course account's folder, with a course of four assignments."""
    write_course(tmp_path)
    return tmp_path


def graded(root: Path, assignment: str, *cells: dict[str, object]) -> None:
    """Have one learner's notebook received and graded, as the service does."""
    store = EventStore(f"sqlite:///{root}/events.sqlite")
    about = {"course": "c1", "assignment": assignment, "user": "student1", "actor": "teacher1"}
    received = store.append("received", payload={"sha256": "0" * 64, "late": False, "attempt": 1}, **about)
    store.append("graded", submission=received.id, payload={"cells": cells}, **about)
    store.close()


@pytest.mark.parametrize(
    ("cell", "points", "sentence"),
    [("t", "5", "t takes from 0 to 4 points, not '5'."), ("x", "1", "choose one of t.")],
)
def test_points_that_cannot_be_given(
    root: Path, capsys: pytest.CaptureFixture[str], cell: str, points: str, sentence: str
) -> None:
    graded(root, "a1", {"name": "t", "score": 1, "max_score": 4})
    told = ["mark", "c1", "a1", "student1", cell, points, "--teacher", "teacher1"]
    assert admin.main(["--root", str(root), *told]) == 1
    assert sentence in capsys.readouterr().err


def test_feedback_for_all_does_what_can_be_done(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graded(root, "a2")
    assert admin.main(["--root", str(root), "feedback", "c1"]) == 0
    said = capsys.readouterr()
    assert said.out == "Feedback for 1 attempt of Second is released.\n"
    assert [line.split(" has ")[0] for line in said.err.splitlines()] == [
        "onramp: First",
        "onramp: Third",
        "onramp: Hidden",
    ]


def test_where_nothing_can_be_done_it_is_no_success(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert admin.main(["--root", str(root), "feedback", "c1"]) == 1
    assert capsys.readouterr().err.count("has no results yet: grade it first.") == 4


def test_one_that_fails_stops_no_other_and_is_no_success(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "courses/c1/source/a1/first.ipynb").write_text("{")
    assert admin.main(["--root", str(root), "release", "c1"]) == 1
    said = capsys.readouterr()
    assert said.out.count("is released: learners can fetch it.") == 3
    assert "onramp: The source of a1" in said.err


def test_an_extension_is_given_and_taken_back(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    store = EventStore(f"sqlite:///{root}/events.sqlite")
    store.append("joined", course="c1", actor="student1", user="student1")
    for until, said in (("2037-01-31T23:59+00:00", "31 January 2037"), ("-", "Second is due for student1 on ")):
        assert admin.main(["--root", str(root), "extend", "c1", "a2", "student1", until]) == 0
        assert said in capsys.readouterr().out
    assert [event.actor for event in store.events(kind="extended")] == ["operator", "operator"]
    store.close()


def test_a_gradebook_that_was_lost_is_made_anew(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (root / "courses/c1/gradebook.db").write_bytes(b"not a database")
    assert admin.main(["--root", str(root), "rebuild", "c1"]) == 0
    assert "The gradebook of Course one is made anew" in capsys.readouterr().out
    with Gradebook(f"sqlite:///{root}/courses/c1/gradebook.db", "c1") as gradebook:
        assert {one.name for one in gradebook.assignments} == {"a1", "a2", "a3", "a4"}


async def handed_in(root: Path) -> None:
    """Have two learners hand in the same program in disguise, through the service."""
    async with essays(root, {"student1": ("So.", PROGRAM), "student2": ("No.", DISGUISED)}):
        pass


async def by_hand_and_slowly(self: object, course: Course, submission: Submission, *, again: bool = False) -> Result:
    await asyncio.sleep(0.05)
    return await by_hand(course, submission, again=again)


def test_whose_answers_are_alike(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    asyncio.run(handed_in(tmp_path))
    assert admin.main(["--root", str(tmp_path), "similar", "c1", "a2"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[0] == "100 %  program  student1 and student2"
    assert said[-1].startswith("A hint of where to look, never a finding. ")


@pytest.mark.parametrize("terminal", [True, False])
def test_how_far_a_grading_is_and_one_learner_graded_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, terminal: bool
) -> None:
    asyncio.run(handed_in(tmp_path))
    monkeypatch.setattr(admin.Grading, "__call__", by_hand_and_slowly)
    monkeypatch.setattr("curricula.service.watching.LOOK", 0.01)
    monkeypatch.setattr("curricula.service.watching.EVERY", 0)
    monkeypatch.setenv("FORCE_COLOR" if terminal else "NO_COLOR", "1")
    assert admin.main(["--root", str(tmp_path), "grade", "c1", "a2"]) == 0
    said = capsys.readouterr()
    assert said.out == "a2: 2 graded.\n"
    assert ("\x1b[" in said.err, "2 of 2 graded" in said.err) == (terminal, True)

    for _ in range(2):
        assert admin.main(["--root", str(tmp_path), "regrade", "c1", "a2", "student2"]) == 0
        assert capsys.readouterr().out == "a2 by student2: 4 of 10 points, 1 answer not marked yet\n"
    store = EventStore(f"sqlite:///{tmp_path}/events.sqlite")
    assert sorted(str(event.user) for event in store.events(kind="graded")) == ["student1", *["student2"] * 3]
    store.close()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("similar", "c1", "a9"), "has no assignment 'a9'"),
        (("similar", "c1", "a1"), "First is not released, so there is nothing to compare."),
        (("regrade", "c1", "a1", "x"), "'x' has handed in nothing of a1 in Course one."),
        (("extend", "c1", "a1", "x", "2037-01-31"), "'x' is not in Course one. Who is: nobody yet."),
        (("feedback", "c9"), "There is no course 'c9' here."),
        (("release", "c1", "a9"), "has no assignment 'a9': choose one of a1, a2, a3, a4."),
        (("feedback", "c1", "a1"), "First has no results yet: grade it first."),
        (("mark", "c1", "a1", "x", "t", "1", "--teacher", "x"), "'x' does not teach Course one: name one of teacher1"),
        (("mark", "c1", "a1", "x", "t", "1", "--teacher", "teacher1"), "'x' has handed in nothing of a1"),
        (("marking", "c1", "a1", "x"), "There is no answer by 'x' to mark in First."),
        (("statistics", "c1", "a9"), "choose one of a1, a2, a3, a4."),
        (("remove", "c1", "x"), "'x' is not in Course one."),
        (("log", "c9"), "There is no course 'c9' here."),
    ],
)
def test_what_is_named_and_cannot_be_done(
    root: Path, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], sentence: str
) -> None:
    assert admin.main(["--root", str(root), *arguments]) == 1
    said = capsys.readouterr()
    assert (said.out, sentence in said.err) == ("", True)
