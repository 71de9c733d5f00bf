"""What learners and teachers can do at the service, what they cannot, and what they are told."""

import asyncio
import csv
import hashlib
import io
import sqlite3

import pytest
import yaml

from curricula.service.teaching import Teaching
from tests.curricula.service_here import Service, notebook, running

RIGHT, WRONG = notebook("right"), notebook("wrong")


@pytest.fixture
async def service(tmp_path):
    """A course with three released assignments, and student1 in it."""
    async with running(tmp_path) as one:
        await one.ask("student1", "POST", "api/join", json={"code": "JOIN-1"})
        for name in ("a1", "a2", "a3"):
            assert (await one.teach("release", name)).status_code == 200
        yield one


def kept(service: Service) -> list[str]:
    return [path.name for path in (service.root / "submissions").rglob("*") if path.is_file()]


def received(service: Service) -> int:
    return len(service.desk.store.events(kind="received"))


async def attempts(service: Service, user: str, number: int = 0) -> list[dict]:
    answer = await service.ask(user, "GET", "api/courses")
    return answer.json()["courses"][0]["assignments"][number]["attempts"]


# Joining.


async def test_joining_by_code(service):
    assert (await service.ask("student2", "GET", "api/courses")).json()["courses"] == []
    answer = await service.ask("student2", "POST", "api/join", json={"code": " JOIN-1 "})

    assert answer.json()["message"] == "You are in Course one."
    assert [one["name"] for one in (await service.ask("student2", "GET", "api/courses")).json()["courses"]] == ["c1"]


async def test_a_wrong_code_lets_nobody_in_and_guessing_ends(service):
    answers = [await service.ask("student2", "POST", "api/join", json={"code": f"x{n}"}) for n in range(21)]

    assert answers[0].json()["message"].startswith("No course has this code.")
    assert [answer.status_code for answer in answers] == [404] * 20 + [429]
    assert (await service.ask("student2", "POST", "api/join", json={"code": "JOIN-1"})).status_code == 429


@pytest.mark.parametrize("body", ["[1]", "{", "1" * 9000])
async def test_a_body_that_is_no_object(service, body):
    answer = await service.ask("student1", "POST", "api/join", content=body)

    assert (answer.status_code, answer.json()["message"]) == (400, "The request's body is one JSON object.")


# Fetching and handing in.


async def test_what_is_fetched_holds_neither_solution_nor_hidden_test(service):
    answer = await service.ask("student1", "GET", "api/courses/c1/assignments/a1/notebook")

    assert answer.headers["Content-Disposition"] == 'attachment; filename="first.ipynb"'
    assert "assert x" in answer.text
    assert "solution" not in answer.text.replace('"solution": true', "").replace('"solution": false', "")
    assert "HIDDEN" not in answer.text


async def test_a_receipt_says_who_when_what_and_the_file_is_kept(service):
    answer = await service.hand_in("student1", RIGHT)
    receipt = answer.json()

    assert answer.status_code == 201
    assert (receipt["user"], receipt["attempt"], receipt["late"]) == ("student1", 1, False)
    assert receipt["sha256"] == hashlib.sha256(RIGHT).hexdigest()
    assert receipt["message"].endswith("Attempt 1.")
    again = await service.ask("student1", "GET", f"api/submissions/{receipt['id']}/notebook")
    assert again.content == RIGHT


async def test_another_file_is_a_new_attempt_and_the_same_one_is_not(service):
    first, same = await service.hand_in("student1", WRONG), await service.hand_in("student1", WRONG)
    second = await service.hand_in("student1", RIGHT)

    assert (same.status_code, same.json()["id"]) == (200, first.json()["id"])
    assert "the very file you handed in" in same.json()["message"]
    assert [one["number"] for one in await attempts(service, "student1")] == [1, 2]
    assert second.json()["attempt"] == 2
    assert len(kept(service)) == 2


async def test_going_back_to_an_earlier_file_is_a_new_attempt(service):
    for content in (WRONG, RIGHT, WRONG):
        await service.hand_in("student1", content)

    assert [one["number"] for one in await attempts(service, "student1")] == [1, 2, 3]


