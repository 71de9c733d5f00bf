"""What teachers decide about one learner, and what everybody then sees: more time, points, and who did it."""

import asyncio
import csv
import io
import os
from datetime import UTC, datetime, timedelta

import pytest
import yaml
from nbgrader.api import Gradebook

from curricula.marks import CellGrade, Key, Result
from curricula.service.export import COLUMNS, table
from curricula.service.outages import note_outage
from curricula.service.standing import standings
from tests.curricula.service_here import Service, notebook, running

RIGHT, WRONG = notebook("right"), notebook("wrong")
STUDENT, TEACHER = ("student1", "GET", ""), ("teacher1", "GET", "courses/c1/teach")
LATER = (datetime.now(UTC) + timedelta(days=3)).isoformat()


@pytest.fixture
async def service(tmp_path):
    """A course with three released assignments, two of them overdue, and student1 and student2 in it."""
    async with running(tmp_path) as one:
        for user in ("student1", "student2"):
            await one.ask(user, "POST", "api/join", json={"code": "JOIN-1"})
        for name in ("a1", "a2", "a3"):
            await one.teach("release", name)
        yield one


async def extend(service: Service, assignment: str = "a3", by: str = "teacher1", **told):
    path = f"api/courses/c1/assignments/{assignment}/extension"
    return await service.ask(by, "POST", path, json={"user": "student1", "until": LATER, **told})


async def mark(service: Service, by: str = "teacher1", **told):
    (attempt,) = service.desk.store.events(kind="received")
    told = {"cell": "t", "score": 3, "comment": "nearly", **told}
    return await service.ask(by, "POST", f"api/submissions/{attempt.id}/points", json=told)


def rows(service: Service) -> list[dict[str, str]]:
    return [*csv.DictReader(io.StringIO(table(service.desk.course("c1"), service.desk.store.events())))]


# More time.


async def test_an_extension_lets_one_learner_hand_in(service):
    assert (await service.hand_in("student1", RIGHT, "a3")).status_code == 409
    answer = await extend(service)
    assert answer.json()["message"].startswith("Third is due for student1 on ")

    taken = await service.hand_in("student1", RIGHT, "a3")
    assert (taken.status_code, taken.json()["late"]) == (201, False)
    assert (await service.hand_in("student2", RIGHT, "a3")).status_code == 409
    page = (await service.ask("student1", "GET", "")).text
    assert "extended for you" in page
    assert "extended for you" not in (await service.ask("student2", "GET", "")).text


async def test_an_extension_afterwards_lifts_late_and_can_be_taken_back(service):
    assert (await service.hand_in("student1", RIGHT, "a2")).json()["late"] is True
    await extend(service, "a2")
    assert [row["late"] for row in rows(service)] == ["False"]
    assert (
        'data-body="{&#34;until&#34;: null, &#34;user&#34;: &#34;student1&#34;}"'
        in (await service.ask("teacher1", "GET", "courses/c1/teach")).text
    )

    assert (await extend(service, "a2", until=None)).status_code == 200
    assert [row["late"] for row in rows(service)] == ["True"]


async def test_the_gradebook_knows_the_extension(service):
    await extend(service, "a2")
    await service.hand_in("student1", RIGHT, "a2")
    await service.teach("grade", "a2")
    with Gradebook(f"sqlite:///{service.root}/courses/c1/gradebook.db", "c1") as gradebook:
        assert gradebook.find_submission("a2", "student1").total_seconds_late == 0


