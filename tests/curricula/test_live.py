"""What a teacher sees while grading runs, what a learner sees who waits, and one attempt that is graded again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from curricula.course import Course
from curricula.marks import CellGrade, Result
from curricula.service.teaching import Teaching
from curricula.submissions import Submission
from tests.curricula.service_here import Service, notebook, running

RIGHT, WRONG = notebook("right"), notebook("wrong")


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """A course with one released assignment, and work of two students in it."""
    async with running(tmp_path) as one:
        for user in ("student1", "student2"):
            await one.ask(user, "POST", "api/join", json={"code": "JOIN-1"})
        await one.teach("release")
        for user in ("student1", "student2"):
            await one.hand_in(user, RIGHT if user == "student1" else WRONG)
        yield one


async def now(service: Service, by: str = "teacher1") -> dict[str, Any]:
    """How far the grading of a1 is."""
    told: dict[str, Any] = (await service.ask(by, "GET", "api/courses/c1/assignments/a1/grading")).json()
    return told


async def until(service: Service, **wanted: object) -> dict[str, Any]:
    """Wait until the grading is as wanted, and return all that is told of it."""
    for _ in range(500):
        told = await now(service)
        if wanted.items() <= told.items():
            return told
        await asyncio.sleep(0.02)
    raise AssertionError(f"{wanted} never came: {told}")


async def regrade(service: Service, number: int, by: str = "teacher1") -> Any:
    return await service.ask(by, "POST", f"api/submissions/{number}/regrade")


async def test_progress_while_grading_runs(service: Service) -> None:
    gate = service.gated()
    assert (await now(service))["message"] == ""
    path = "api/courses/c1/assignments/a1/grade"
    assert (await service.ask("teacher1", "POST", path)).json() == {"message": "Grading 2 notebooks.", "running": True}
    told = await until(service, running=True, total=2)
    assert (told["done"], told["eta"], told["waiting"], told["message"]) == (0, None, 2, "0 of 2 graded")
    page = (await service.ask("teacher1", "GET", "courses/c1/teach")).text
    assert '<progress value="0" max="2" aria-label="Grading of First">' in page
    assert '<p role="status" aria-live="polite">0 of 2 graded</p>' in page

    gate.let(1)
    told = await until(service, done=1)
    assert (isinstance(told["eta"], int), told["waiting"]) == (True, 1)
    gate.let(1)
    told = await until(service, running=False)
    assert (told["done"], told["total"], told["eta"], told["problem"]) == (2, 2, 0, None)


async def test_what_cannot_be_graded_is_not_counted_as_graded(service: Service) -> None:
    service.grading.broken = True
    await service.teach("grade")
    told = await now(service)
    assert (told["done"], told["message"]) == (2, "0 of 2 graded, 2 could not be")


async def test_whether_anything_happened_is_one_number(service: Service) -> None:
    async def live() -> dict[str, Any]:
        told: dict[str, Any] = (await service.ask("teacher1", "GET", "api/courses/c1/live")).json()
        return told

    first = await live()
    assert f'data-event="{first["event"]}"' in (await service.ask("teacher1", "GET", "courses/c1/teach")).text
    assert await live() == first
    assert first["grading"]["a1"]["running"] is False
    await service.hand_in("student1", WRONG)
    assert (await live())["event"] == service.desk.store.events()[-1].id > first["event"]


async def test_a_learner_sees_how_many_are_before_them(service: Service) -> None:
    async def seen(user: str) -> tuple[str, object]:
        page = (await service.ask(user, "GET", "")).text
        (course,) = (await service.ask(user, "GET", "api/courses")).json()["courses"]
        return page, course["assignments"][0]["before"]

    for user, count, said in (("student1", 0, "yours is next to be graded"), ("student2", 1, "1 before yours")):
        page, number = await seen(user)
        assert (f"Waiting for feedback: {said}</td>" in page, number) == (True, count)
    await service.teach("grade")
    page, number = await seen("student2")
    assert ("<td>Waiting for feedback</td>" in page, number) == (True, None)


# Once more.


async def test_one_attempt_is_graded_again_and_both_results_stay(service: Service) -> None:
    await service.teach("grade")
    gate = service.gated()
    received = service.desk.store.events(kind="received")[1]
    service.desk.submission(received)
    answer = await regrade(service, received.id)
    assert answer.json() == {"message": "Grading First by student2 again.", "running": True}
    told = await until(service, total=1, running=True)
    assert (told["waiting"], told["message"]) == (1, "0 of 1 graded")
    busy = await regrade(service, received.id)
    assert (busy.status_code, "is being graded just now. Grade student2 again" in busy.json()["message"]) == (409, True)
    gate.let(1)
    await until(service, running=False)

    assert gate.again == [True]
    assert [event.user for event in service.desk.store.events(kind="graded")] == ["student1", "student2", "student2"]
    assert (await service.teach("grade")).json()["message"] == "Everything is graded."
    log = (await service.ask("teacher1", "GET", "courses/c1/log")).text
    assert "First by student2 was to be graded again." in log
    assert log.count("First by student2 was graded: 0 of 4 points.") == 2


async def test_another_result_counts_and_points_of_a_teacher_stay(service: Service) -> None:
    await service.teach("grade")
    one, two = service.desk.store.events(kind="received")
    told = {"cell": "t", "score": 3, "comment": ""}
    assert (await service.ask("teacher1", "POST", f"api/submissions/{one.id}/points", json=told)).status_code == 200

    async def better(course: Course, submission: Submission, *, again: bool = False) -> Result:
        result = await service.grading(course, submission)
        return result.model_copy(update={"cells": (CellGrade(name="t", score=1, max_score=4),)})

    service.teaching.results.grade = better
    for number in (one.id, two.id):
        await regrade(service, number)
        await until(service, running=False)
    page = (await service.ask("teacher1", "GET", "courses/c1/teach")).text
    assert ("3 of 4 points" in page, "1 of 4 points" in page, "0 of 4 points" in page) == (True, True, False)


async def test_a_regrading_that_the_service_did_not_live_to_finish_goes_on_and_only_that(service: Service) -> None:
    await service.teach("grade")
    (number, _) = (event.id for event in service.desk.store.events(kind="received"))
    service.grading.broken = True
    await regrade(service, number)
    told = await until(service, running=False)
    assert (told["waiting"], "nothing is lost" in told["problem"]) == (1, True)
    assert "graded by other tests" not in (await service.ask("teacher1", "GET", "courses/c1/teach")).text
    await service.hand_in("student2", RIGHT)  # nobody has asked for that

    service.grading.broken = False
    again = Teaching(service.desk, service.grading)
    again.resume()
    course = service.desk.course("c1")
    while again.grading(course, "a1"):
        await asyncio.sleep(0.02)
    assert [one.user for one in again.results.ungraded(course, "a1")] == ["student2"]
    assert [event.user for event in service.desk.store.events(kind="graded")] == ["student1", "student2", "student1"]


async def test_what_cannot_be_graded_again(service: Service) -> None:
    first = service.desk.store.events(kind="received")[0].id
    await service.hand_in("student1", WRONG)
    answer = await regrade(service, first)
    assert (answer.status_code, answer.json()["message"]) == (
        409,
        "This is not the last attempt of student1, and only that counts: grade that one again.",
    )
    assert ((await regrade(service, 0)).status_code, (await regrade(service, 10**11)).status_code) == (404, 404)


async def test_only_teachers_look_and_regrade(service: Service) -> None:
    mine = service.desk.store.events(kind="received")[0].id
    before = service.desk.store.newest("c1")
    for by, theirs in (("student1", 403), ("student2", 404), ("stranger", 404), ("", 403)):
        assert (await regrade(service, mine, by)).status_code == theirs
        assert (await service.ask(by, "GET", "api/courses/c1/live")).status_code == 403
    assert (await service.ask("teacher1", "GET", "api/courses/c9/live")).status_code == 404
    assert service.desk.store.newest("c1") == before