async def test_late_work_is_marked_or_refused_as_the_course_says(service):
    taken, refused = await service.hand_in("student1", RIGHT, "a2"), await service.hand_in("student1", RIGHT, "a3")

    assert taken.json()["late"] is True
    assert ", after the deadline. Attempt 1." in taken.json()["message"]
    assert refused.status_code == 409
    assert "late work is not taken" in refused.json()["message"]
    assert received(service) == 1


@pytest.mark.parametrize(
    ("user", "course", "assignment", "status", "sentence"),
    [
        ("student2", "c1", "a1", 403, "You are not in Course one. Join it"),
        ("student1", "c9", "a1", 404, "There is no course 'c9' here."),
        ("student1", "c1", "a9", 404, "Course one has no assignment 'a9': choose one of a1, a2, a3, a4."),
        ("student1", "c1", "a4", 404, "Hidden is not released yet."),
        ("", "c1", "a1", 403, "Sign in first"),
        ("nobody", "c1", "a1", 403, "Sign in first"),
        ("elsewhere", "c1", "a1", 403, "You may not do this."),
        ("robot", "c1", "a1", 403, "You may not do this."),
    ],
    ids=["not in it", "no course", "no assignment", "unreleased", "no token", "bad token", "no scope", "a service"],
)
async def test_who_may_not_hand_in_is_told_why(service, user, course, assignment, status, sentence):
    answer = await service.hand_in(user, RIGHT, assignment, course)

    assert answer.status_code == status
    assert answer.json()["message"].startswith(sentence)
    assert (kept(service), received(service)) == ([], 0)


async def test_what_is_no_notebook_is_refused(service):
    answer = await service.hand_in("student1", b"print('hello')")

    assert answer.status_code == 400
    assert "it is not JSON" in answer.json()["message"]
    assert (kept(service), received(service)) == ([], 0)


