"""The page with a course's map of skills, as learners and their teacher get it."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from tests.curricula.service_here import Service, notebook, running, write_course
from tests.curricula.test_course_pages import look

TRACKS = [
    {"name": "short", "title": "In a hurry", "assignments": ["a2", "a1"]},
    {"name": "whole", "title": "Everything", "assignments": ["a1", "a2", "a3"]},
]
MAP = "courses/c2/map"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """A course with two tracks; student1 has all points of its first assignment, student2 none, and both may see it."""
    async with running(tmp_path) as one:
        write_course(tmp_path, "c2", code="JOIN-2", title="Course two", tracks=TRACKS)
        about = {"goals": ["Say what a queue <is>"], "minutes": 120, "gpu_hours": 0.05, "glossary": {"queue": "A & B"}}
        (tmp_path / "courses/c2/source/a1/module.yaml").write_text(yaml.safe_dump(about))
        (tmp_path / "courses/c2/source/a2/module.yaml").write_text("goals: 7\n")
        for user in ("student1", "student2"):
            await one.ask(user, "POST", "api/join", json={"code": "JOIN-2"})
        await one.teach("release", course="c2")
        await one.hand_in("student1", notebook("right"), course="c2")
        await one.hand_in("student2", notebook("wrong"), course="c2")
        await one.teach("grade", course="c2")
        await one.teach("feedback", course="c2")
        yield one


async def states(service: Service, user: str, path: str = MAP) -> list[tuple[str, str]]:
    answer = await service.ask(user, "GET", path)
    assert answer.status_code == 200, answer.text
    return re.findall(r'data-module="(\w+)" data-state="([\w ]+)"', answer.text)


async def test_each_learner_sees_their_own(service: Service) -> None:
    others = [("a2", "not released"), ("a3", "not released"), ("a4", "not released")]
    assert await states(service, "student1") == [("a1", "done"), *others]
    assert await states(service, "student2") == [("a1", "under way"), *others]
    page = (await service.ask("student1", "GET", MAP)).text
    assert "1 of 4 modules done." in page  # what nobody says the time of is not counted
    assert "student2" not in page
    assert "Say what a queue &lt;is&gt;" in page
    assert "About 2 h · at most 0.05 GPU-hours" in page
    assert "<dt>queue</dt><dd>A &amp; B</dd>" in page
    assert "1 of 4 modules done" not in (await service.ask("student2", "GET", MAP)).text


async def test_a_track_has_its_own_modules_in_its_own_order(service: Service) -> None:
    assert await states(service, "student1", f"{MAP}?track=short") == [("a2", "not released"), ("a1", "done")]
    page = (await service.ask("student1", "GET", f"{MAP}?track=short")).text
    assert re.findall(r'aria-current="page">([^<]*)<', page) == ["In a hurry"]
    unknown = await service.ask("student1", "GET", f"{MAP}?track=<b>")
    assert unknown.status_code == 404
    assert "choose one of short, whole." in unknown.text


async def test_a_teacher_sees_how_far_all_are_and_no_names(service: Service) -> None:
    page = (await service.ask("teacher1", "GET", MAP)).text
    assert "How far the 2 learners of this course are." in page
    assert "2 of 2 handed in, 2 with a result, 1 with all points. The fewest got <code>t</code> right." in page
    assert "student1" not in page
    assert "student2" not in page


async def test_it_is_for_those_in_the_course(service: Service) -> None:
    assert (await service.ask("stranger", "GET", MAP)).status_code == 403
    assert (await service.ask("student1", "GET", "courses/none/map")).status_code == 404
    assert (await service.ask("student1", "GET", "courses/c1/map")).status_code == 403


async def test_the_map_is_in_reach_and_for_everybody(service: Service) -> None:
    assert f'href="/services/onramp-course/{MAP}"' in (await service.ask("student1", "GET", "")).text
    assert f'href="/services/onramp-course/{MAP}"' in (await service.ask("teacher1", "GET", "courses/c2/teach")).text
    for user in ("student1", "teacher1"):
        assert await asyncio.to_thread(look, service, user, MAP) == {MAP: []}