async def test_late_work_loses_points_as_was_said_and_an_extension_gives_them_back(service):
    """The deadline was a day ago: so much is gone that the limit is reached, whatever the clock says meanwhile."""
    path = service.root / "courses/c1/course.yaml"
    course = yaml.safe_load(path.read_text())
    course["assignments"][1]["late"] = {"grace": 15, "per_hour": 2.5, "at_most": 12.5}
    path.write_text(yaml.safe_dump(course))
    said = "late work loses 2.5 % of its points for each hour that has begun, at most 12.5 %"
    assert all([said in (await service.ask(*who)).text for who in (STUDENT, TEACHER)])

    receipt = (await service.hand_in("student1", RIGHT, "a2")).json()
    assert (receipt["late"], receipt["percent_off"]) == (True, 12.5)
    assert "after the deadline: 12.5 % of its points are taken off." in receipt["message"]
    await service.teach("grade", "a2")
    await service.teach("feedback", "a2")

    counts = "4 of 4 points, 0.5 (12.5 %) taken off since it came late: 3.5 count"
    feedback = ("student1", "GET", f"submissions/{receipt['id']}")
    assert all([counts in (await service.ask(*who)).text for who in (STUDENT, TEACHER, feedback)])
    (attempt,) = await attempts(service)
    assert (attempt["score"], attempt["late_submission_penalty"], attempt["sentence"]) == (3.5, 0.5, counts)
    assert points(service) == [("4.0", "0.5", "3.5", "4.0")]
    assert nbgraders_penalty(service) == 0.5

    await extend(service, "a2")
    assert points(service) == [("4.0", "0.0", "4.0", "4.0")]
    assert nbgraders_penalty(service) == 0
    assert (await attempts(service))[0]["sentence"] == "4 of 4 points"
    assert len(service.desk.store.events(kind="graded")) == 1

    await extend(service, "a2", until=None)
    assert points(service) == [("4.0", "0.5", "3.5", "4.0")]


async def attempts(service: Service) -> list[dict[str, object]]:
    (course,) = (await service.ask("student1", "GET", "api/courses")).json()["courses"]
    return next(one["attempts"] for one in course["assignments"] if one["name"] == "a2")


def points(service: Service) -> list[tuple[str, ...]]:
    return [tuple(row[name] for name in COLUMNS[-4:]) for row in rows(service)]


def nbgraders_penalty(service: Service) -> float:
    with Gradebook(f"sqlite:///{service.root}/courses/c1/gradebook.db", "c1") as gradebook:
        return gradebook.find_submission("a2", "student1").late_submission_penalty


NO_EXTENSIONS: tuple[tuple[str, dict[str, object], int, str], ...] = (
    ("a3", {"user": "stranger"}, 404, "'stranger' is not in Course one. Who is: student1, student2."),
    ("a3", {"user": ["student1"]}, 404, "is not in"),
    ("a3", {"user": None}, 404, "None is not in"),
    ("a3", {"until": "tomorrow"}, 400, "'tomorrow' is no time. Write it as 2027-01-31T23:59."),
    ("a3", {"until": "9999-12-31T23:59:59+00:00\n"}, 400, "is no time"),
    ("a3", {"until": 5}, 400, "5 is no time"),
    ("a3", {"until": "2000-01-01T00:00"}, 409, "is not after the deadline of Third"),
    ("a1", {}, 409, "First has no deadline, so there is nothing to extend."),
    ("a9", {}, 404, "no assignment 'a9'"),
)


async def test_an_extension_that_cannot_be(service):
    for assignment, told, status, said in NO_EXTENSIONS:
        answer = await extend(service, assignment, **told)
        assert (answer.status_code, said in answer.json()["message"]) == (status, True), answer.text
    assert service.desk.store.events(kind="extended") == ()


async def test_only_teachers_decide(service):
    await service.hand_in("student1", WRONG)
    await service.teach("grade")
    for by, theirs in (("student1", 403), ("stranger", 404)):
        assert (await extend(service, by=by)).status_code == 403
        assert (await mark(service, by=by)).status_code == theirs
        assert (await service.ask(by, "GET", "courses/c1/log")).status_code == 403
    assert not service.desk.store.events(kind="extended") + service.desk.store.events(kind="overridden")


# Points.


async def test_points_by_a_teacher_stand_over_those_of_the_tests_and_of_later_gradings(service):
    await service.hand_in("student1", WRONG)
    await service.teach("grade")
    answer = await mark(service)
    assert answer.json()["message"] == "t has 3 of 4 points now; in all 3 of 4 points."
    await service.teach("feedback")

    (attempt,) = service.desk.store.events(kind="received")
    page = (await service.ask("student1", "GET", f"submissions/{attempt.id}")).text
    for said, there in (("3 of 4 points", True), ("teacher1: <q>nearly</q>", True), ('name="score"', False)):
        assert (said in page) is there
    assert [row["score"] for row in rows(service)] == ["3.0"]
    with Gradebook(f"sqlite:///{service.root}/courses/c1/gradebook.db", "c1") as gradebook:
        grade = gradebook.find_grade("t", "first", "a1", "student1")
        assert (grade.auto_score, grade.manual_score, grade.score) == (0, 3, 3)

    (found,) = service.desk.store.events(kind="graded")
    again = {"course": "c1", "assignment": "a1", "user": "student1", "actor": "x", "submission": attempt.id}
    service.desk.store.append("graded", **again, payload=dict(found.payload))
    assert [row["score"] for row in rows(service)] == ["3.0"]


