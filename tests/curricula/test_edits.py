"""A course's files are edited: who, when, from what to what, once, whoever sees it first."""

import json
import os
import pwd
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import yaml

from curricula.events import Event, EventStore
from curricula.service.audit import log
from curricula.service.desk import Desk
from curricula.service.edits import changes, note_edits
from tests.curricula.service_here import SOURCE, write_course


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A course that is in place and was read."""
    write_course(tmp_path)
    store = EventStore(f"sqlite:///{tmp_path}/events.sqlite")
    one = Desk(tmp_path, store)
    one.courses()
    yield one
    store.close()


def edit(desk: Desk, **told: Any) -> None:
    """Change course.yaml in place, as an operator does with an editor."""
    path = desk.root / "courses/c1/course.yaml"
    path.write_text(yaml.safe_dump(yaml.safe_load(path.read_text()) | told))


def of_second(desk: Desk, **told: Any) -> list[dict[str, Any]]:
    """The assignments, with something else told of the second."""
    path = desk.root / "courses/c1/course.yaml"
    assignments: list[dict[str, Any]] = yaml.safe_load(path.read_text())["assignments"]
    return [one | told if one["name"] == "a2" else one for one in assignments]


def edited(desk: Desk) -> tuple[Event, ...]:
    return desk.store.events(kind="edited")


def said(desk: Desk) -> str:
    """What the log says of the last event."""
    course = desk.course("c1")  # which is when it is noticed
    return [*log(desk.store.events(), course)][-1].sentence


def test_the_first_reading_is_where_the_log_begins(desk: Desk) -> None:
    assert said(desk) == "The course is in place: 4 assignments, taught by teacher1, code JOIN-1."
    desk.courses()
    Desk(desk.root, desk.store).courses()  # another process
    assert len(edited(desk)) == 1


def test_a_deadline_a_late_rule_and_who_teaches_from_what_to_what(desk: Desk) -> None:
    rule = {"grace": 15, "per_day": 10, "at_most": 50}
    due = "2037-01-31T23:59:00+00:00"
    edit(desk, teachers=["teacher1", "teacher2"], assignments=of_second(desk, due=due, late=rule, attempts=3))
    assert "teacher2" in desk.course("c1").teachers
    event = edited(desk)[-1]
    assert event.actor == pwd.getpwuid(os.getuid()).pw_name
    for part in (
        "teachers: from teacher1 to teacher1, teacher2",
        "a2, due: from ",
        " to 31 January 2037",
        "a2, late: from “late work is taken and marked late” to “late work loses 10 % of its points",
        "a2, attempts: from none to 3",
    ):
        assert part in said(desk), part
    told = {one["what"]: (one["from"], one["to"]) for one in event.payload["changes"]}
    assert told["teachers"] == (["teacher1"], ["teacher1", "teacher2"])
    assert set(told) == {"teachers", "assignments/a2/due", "assignments/a2/late", "assignments/a2/attempts"}


def test_an_edit_that_is_taken_back_is_two(desk: Desk) -> None:
    for code in ("JOIN-2", "JOIN-1"):
        edit(desk, code=code)
        desk.courses()
    assert [event.payload["changes"] for event in edited(desk)[1:]] == [
        [{"what": "code", "from": "JOIN-1", "to": "JOIN-2"}],
        [{"what": "code", "from": "JOIN-2", "to": "JOIN-1"}],
    ]


def test_many_that_see_it_at_once_write_one_event(desk: Desk) -> None:
    edit(desk, title="Another")
    many = [Desk(desk.root, EventStore(f"sqlite:///{desk.root}/events.sqlite")) for _ in range(8)]
    together = threading.Barrier(len(many))

    def read(one: Desk) -> None:
        together.wait(60)
        one.courses()
        one.store.close()

    with ThreadPoolExecutor(len(many)) as pool:
        assert [*pool.map(read, many)] == [None] * len(many)
    assert len(edited(desk)) == 2


def test_points_and_tests_in_a_notebook_are_noticed_when_they_are_to_count(desk: Desk) -> None:
    source = json.loads(json.dumps(SOURCE))
    source["cells"][1]["metadata"]["nbgrader"]["points"] = 6
    (desk.root / "courses/c1/source/a1/first.ipynb").write_text(json.dumps(source))
    note_edits(desk.store, desk.course("c1"), "operator")
    assert edited(desk)[-1].actor == "operator"
    assert "a1, points, t: from 4 to 6" in said(desk)
    assert "a1, version: from " in said(desk)


def test_an_assignment_that_is_new_and_one_that_is_gone(desk: Desk) -> None:
    first, *others = of_second(desk)
    edit(desk, assignments=[first, {**others[0], "name": "a9"}, *others[1:]])
    assert "a2 was taken out" in said(desk)
    assert "a9 was added" in said(desk)


def test_a_file_that_cannot_be_read_changes_nothing(desk: Desk) -> None:
    (desk.root / "courses/c1/course.yaml").write_text("title: [")
    assert desk.courses() == ()
    assert len(edited(desk)) == 1


@pytest.mark.parametrize(
    ("before", "now", "found"),
    [
        ({"a": 1}, {"a": 1}, []),
        ({"a": 1}, {"b": 1}, [("a", 1, None), ("b", None, 1)]),
        ({"a": {"b": 1, "c": 2}}, {"a": {"b": 3, "c": 2}}, [("a/b", 1, 3)]),
        ({"a": {"b": 1}}, {"a": None}, [("a", {"b": 1}, None)]),
        ({}, {"a": {"b": 1}}, [("a", None, {"b": 1})]),
    ],
)
def test_what_differs(before: dict[str, Any], now: dict[str, Any], found: list[tuple[str, Any, Any]]) -> None:
    assert [*changes(before, now)] == found


def test_tracks_and_their_certificates_are_edited_by_name(desk: Desk) -> None:
    short = {"name": "short", "title": "Short", "assignments": ["a1"]}
    edit(desk, tracks=[short])
    assert said(desk).endswith(": short was added.")
    edit(desk, tracks=[short | {"assignments": ["a2", "a1"], "certificate": {"title": "Ready", "percent": 60}}])
    assert said(desk).endswith(
        "tracks, short, assignments: from a1 to a2, a1; "
        "tracks, short, certificate: from none to “Ready, with 60 % of the points of each module”."
    )
    edit(desk, tracks=[])
    assert said(desk).endswith(": short was taken out.")


def test_tracks_that_were_once_noted_as_a_list_are_named(desk: Desk) -> None:
    rules = dict(edited(desk)[-1].payload["rules"])
    old = rules | {"tracks": [{"name": "short", "title": "Short", "assignments": ["a1"]}]}
    told = {"rules": old, "changes": [], "written": "2026-11-20T12:00:00+00:00"}
    desk.store.append("edited", course="c1", actor="operator", payload=told)
    edit(desk, tracks=[{"name": "long", "title": "Long", "assignments": ["a1", "a2"]}])
    assert said(desk).endswith(": tracks: from short to long.")
