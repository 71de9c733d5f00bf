"""What an event says once its person is erased: points and times as before, and no word of who."""

from datetime import UTC, datetime
from typing import Any

import pytest

from curricula.course import Course
from curricula.erasure import GONE, PSEUDONYM, erased, without
from curricula.events import Event
from curricula.marks import Key, Result
from curricula.service.audit import log

NAME, PSEUDO = "ada", "erased-0123456789ab"
KEY = Key(submission="0" * 64, assignment="v", environment="e").model_dump()
CELLS = [
    {"name": "t", "score": 1, "max_score": 4, "message": "NameError: ada_secret"},
    {"name": "u", "score": None, "max_score": 2},
]
CERTIFICATE = {"learner": NAME, "title": "Able", "track": "All"}
RULES = {"teachers": [NAME, "teacher1"], "title": "ada", "code": "X", "assignments": {}}


def event(kind: str, user: str | None = NAME, actor: str = NAME, **told: Any) -> Event:
    payload = told.pop("payload", {})
    return Event(id=7, at=datetime.now(UTC), kind=kind, course="c1", user=user, actor=actor, payload=payload, **told)  # type: ignore[arg-type]


EVENTS = {
    "joined": event("joined", key=f"joined:c1:{NAME}"),
    "left": event("left"),
    "extended": event("extended", actor="t", payload={"until": None, "before": None}),
    "received": event(
        "received", key=f"received:c1:a1:{NAME}:1", payload={"sha256": "0" * 64, "late": True, "attempt": 1}
    ),
    "grading_asked": event("grading_asked", actor="t", payload={"submissions": [7], "again": True}),
    "graded": event("graded", actor="t", submission=7, key="graded:7:d", payload={"key": KEY, "cells": CELLS}),
    "not_run": event("not_run", actor="t", submission=7, payload={"key": KEY, "not_run": "ada's cell 3"}),
    "overridden": event(
        "overridden", actor="t", submission=7, payload={"cell": "t", "score": 2, "before": 1, "comment": "See ada"}
    ),
    "viewed_as": event("viewed_as", actor="t"),
    "certified": event(
        "certified",
        key=f"certified:c1:all:{NAME}",
        payload={"certificate": CERTIFICATE, "signature": "5e", "number": "N"},
    ),
    "withdrawn": event("withdrawn", actor="t", key="withdrawn:N", payload={"number": "N", "comment": "ada copied"}),
    "decided": event(
        "overridden", "bob", submission=7, payload={"cell": "t", "score": 2, "before": 1, "comment": "As Ada, adamant"}
    ),
    "taken back": event("withdrawn", "bob", "t", payload={"number": "M", "comment": "from ada."}),
    "released": event("released", None, assignment="a1", payload={"version": "v", "before": None}),
    "edited": event(
        "edited",
        None,
        payload={
            "rules": RULES,
            "written": "2027-01-01T00:00:00+00:00",
            "changes": [
                {"what": "teachers", "from": None, "to": [NAME, "teacher1"]},
                {"what": "code", "from": NAME, "to": "X"},
            ],
        },
    ),
}


@pytest.mark.parametrize("one", EVENTS.values(), ids=EVENTS)
def test_what_happened_stays_and_who_it_was_goes(one: Event) -> None:
    after = without(one, NAME, PSEUDO)
    assert (after.id, after.at, after.kind, after.course, after.submission) == (
        one.id,
        one.at,
        one.kind,
        one.course,
        one.submission,
    )
    said = after.model_dump_json().replace("adamant", "").replace('"title":"ada"', "").replace('"from":"ada"', "")
    assert NAME not in said.lower()
    assert (NAME in one.model_dump_json().lower(), PSEUDO in said) == (True, True)
    course = Course.model_construct(assignments=(), tracks=(), title="c")
    assert NAME not in next(iter(log([after], course))).sentence.lower().replace("adamant", "").replace("“ada”", "")


def test_points_are_still_a_result_and_messages_are_gone() -> None:
    after = without(EVENTS["graded"], NAME, PSEUDO)
    found = Result.model_validate(after.payload)
    assert [(cell.score, cell.max_score, cell.message) for cell in found.cells] == [(1, 4, GONE), (None, 2, "")]
    assert (found.not_run, after.key) == (None, "graded:7:d")
    assert Result.model_validate(without(EVENTS["not_run"], NAME, PSEUDO).payload).not_run == GONE


def test_a_comment_to_somebody_else_keeps_all_but_the_name() -> None:
    assert without(EVENTS["decided"], NAME, PSEUDO).payload["comment"] == f"As {PSEUDO}, adamant"
    assert without(EVENTS["taken back"], NAME, PSEUDO).payload["comment"] == f"from {PSEUDO}."
    assert without(EVENTS["overridden"], NAME, PSEUDO).payload["comment"] == GONE


def test_of_a_courses_files_only_who_teaches_is_renamed() -> None:
    payload = without(EVENTS["edited"], NAME, PSEUDO).payload
    assert payload["rules"] == {**RULES, "teachers": [PSEUDO, "teacher1"]}
    assert payload["changes"][0]["to"] == [PSEUDO, "teacher1"]
    assert payload["changes"][1]["from"] == NAME


def test_what_does_not_name_them_is_the_very_same_event() -> None:
    for one in (*EVENTS.values(), event("outage", None, "service", payload={"begin": "b", "end": "e"})):
        assert without(one, "ad", PSEUDO) is one
    assert [erased(without(EVENTS["received"], who, PSEUDO)) for who in (NAME, "ad")] == [True, False]
    assert PSEUDONYM.fullmatch(PSEUDO)
