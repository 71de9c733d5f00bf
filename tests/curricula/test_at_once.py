"""Assignments whose feedback is shown at once: graded as they come in, whatever ends in between."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from curricula.course import Course
from curricula.service import at_once
from curricula.service.teaching import Teaching
from tests.curricula.service_here import Service, notebook, running, write_course

COURSE = "c2"


@pytest.fixture
async def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """Beside the other one, a course whose one assignment is graded as it comes in; student1 and student2 are in it."""
    monkeypatch.setattr(at_once, "BEHIND", 0.05)
    monkeypatch.setattr(at_once, "AGAIN", 0.05)
    async with running(tmp_path) as one:
        quick = {"name": "a1", "title": "Quick", "notebook": "first.ipynb", "feedback": "at-once", "attempts": 3}
        write_course(tmp_path, COURSE, title="At once", code="JOIN-2", assignments=[quick])
        await one.teach("release", course=COURSE)
        for user in ("student1", "student2"):
            await one.ask(user, "POST", "api/join", json={"code": "JOIN-2"})
        yield one


async def until(condition: Callable[[], Any]) -> None:
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.02)


def results(service: Service) -> list[tuple[str | None, str, str]]:
    events = service.desk.store.events(course=COURSE)
    return [(event.user, event.kind, event.actor) for event in events if event.kind in ("graded", "not_run")]


async def attempts(service: Service, user: str) -> list[dict[str, Any]]:
    told = (await service.ask(user, "GET", "api/courses")).json()
    (course,) = [one for one in told["courses"] if one["name"] == COURSE]
    found: list[dict[str, Any]] = course["assignments"][0]["attempts"]
    return found


async def test_a_learner_reads_the_result_without_anybody_pressing_a_button(service: Service) -> None:
    for answer, score in (("wrong", 0), ("right", 4)):
        number = len(results(service))
        await service.hand_in("student1", notebook(answer), course=COURSE)
        await until(lambda number=number: len(results(service)) > number)
        assert (await attempts(service, "student1"))[-1]["score"] == score
    assert results(service) == [("student1", "graded", "onramp-course")] * 2
    page = (await service.ask("student1", "GET", "")).text
    assert "4 of 4 points" in page
    assert "0 of 4 points" in page
    feedback = service.desk.store.events(course=COURSE, kind="received")[-1].id
    assert "4 of 4" in (await service.ask("student1", "GET", f"submissions/{feedback}")).text
    assert (await service.ask("student2", "GET", f"submissions/{feedback}")).status_code == 404


async def test_until_it_is_graded_the_page_says_so_and_shows_no_result(service: Service) -> None:
    gate = service.gated()
    await service.hand_in("student1", notebook("right"), course=COURSE)
    await service.hand_in("student2", notebook("right"), course=COURSE)
    page = (await service.ask("student2", "GET", "")).text
    assert "Being graded: 1 before yours" in page
    assert "data-awaited" in page
    assert "score" not in (await attempts(service, "student2"))[0]
    gate.let(2)
    await until(lambda: len(results(service)) == 2)
    page = (await service.ask("student2", "GET", "")).text
    assert "data-awaited" not in page


async def test_what_fails_is_tried_until_it_is_graded(service: Service) -> None:
    service.grading.broken = True
    await service.hand_in("student1", notebook("right"), course=COURSE)
    await asyncio.sleep(0.2)
    assert results(service) == []
    service.grading.broken = False
    await until(lambda: results(service))
    assert (await attempts(service, "student1"))[0]["score"] == 4


async def test_what_a_killed_service_left_is_graded_by_the_next_one(service: Service) -> None:
    """Earlier attempts too: their learner was promised to read what each got."""
    service.grading.broken = True
    await service.hand_in("student1", notebook("wrong"), course=COURSE)
    await service.hand_in("student1", notebook("right"), course=COURSE)
    for task in service.teaching.at_once._tasks:  # killed: it tries nothing again
        task.cancel()
    service.grading.broken = False
    again = Teaching(service.desk, service.grading)
    again.resume()
    await until(lambda: len(results(service)) == 2)
    await asyncio.sleep(0.2)
    assert results(service) == [("student1", "graded", "onramp-course")] * 2
    assert [one["score"] for one in await attempts(service, "student1")] == [0, 4]


async def test_the_same_file_again_is_graded_once(service: Service) -> None:
    for _ in range(3):
        await service.hand_in("student1", notebook("right"), course=COURSE)
    await until(lambda: results(service))
    await asyncio.sleep(0.1)
    assert len(service.grading.graded) == 1


async def test_nbgraders_gradebook_follows(service: Service) -> None:
    await service.hand_in("student1", notebook("right"), course=COURSE)
    await until(lambda: results(service))
    await until((service.root / "courses" / COURSE / "gradebook.db").exists)


async def test_other_assignments_wait_for_their_teacher(service: Service) -> None:
    await service.teach("release")
    await service.ask("student1", "POST", "api/join", json={"code": "JOIN-1"})
    await service.hand_in("student1", notebook("right"))
    await asyncio.sleep(0.1)
    assert service.grading.graded == []


async def test_a_gradebook_that_takes_long_is_made_anew_seldom(service: Service) -> None:
    begun, took = [], 0.1

    async def slowly(_: Course) -> None:
        begun.append(time.monotonic())
        await asyncio.sleep(took)

    service.teaching.at_once.project = slowly
    for count, answer in enumerate(("right", "wrong", "another"), 1):
        await service.hand_in("student1", notebook(answer), course=COURSE)
        await until(lambda count=count: len(results(service)) == count)
        await until(lambda count=count: len(begun) >= min(count, 2))
    assert begun[1] - begun[0] >= (1 + at_once.REST) * took