async def chunks(size: int):
    for _ in range(size // 1_000_000):
        yield b"x" * 1_000_000


@pytest.mark.parametrize("announced", [True, False], ids=["with Content-Length", "in chunks"])
async def test_a_gigabyte_is_refused_and_never_lies_on_the_disk(service, announced):
    async with service.client("student1") as client:
        headers = {"Content-Length": str(1_000_000_000)} if announced else {}
        path = "api/courses/c1/assignments/a1/submissions"
        answer = await client.post(path, content=chunks(1_000_000_000), headers=headers)

    assert answer.status_code == 413
    assert "larger than this assignment takes" in answer.json()["message"]
    assert (kept(service), received(service)) == ([], 0)


async def test_nobody_reads_what_another_handed_in(service):
    number = (await service.hand_in("student1", RIGHT)).json()["id"]
    await service.ask("student2", "POST", "api/join", json={"code": "JOIN-1"})

    for path in (f"api/submissions/{number}/notebook", f"submissions/{number}"):
        assert (await service.ask("student2", "GET", path)).status_code == 404
        assert (await service.ask("teacher1", "GET", path)).status_code == 200


async def test_who_is_not_in_a_course_fetches_nothing_and_reads_no_feedback(service):
    """Also once the feedback is released to those who are in it; that there is such an attempt is not told."""
    number = (await service.hand_in("student1", RIGHT)).json()["id"]
    await service.teach("grade")
    await service.teach("feedback")
    assert (await service.ask("student1", "GET", f"submissions/{number}")).status_code == 200

    fetched = await service.ask("stranger", "GET", "api/courses/c1/assignments/a1/notebook")
    assert (fetched.status_code, fetched.json()["message"].startswith("You are not in Course one.")) == (403, True)
    for path, status in (
        (f"submissions/{number}", 404),
        (f"api/submissions/{number}/notebook", 404),
        ("courses/c1/teach", 403),
        ("api/courses/c1/export.csv", 403),
    ):
        answer = await service.ask("stranger", "GET", path)
        assert (answer.status_code, "Right." in answer.text, "student1" in answer.text) == (status, False, False), path


# Teaching.


@pytest.mark.parametrize("action", ["release", "grade", "feedback"])
async def test_a_learner_does_not_teach(service, action):
    before = len(service.desk.store.events())
    answer = await service.teach(action, user="student1")

    assert (answer.status_code, len(service.desk.store.events())) == (403, before)
    for path in ("courses/c1/teach", "api/courses/c1/export.csv", "api/courses/c1/assignments/a1/submissions"):
        assert (await service.ask("student1", "GET", path)).status_code == 403


async def test_grading_marks_the_last_attempt_of_each_and_only_feedback_shows_it(service):
    await service.ask("student2", "POST", "api/join", json={"code": "JOIN-1"})
    await service.hand_in("student1", WRONG)
    await service.hand_in("student1", RIGHT)
    await service.hand_in("student2", WRONG)
    await service.teach("grade")

    assert sorted((one.user, one.sha256 == hashlib.sha256(RIGHT).hexdigest()) for one in service.grading.graded) == [
        ("student1", True),
        ("student2", False),
    ]
    assert "score" not in (await attempts(service, "student1"))[-1]
    answer = await service.teach("feedback")
    assert answer.json()["message"] == "Feedback for 2 attempts of First is released."
    assert (await attempts(service, "student1"))[-1]["score"] == 4
    assert (await attempts(service, "student2"))[-1]["score"] == 0


async def test_what_did_not_run_has_a_reason_and_no_mark(service):
    number = (await service.hand_in("student1", notebook("endless"))).json()["id"]
    await service.teach("grade")
    await service.teach("feedback")

    (attempt,) = await attempts(service, "student1")
    assert (attempt["score"], attempt["mark"]["not_run"]) == (None, "It took longer than 60 seconds.")
    page = (await service.ask("student1", "GET", f"submissions/{number}")).text
    assert "was not run, so there is no mark: It took longer than 60 seconds." in page


async def test_slurm_being_away_loses_nothing_and_the_next_grading_makes_up_for_it(service):
    await service.hand_in("student1", RIGHT)
    service.grading.broken = True
    await service.teach("grade")
    page = (await service.ask("teacher1", "GET", "courses/c1/teach")).text
    assert "1 of 1 not graded; nothing is lost, grade again. slurmctld does not answer." in page

    service.grading.broken = False
    await service.teach("grade")
    assert len(service.desk.store.events(kind="graded")) == 1


async def test_grading_twice_marks_once(service):
    await service.hand_in("student1", RIGHT)
    await service.teach("grade")
    answer = await service.teach("grade")

    assert answer.json()["message"] == "Everything is graded."
    assert len(service.grading.graded) == 1


async def test_a_grading_that_the_service_did_not_live_to_finish_goes_on_after_a_restart(service):
    await service.ask("student2", "POST", "api/join", json={"code": "JOIN-1"})
    await service.hand_in("student1", RIGHT)
    await service.hand_in("student2", WRONG)
    service.grading.broken = True
    await service.teach("grade")
    await service.hand_in("student1", RIGHT, "a2")

    service.grading.broken = False
    again = Teaching(service.desk, service.grading)
    again.resume()
    assert again.grading(service.desk.course("c1"), "a1")
    assert not again.grading(service.desk.course("c1"), "a2")  # nobody has asked for that
    while again.grading(service.desk.course("c1"), "a1"):
        await asyncio.sleep(0.02)
    found = service.desk.store.events(kind="graded")
    assert sorted((event.user, event.actor) for event in found) == [("student1", "teacher1"), ("student2", "teacher1")]

    once_more = Teaching(service.desk, service.grading)
    once_more.resume()
    assert not once_more.grading(service.desk.course("c1"), "a1")


async def test_attempts_are_limited_and_the_file_that_counts_keeps_its_receipt(service):
    course = service.root / "courses/c1/course.yaml"
    settings = yaml.safe_load(course.read_text())
    settings["assignments"][0]["attempts"] = 2
    course.write_text(yaml.safe_dump(settings))

    taken = [(await service.hand_in("student1", one)).status_code for one in (WRONG, RIGHT)]
    refused = await service.hand_in("student1", notebook("third"))
    again = await service.hand_in("student1", RIGHT)

    assert taken == [201, 201]
    assert (refused.status_code, received(service), len(kept(service))) == (409, 2, 2)
    assert refused.json()["message"].startswith("First may be handed in 2 times, and was. What counts is attempt 2 of")
    assert (again.status_code, again.json()["attempt"]) == (200, 2)
    page = (await service.ask("student1", "GET", "")).text
    assert "no attempt left of 2" in page


async def test_other_tests_grade_again_and_each_result_stays_an_event(service):
    await service.hand_in("student1", RIGHT)
    await service.teach("grade")
    source = service.desk.course("c1").source(service.desk.course("c1").assignment("a1"))
    first = source.read_text()
    said = "1 graded by other tests than those in place"
    for count, text in ((2, first.replace("solution'", "very solution'")), (3, first)):
        source.write_text(text)
        assert said in (await service.ask("teacher1", "GET", "courses/c1/teach")).text
        # Nobody has asked for it yet, so a service that starts just now does not begin with it.
        waiting = Teaching(service.desk, service.grading)
        waiting.resume()
        assert not waiting.grading(service.desk.course("c1"), "a1")
        await service.teach("grade")
        assert len(service.desk.store.events(kind="graded")) == count
        assert said not in (await service.ask("teacher1", "GET", "courses/c1/teach")).text
    source.unlink()
    answer = await service.teach("grade")
    assert (answer.status_code, "cannot be read" in answer.json()["message"]) == (409, True)
    assert (await service.ask("teacher1", "GET", "courses/c1/teach")).status_code == 200


async def test_feedback_without_results(service):
    answer = await service.teach("feedback")

    assert (answer.status_code, answer.json()["message"]) == (409, "First has no results yet: grade it first.")


async def test_the_marks_as_csv_and_in_nbgraders_gradebook(service):
    await service.hand_in("student1", RIGHT)
    await service.teach("grade")
    text = (await service.ask("teacher1", "GET", "api/courses/c1/export.csv")).text
    (row,) = csv.DictReader(io.StringIO(text))

    assert (row["user"], row["state"], float(row["score"]), float(row["max_score"])) == ("student1", "graded", 4, 4)
    assert row["sha256"] == hashlib.sha256(RIGHT).hexdigest()
    database = service.root / "courses/c1/gradebook.db"
    with sqlite3.connect(database) as gradebook:
        found = gradebook.execute("SELECT auto_score FROM grade").fetchall()
    gradebook.close()
    assert found == [(4.0,)]


# Pages.


async def test_pages_show_deadlines_receipts_and_marks_and_escape_what_a_test_says(service):
    number = (await service.hand_in("student1", WRONG)).json()["id"]
    page = (await service.ask("student1", "GET", "")).text
    assert "No deadline" in page
    assert "late work is not taken" in page
    assert hashlib.sha256(WRONG).hexdigest() in page
    assert "Waiting for feedback" in page
    assert "Hidden" not in page
    feedback = (await service.ask("student1", "GET", f"submissions/{number}")).text
    assert "has not released feedback yet" in feedback

    await service.teach("grade")
    await service.teach("feedback")
    assert "0 of 4 points" in (await service.ask("student1", "GET", "")).text
    feedback = await service.ask("student1", "GET", f"submissions/{number}")
    assert "&lt;b&gt;No&lt;/b&gt;" in feedback.text
    assert "default-src 'none'" in feedback.headers["Content-Security-Policy"]


async def test_a_stranger_is_sent_to_sign_in_and_a_wrong_address_is_a_page(service):
    answer = await service.ask("", "GET", "")
    assert (answer.status_code, "/oauth2/authorize" in answer.headers["Location"]) == (302, True)
    missing = await service.ask("student1", "GET", "nothing/here")
    assert (missing.status_code, "There is no such page." in missing.text) == (404, True)


async def test_a_course_that_cannot_be_read_stops_no_other(service):
    (service.root / "courses/broken").mkdir()
    (service.root / "courses/broken/course.yaml").write_text("name: [")

    assert (await service.ask("student1", "GET", "")).status_code == 200
