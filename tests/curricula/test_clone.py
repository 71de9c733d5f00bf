"""Next year's course: the same sources and rules, its deadlines moved, nobody in it, and on record where it is from."""

import hashlib
import json
import os
import stat
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml

from curricula.course import load_course
from curricula.moves.files import MoveError
from curricula.moves.renew import moved, renewed
from curricula.service import admin, moving
from curricula.service.audit import log
from curricula.service.desk import Desk
from curricula.service.refused import Refused
from tests.curricula.formgrader_here import desk_of
from tests.curricula.service_here import write_course


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A course of four assignments that somebody has taken part in."""
    write_course(tmp_path, description="Für alle", teachers=["teacher1", "teacher2"])
    path = tmp_path / "courses/c1/course.yaml"
    told = yaml.safe_load(path.read_text())
    told["assignments"][1] |= {"due": "2026-06-30T23:59:00+02:00", "attempts": 3, "minutes": 9}
    path.write_text(yaml.safe_dump(told))
    one = desk_of(tmp_path)
    for name in ("results/x.json", "release/a1/first.ipynb", "gradebook.db", "roster.csv", ".gradebook-1.db"):
        (tmp_path / "courses/c1" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "courses/c1" / name).write_text("of people")
    one.enrol("student1", one.course("c1"), "student1")
    about = {"course": "c1", "assignment": "a1", "actor": "teacher1", "payload": {"version": "v"}}
    one.store.append("released", at=datetime(2026, 2, 2, 9, tzinfo=UTC), **about)
    one.store.append("released", at=datetime(2026, 3, 2, 9, tzinfo=UTC), **about)
    yield one
    one.store.close()


def tree(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_sources_and_rules_are_the_same_and_nobody_is_in_it(desk: Desk) -> None:
    said = moving.clone(desk, "operator", desk.course("c1"), "c2", shift=364)
    old, new = desk.course("c1"), desk.course("c2")

    assert tree(new.folder / "source") == tree(old.folder / "source")
    assert {path.name for path in new.folder.iterdir()} == {"course.yaml", "source"}
    same = {"title", "description", "teachers"}
    assert new.model_dump(include=same) == old.model_dump(include=same)
    rules = [{**one.model_dump(), "due": None} for one in old.assignments]
    assert [{**one.model_dump(), "due": None} for one in new.assignments] == rules
    assert new.assignment("a2").due == datetime(2027, 6, 29, 21, 59, tzinfo=UTC)
    assert new.assignment("a1").due is None
    assert (desk.learners(new), desk.received(new), desk.released(new, new.assignment("a1"))) == ((), (), None)
    assert (new.code != old.code, new.code in said, len(new.code) > 8) == (True, True, True)
    assert desk.join("student2", new.code).name == "c2"
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in (new.folder, new.folder / "course.yaml")} == {0}


def test_where_it_is_from_is_an_event_of_the_new_course(desk: Desk) -> None:
    moving.clone(desk, "operator", desk.course("c1"), "c2", shift=364)
    (event,) = desk.store.events(course="c2")
    assert (event.kind, event.actor, dict(event.payload)) == ("cloned", "operator", {"from": "c1", "days": 364})
    (entry,) = log([event], desk.course("c2"))
    assert entry.sentence == "The course was made from c1, 364 days later."
    assert desk.store.events(course="c1", kind="cloned") == ()


def test_deadlines_are_as_far_from_the_first_release_as_before(desk: Desk) -> None:
    moving.clone(desk, "operator", desk.course("c1"), "c2", starts=date(2027, 2, 1))
    assert desk.course("c2").assignment("a2").due == datetime(2027, 6, 29, 21, 59, tzinfo=UTC)


def test_without_a_shift_deadlines_stay_and_past_ones_are_named(desk: Desk) -> None:
    said = moving.clone(desk, "operator", desk.course("c1"), "c2")
    assert desk.course("c2").assignment("a2").due == desk.course("c1").assignment("a2").due
    assert "Deadlines that are past: " in said


def test_a_deadline_keeps_its_time_of_day_across_summer_time(in_berlin: None) -> None:
    winter = datetime.fromisoformat("2026-01-31T23:59:00+01:00")
    assert moved(winter, 150).isoformat() == "2026-06-30T23:59:00+02:00"
    elsewhere = datetime.fromisoformat("2026-01-31T23:59:00-05:00")
    assert moved(elsewhere, 150).isoformat() == "2026-06-30T23:59:00-05:00"


@pytest.mark.parametrize("name", ["C2", "", "../c2", "a" * 42, "c 2", "c1;"])
def test_a_name_that_is_none(desk: Desk, name: str) -> None:
    with pytest.raises(MoveError, match="A course's name is lower-case letters, digits and hyphens"):
        moving.clone(desk, "operator", desk.course("c1"), name)
    assert [one.name for one in desk.courses()] == ["c1"]


def test_a_name_that_is_or_was_a_courses_own(desk: Desk) -> None:
    desk.store.append("joined", course="gone", actor="eve", user="eve")
    for name in ("c1", "gone"):
        with pytest.raises(Refused, match=f"There is or was a course called {name}. Choose another name"):
            moving.clone(desk, "operator", desk.course("c1"), name)
    assert [one.name for one in desk.courses()] == ["c1"]


def test_a_shift_that_leads_nowhere(desk: Desk) -> None:
    for days in (10**6 * 4, -(10**6) * 4, 10**30):
        with pytest.raises(MoveError, match="lead out of the calendar"):
            renewed(desk.course("c1"), "c2", days)


def test_a_course_that_never_began_has_no_first_day(desk: Desk, tmp_path: Path) -> None:
    write_course(tmp_path, "c5")
    with pytest.raises(Refused, match="Use --shift DAYS"):
        moving.clone(desk, "operator", desk.course("c5"), "c6", starts=date(2027, 2, 1))


def test_a_clone_that_cannot_be_finished_leaves_no_course(desk: Desk) -> None:
    (desk.course("c1").folder / "source").rename(desk.root / "away")
    with pytest.raises(MoveError, match="has no sources"):
        moving.clone(desk, "operator", desk.course("c1"), "c2")
    assert sorted(os.listdir(desk.root / "courses")) == ["c1"]
    assert [path for path in desk.root.iterdir() if path.name.startswith("incoming")] == []
    (desk.root / "away").rename(desk.root / "courses/c1/source")
    moving.clone(desk, "operator", desk.course("c1"), "c2")
    assert load_course(desk.root / "courses/c2").name == "c2"


def test_the_command(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--root", str(desk.root), "clone", "c1", "c2", "--starts", "2027-02-01"]
    assert [admin.main(arguments) for _ in range(2)] == [0, 1]
    said = capsys.readouterr()
    assert said.out.startswith("c2 is in place: 4 assignments, code C2-")
    assert "There is or was a course called c2" in said.err
    assert json.loads((desk.root / "courses/c2/source/a1/first.ipynb").read_text())["nbformat"] == 4
