"""A teacher's pages on what was handed in: answers to mark, a course as a learner sees it, answers that are alike."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from tests.curricula.essays_here import DISGUISED, OWN, PROGRAM, essays
from tests.curricula.service_here import Service

SCRIPT = "<script>alert(1)</script> **It** fits."
PEOPLE = {
    "student1": (SCRIPT, PROGRAM),
    "student2": ("It is halved </pre><img src=x onerror=alert(2)>", DISGUISED),
    "stranger": ("", OWN),
}
MARKING, SIMILAR = "courses/c1/marking/a2", "courses/c1/similar/a2"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """Three learners who handed in, two of them the same program in disguise."""
    async with essays(tmp_path, PEOPLE) as one:
        yield one


async def page(service: Service, path: str, by: str = "teacher1") -> str:
    answer = await service.ask(by, "GET", path)
    assert answer.status_code == 200, answer.text
    return answer.text


def number(service: Service, user: str) -> int:
    return service.desk.store.events(kind="received", user=user)[-1].id


async def points(service: Service, user: str, score: float, comment: str = "") -> Any:
    told = {"cell": "essay", "score": score, "comment": comment}
    return await service.ask("teacher1", "POST", f"api/submissions/{number(service, user)}/points", json=told)


# Marking by hand.


async def test_answers_are_gone_through_one_after_the_other(service: Service) -> None:
    assert "There is nothing to mark by hand." in await page(service, MARKING)
    await service.teach("grade", "a2")
    assert "Mark answers by hand" in await page(service, "courses/c1/teach")
    assert "(3 of 3 left)" in await page(service, "courses/c1/teach")
    for marked, user in enumerate(("stranger", "student1", "student2")):
        shown = await page(service, MARKING)
        assert f"{marked} of 3 answers marked." in shown
        assert f"essay: {user}, <a" in shown
        assert f'api/submissions/{number(service, user)}/points"' in shown
        assert (await points(service, user, 4.5)).status_code == 200
    assert "Everything is marked." in await page(service, MARKING)
    assert "(0 of 3 left)" in await page(service, "courses/c1/teach")


async def test_what_follows_is_the_next_without_points_and_at_the_end_none(service: Service) -> None:
    await service.teach("grade", "a2")
    await points(service, "student1", 3)
    first, last = number(service, "stranger"), number(service, "student2")
    next_of = f'data-next="/services/onramp-course/{MARKING}?submission={last}&amp;cell=essay"'
    assert next_of in await page(service, MARKING)
    await points(service, "stranger", 3)
    assert f'data-next="/services/onramp-course/{MARKING}"' in await page(service, MARKING)
    # What is marked can be marked anew.
    again = await page(service, f"{MARKING}?submission={first}&cell=essay")
    assert ('value="3"' in again, "Save and next" in again) == (True, True)


async def test_what_was_written_is_text_beside_the_question_and_the_solution(service: Service) -> None:
    await service.teach("grade", "a2")
    shown = await page(service, f"{MARKING}?submission={number(service, 'student1')}&cell=essay")
    assert "&lt;script&gt;alert(1)&lt;/script&gt; **It** fits." in shown
    assert "Why does the batch fit?\nSay it in two sentences." in shown
    assert "Since its gradients are accumulated." in shown
    for user in PEOPLE:
        shown = await page(service, f"{MARKING}?submission={number(service, user)}&cell=essay")
        assert ("<script>alert" in shown, "<img" in shown) == (False, False)
    empty = await page(service, f"{MARKING}?submission={number(service, 'stranger')}&cell=essay")
    assert "This cell is not in the notebook that was handed in, or nothing is in it." in empty


async def test_comments_are_offered_again_on_the_cell_they_were_used_on(service: Service) -> None:
    await service.teach("grade", "a2")
    await points(service, "stranger", 0, "Empty.")
    await points(service, "student1", 4, "Say <why>.")
    shown = await page(service, MARKING)
    assert 'data-comment="Say &lt;why&gt;." data-score="4"' in shown
    await points(service, "student2", 2, "Say <why>.")
    shown = await page(service, f"{MARKING}?submission={number(service, 'student2')}&cell=essay")
    # Most used first; with which points is told only where they were always the same.
    assert shown.index('data-comment="Say &lt;why&gt;." data-score=""') < shown.index('data-comment="Empty."')
    told = {"cell": "t", "score": 1, "comment": "Elsewhere."}
    await service.ask("teacher1", "POST", f"api/submissions/{number(service, 'student2')}/points", json=told)
    assert "Elsewhere." not in await page(service, f"{MARKING}?submission={number(service, 'student2')}&cell=essay")


async def test_answers_that_are_not_there(service: Service) -> None:
    await service.teach("grade", "a2")
    for asked in ("submission=0&cell=essay", f"submission={number(service, 'student1')}&cell=t", "cell=%3Cb%3E"):
        answer = await service.ask("teacher1", "GET", f"{MARKING}?{asked}")
        assert (answer.status_code, "<b>" in answer.text) == (404, False)
    assert (await service.ask("teacher1", "GET", "courses/c1/marking/a9")).status_code == 404
    assert "There is nothing to mark by hand." in await page(service, "courses/c1/marking/a1")


# As a learner sees it.


async def test_a_teacher_sees_what_a_learner_sees_and_can_do_nothing_there(service: Service) -> None:
    await service.teach("grade", "a2")
    seen = await page(service, "courses/c1/as/student1")
    assert "This is Course one as <strong>student1</strong> sees it" in seen
    own = await page(service, "", "student1")
    start, end = '<article class="onramp-card" data-assignment="a2"', "</article>"
    cards = [one[one.index(start) : one.index(end)] for one in (seen, own)]
    assert [cards[0].count(said) for said in ("Second", "Waiting for feedback", "late", "<tr data-attempt")] == [
        cards[1].count(said) for said in ("Second", "Waiting for feedback", "late", "<tr data-attempt")
    ]
    for acts in ("data-post", "<form", "<input", '/notebook" download>Fetch', "Take off", "Join a course"):
        assert acts not in seen, acts
    assert "as/student1/submissions" not in seen
    assert f"{number(service, 'student2')}/notebook" not in seen


async def test_feedback_is_shown_to_a_teacher_as_to_the_learner(service: Service) -> None:
    await service.teach("grade", "a2")
    await points(service, "student1", 5, "Nearly.")
    path = f"courses/c1/as/student1/submissions/{number(service, 'student1')}"
    assert "Your teacher has not released feedback yet." in await page(service, path)
    await service.teach("feedback", "a2")
    assert path in await page(service, "courses/c1/as/student1")
    shown = await page(service, path)
    assert ("9 of 10 points" in shown, "teacher1: <q>Nearly.</q>" in shown, "data-post" in shown) == (True, True, False)
    other = f"courses/c1/as/student2/submissions/{number(service, 'student1')}"
    assert (await service.ask("teacher1", "GET", other)).status_code == 404


async def test_that_somebody_looked_is_on_record(service: Service) -> None:
    await page(service, "courses/c1/as/student1")
    (event,) = service.desk.store.events(kind="viewed_as")
    assert (event.actor, event.user, event.course) == ("teacher1", "student1", "c1")
    assert "The course was looked at as student1 sees it." in await page(service, "courses/c1/log")
    for learner in ("teacher1", "nobody", "%3Cb%3E"):
        answer = await service.ask("teacher1", "GET", f"courses/c1/as/{learner}")
        assert (answer.status_code, "is no learner of Course one" in answer.text) == (404, True)
    assert len(service.desk.store.events(kind="viewed_as")) == 1


# What is alike.


async def test_answers_that_are_alike_stand_side_by_side_as_a_hint(service: Service) -> None:
    shown = await page(service, SIMILAR)
    assert "<td>100&nbsp;%</td><td>program</td>" in shown
    assert shown.count("<tr data-pair=") == shown.count('<tr data-pair="student1 student2">') == 1
    assert "A hint of where to look, never a finding." in shown
    assert "# of every window" in shown
    assert "# a whole window" in shown
    assert "cumsum" not in shown
    assert not service.desk.store.events(kind="viewed_as")


async def test_where_nothing_can_be_compared(service: Service) -> None:
    answer = await service.ask("teacher1", "GET", "courses/c1/similar/a1")
    assert (answer.status_code, "First is not released" in answer.text) == (409, True)
    assert (await service.ask("teacher1", "GET", "courses/c1/similar/a9")).status_code == 404
    await service.teach("release", "a1")
    assert "No two answers are alike by 60 % or more." in await page(service, "courses/c1/similar/a1")


# Who may.


async def test_only_a_courses_teachers_look(service: Service) -> None:
    await service.teach("grade", "a2")
    last = service.desk.store.newest("c1")
    feedback = f"courses/c1/as/student1/submissions/{number(service, 'student1')}"
    for path in (MARKING, SIMILAR, "courses/c1/as/student1", feedback):
        for by in ("student1", "student2"):
            answer = await service.ask(by, "GET", path)
            assert (answer.status_code, "Only its teachers may do this" in answer.text) == (403, True), path
        assert (await service.ask("", "GET", path)).status_code == 302
        assert (await service.ask("teacher1", "GET", path.replace("c1", "c9"))).status_code == 404
    assert service.desk.store.newest("c1") == last