async def test_an_answer_that_only_a_person_can_mark(service):
    await service.hand_in("student1", RIGHT)
    (attempt,) = service.desk.store.events(kind="received")
    cells = (CellGrade(name="t", score=4, max_score=4), CellGrade(name="essay", score=None, max_score=6))
    result = Result(key=Key(submission="a" * 64, assignment="b" * 64, environment="c"), cells=cells)
    about = {"course": "c1", "assignment": "a1", "user": "student1", "actor": "teacher1", "submission": attempt.id}
    service.desk.store.append("graded", **about, payload=result.model_dump(mode="json"))
    standing = standings(service.desk.course("c1"), service.desk.store.events())[0]
    assert standing.latest[0].mark.sentence == "4 of 10 points, 1 answer not marked yet"
    assert (await mark(service, cell="essay", score="5.5", comment="")).status_code == 200
    standing = standings(service.desk.course("c1"), service.desk.store.events())[0]
    assert standing.latest[0].mark.sentence == "9.5 of 10 points"


NO_POINTS: tuple[tuple[dict[str, object], int, str], ...] = (
    ({"cell": "x"}, 404, "no graded cell 'x': choose one of t."),
    ({"score": 4.5}, 400, "t takes from 0 to 4 points, not 4.5."),
    ({"score": -1}, 400, "takes from 0 to 4"),
    ({"score": "nan"}, 400, "takes from 0 to 4"),
    ({"score": "inf"}, 400, "takes from 0 to 4"),
    ({"score": True}, 400, "takes from 0 to 4"),
    ({"score": None}, 400, "takes from 0 to 4"),
    ({"score": [3]}, 400, "takes from 0 to 4"),
    ({"comment": 5}, 400, "A comment is text of at most 2000 characters."),
    ({"comment": "x" * 2001}, 400, "A comment is text"),
)


async def test_points_that_cannot_be(service):
    await service.hand_in("student1", WRONG)
    await service.teach("grade")
    for told, status, said in NO_POINTS:
        answer = await mark(service, **told)
        assert (answer.status_code, said in answer.json()["message"]) == (status, True), answer.text
    assert service.desk.store.events(kind="overridden") == ()


async def test_what_was_not_run_has_no_points_to_change(service):
    await service.hand_in("student1", notebook("endless"))
    assert (await mark(service)).status_code == 409
    await service.teach("grade")
    assert "was not run" in (await mark(service)).json()["message"]


async def test_a_comment_is_text_on_the_page(service):
    await service.hand_in("student1", WRONG)
    await service.teach("grade")
    await mark(service, comment="<script>alert(1)</script>")
    for path in ("submissions/{}", "courses/c1/log"):
        (attempt,) = service.desk.store.events(kind="received")
        page = (await service.ask("teacher1", "GET", path.format(attempt.id))).text
        assert ("&lt;script&gt;alert(1)" in page, "<script>alert" in page) == (True, False)


# Who is in.


