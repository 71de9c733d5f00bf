"""An instructor's pages in a real browser: what comes in is seen at once, and answers are marked with the keyboard."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from tests.curricula.essays_here import DISGUISED, PROGRAM, essays
from tests.curricula.service_here import PREFIX, Gate, Service, notebook
from tests.curricula.test_course_pages import look, window
from tests.end_to_end.browser import chromium

SCRIPT = "<script>alert(1)</script><img src=x onerror=alert(2)> [x](javascript:alert(3)) It is accumulated."
PEOPLE = {"student1": (SCRIPT, PROGRAM), "student2": ("It is halved.</pre><svg onload=alert(4)>", DISGUISED)}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """Two learners who handed in the same program in disguise, each with an essay that attacks its reader."""
    async with essays(tmp_path, PEOPLE) as one:
        yield one


def opened(browser: Browser, service: Service, path: str) -> tuple[Page, list[str]]:
    """A teacher's window, and what scripts of others said in it."""
    context = browser.new_context(extra_http_headers={"Authorization": "token teacher1-token"})
    page = window(context, service, path)
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    return page, said


def number(service: Service, user: str) -> int:
    return service.desk.store.events(kind="received", user=user)[-1].id


async def test_the_pages_can_be_used_by_everybody(service: Service) -> None:
    await service.teach("grade", "a2")
    await service.teach("feedback", "a2")
    own = number(service, "student1")
    paths = (
        "courses/c1/teach",
        "courses/c1/marking/a2",
        "courses/c1/similar/a2",
        "courses/c1/as/student1",
        f"courses/c1/as/student1/submissions/{own}",
    )
    assert await asyncio.to_thread(look, service, "teacher1", *paths) == {path: [] for path in paths}


def follow(service: Service, let: Callable[[int], None]) -> None:
    """See a new submission and a whole grading without the page being loaded again."""
    with chromium() as browser:
        page, _ = opened(browser, service, "courses/c1/teach")
        page.evaluate("window.first = true")
        card = page.locator('[data-assignment="a2"]')
        expect(card.locator("[data-user]")).to_have_count(2)
        hand_in(service, "stranger")
        expect(card.locator("[data-user]")).to_have_count(3)
        expect(card.locator("[data-user]").first).to_contain_text("stranger")
        expect(card).to_contain_text("3 handed in, 3 without a result.")

        card.get_by_role("button", name="Grade all").click()
        told = card.get_by_role("status")
        expect(told).to_have_text("0 of 3 graded")
        bar = card.get_by_role("progressbar", name="Grading of Second")
        expect(bar).to_have_js_property("max", 3)
        link = card.get_by_role("link", name="Answers that are alike")
        link.focus()
        let(2)
        expect(told).to_contain_text("2 of 3 graded, about ")
        expect(bar).to_have_js_property("value", 2)
        expect(card.get_by_role("link", name="4 of 10 points, 1 answer not marked yet")).to_have_count(2)
        expect(link).to_be_focused()
        let(1)
        expect(page.locator("#said")).to_have_text("Graded.")
        expect(bar).to_be_hidden()
        expect(card).to_contain_text("Mark answers by hand in Second (3 of 3 left)")

        again = card.get_by_role("button", name="Grade again Second by student1")
        again.focus()
        page.keyboard.press("Enter")
        expect(page.locator("#said")).to_have_text("Grading Second by student1 again.")
        expect(card).to_contain_text("3 handed in, 0 without a result.")
        let(1)
        expect(page.locator("#said")).to_have_text("Graded.")
        expect(again).to_be_focused()
        assert page.evaluate("window.first") is True


def hand_in(service: Service, user: str) -> None:
    """Join and hand in, while somebody else looks."""
    with httpx.Client(base_url=service.url + PREFIX, headers={"Authorization": f"token {user}-token"}) as client:
        client.post("api/join", json={"code": "JOIN-1"})
        answer = client.post("api/courses/c1/assignments/a2/submissions", content=notebook("right"))
        assert answer.status_code == 201, answer.text


async def test_what_comes_in_and_how_far_a_grading_is_are_seen_at_once(service: Service) -> None:
    gate: Gate = service.gated()
    loop = asyncio.get_running_loop()
    await asyncio.to_thread(follow, service, lambda count: loop.call_soon_threadsafe(gate.let, count))
    assert gate.again == [False, False, False, True]


def mark(service: Service) -> list[str]:
    """Mark two answers with the keyboard alone; return what scripts of others said."""
    with chromium() as browser:
        page, said = opened(browser, service, "courses/c1/marking/a2")
        expect(page.get_by_role("heading", name="essay: student1")).to_be_visible()
        expect(page.get_by_role("region", name="What student1 wrote")).to_have_text(SCRIPT)
        expect(page.get_by_label("Points, 0 to 6")).to_be_focused()
        page.keyboard.type("4")
        page.keyboard.press("Tab")
        page.keyboard.type("Say why.")
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Save and next")).to_be_focused()
        page.keyboard.press("Enter")

        expect(page.get_by_role("heading", name="essay: student2")).to_be_visible()
        expect(page.locator("#said")).to_contain_text("essay has 4 of 6 points now; in all 8 of 10 points.")
        page.get_by_role("button", name="Say why.").focus()
        page.keyboard.press("Enter")
        expect(page.get_by_label("Comment", exact=True)).to_have_value("Say why.")
        expect(page.get_by_label("Points, 0 to 6")).to_have_value("4")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.get_by_text("Everything is marked.")).to_be_visible()
        for path in ("courses/c1/similar/a2", "courses/c1/log"):
            page.goto(f"{service.url}{PREFIX}{path}")
        return said


async def test_answers_are_marked_with_the_keyboard_and_no_script_of_a_learner_runs(service: Service) -> None:
    await service.teach("grade", "a2")
    assert await asyncio.to_thread(mark, service) == []
    given = [(event.user, event.payload) for event in service.desk.store.events(kind="overridden")]
    told = {"cell": "essay", "score": 4, "comment": "Say why.", "before": None}
    assert given == [("student1", told), ("student2", told)]


def view(service: Service) -> None:
    """Go the way from a learner's name to their page, on which nothing can be pressed."""
    with chromium() as browser:
        page, _ = opened(browser, service, "courses/c1/teach")
        page.get_by_text("Learners (2)").click()
        page.get_by_role("link", name="View as student2").click()
        expect(page.get_by_role("heading", name="My courses, as student2 sees them")).to_be_visible()
        for button in page.get_by_role("button").all():
            expect(button).to_be_disabled()
        expect(page.locator("main").get_by_role("textbox")).to_have_count(0)
        page.get_by_role("link", name="on record").click()
        expect(page.get_by_text("The course was looked at as student2 sees it.")).to_be_visible()


async def test_a_teacher_looks_as_a_learner(service: Service) -> None:
    await asyncio.to_thread(view, service)