async def test_a_roster_lets_people_in_and_a_teacher_takes_them_off(service):
    async def roster(text: bytes, by: str = "teacher1"):
        return await service.ask(by, "POST", "api/courses/c1/roster", content=text)

    answer = await roster(b"id,email\nstudent1,a@x\nstranger,b@x\nnew.one,c@x\n")
    assert answer.json()["message"].startswith("2 of the 3 on the roster are new in Course one")
    assert (await service.ask("stranger", "GET", "api/courses/c1/assignments/a1/notebook")).status_code == 200
    refused = [(await roster(text)).status_code for text in (b"", b"\xff\xfe", b"a b\n")]
    assert (refused, (await roster(b"eve", "student1")).status_code) == ([400, 400, 400], 403)
    assert service.desk.learners(service.desk.course("c1")) == ("new.one", "stranger", "student1", "student2")

    async def take_off(user: object, by: str = "teacher1"):
        return await service.ask(by, "POST", "api/courses/c1/leave", json={"user": user})

    assert (await service.hand_in("stranger", RIGHT)).status_code == 201
    assert "What stranger handed in is kept." in (await take_off("stranger")).json()["message"]
    assert (await service.hand_in("stranger", WRONG)).status_code == 403
    assert [(await take_off(user)).status_code for user in ("stranger", ["x"], None)] == [404] * 3
    assert (await take_off("student2", "student1")).status_code == 403
    for _ in range(2):
        await service.ask("stranger", "POST", "api/join", json={"code": "JOIN-1"})
    assert (await service.hand_in("stranger", WRONG)).json()["attempt"] == 2
    assert len(service.desk.store.events(kind="joined", user="stranger")) == 2


# What happened.


async def test_the_log_says_who_did_what_and_what_was_before(service):
    await service.hand_in("student1", WRONG)
    await extend(service)
    await extend(service, until=None)
    await service.teach("grade")
    await mark(service)
    await service.hand_in("student2", notebook("endless"))
    await service.teach("grade")
    await service.teach("feedback")
    note_outage(service.desk, datetime.now(UTC))
    note_outage(service.desk, datetime.now(UTC) + timedelta(hours=1))

    page = (await service.ask("teacher1", "GET", "courses/c1/log")).text
    for said in (
        "student2 joined.",
        "First was released (version ",
        "student1 handed in First, attempt 1 (",
        "Third was extended for student1 until ",
        "Before, it was due on ",
        "The extension of Third for student1 was taken back.",
        "The grading of First was asked for, of 1 attempt.",
        "First by student1 was graded: 0 of 4 points.",
        "t in First by student1: from 0 to 3 points. “nearly”",
        "First by student2 was not run: It took longer than 60 seconds.",
        "Feedback on First was released, for 2 attempts.",
        "The service was away from ",
    ):
        assert said in page, said


async def test_the_log_says_what_a_result_stands_in_the_place_of(service):
    await service.hand_in("student1", WRONG)
    await service.teach("grade")
    await mark(service)
    (attempt,) = service.desk.store.events(kind="received")
    await service.ask("teacher1", "POST", f"api/submissions/{attempt.id}/regrade")
    async with asyncio.timeout(30):
        while len(service.desk.store.events(kind="graded")) < 2:
            await asyncio.sleep(0.02)
    page = (await service.ask("teacher1", "GET", "courses/c1/log")).text
    assert "First by student1 was graded: 0 of 4 points. What counts is as before: 3 of 4 points." in page


# Outages.


async def test_a_service_that_was_away_gives_back_what_was_lost(service):
    due = service.desk.course("c1").assignment("a3").due
    assert note_outage(service.desk, due - timedelta(hours=1)) is None
    sign = service.root / "there"
    os.utime(sign, (0, (due - timedelta(hours=1)).timestamp()))
    assert note_outage(service.desk, due + timedelta(hours=2)) == timedelta(hours=3)
    assert note_outage(service.desk, datetime.now(UTC)) is None
    course = service.desk.course("c1")
    found = service.desk.deadline(course, course.assignment("a3"), "student1")
    assert (found.due, found.moved) == (due + timedelta(hours=3), "outage")
    assert "later because the service was away" in (await service.ask("student1", "GET", "")).text


# Next year.


async def test_only_a_teacher_clones_and_names_and_days_are_checked(service):
    async def clone(by: str = "teacher1", **told: object):
        return await service.ask(by, "POST", "api/courses/c1/clone", json={"name": "c2", "days": "364", **told})

    told = [await clone("student1"), await clone(days="soon"), await clone(days=None), await clone(name="C 2")]
    assert [one.status_code for one in told] == [403, 400, 400, 409]
    assert "'soon' is no number of days. Write it as 364." in told[1].json()["message"]
    assert "lower-case letters, digits and hyphens" in told[3].json()["message"]
    done = await clone()
    assert (done.status_code, service.desk.teaches("teacher1", "c2")) == (200, True)
    assert (await clone()).status_code == 409
    assert sorted(path.name for path in (service.root / "courses").iterdir()) == ["c1", "c2"]
