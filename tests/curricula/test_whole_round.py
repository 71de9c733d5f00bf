"""An instructor's whole round in a real browser, from the roster to next year's course, and what is then on record."""

import asyncio
import csv
import io
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from tests.curricula.essays_here import DISGUISED, PROGRAM, essays, written
from tests.curricula.service_here import PREFIX, Gate, Service
from tests.curricula.test_teaching_pages import opened
from tests.end_to_end.browser import chromium
from tests.end_to_end.picture import picture

ESSAYS = {
    "student1": ("The gradients of four small batches are added up, so it fits.", PROGRAM),
    "student2": ("It is halved.", DISGUISED),
}


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """A course that nobody is in; its second assignment has an essay, and is not released."""
    async with essays(tmp_path, {}, released=False) as one:
        yield one


def whole_round(service: Service, let: Callable[[int], None], folder: Path) -> list[dict[str, str]]:
    """Go through it; return the marks that were exported."""
    with chromium() as browser:
        page, said = opened(browser, service, "courses/c1/teach")
        card = page.locator('[data-assignment="a2"]')
        _let_in(page, folder)
        _press(page, card, "Release Second", "Second is released: learners can fetch it.")
        for user in ESSAYS:
            _hand_in(service, user)
        expect(card.locator("[data-user]")).to_have_count(2)
        _grade(page, card, let)
        _mark(page, card)
        expect(card.get_by_role("row", name=re.compile("^essay"))).to_contain_text("5 of 6")

        again = card.get_by_role("button", name="Grade again Second by student2")
        again.click()
        let(1)
        expect(page.locator("#said")).to_have_text("Graded.")
        card.get_by_text("More time for one learner").click()
        card.get_by_label("Learner").select_option("student2")
        card.get_by_label("Due, in your time zone").fill("2037-01-31T23:59")
        _press(page, card, "Extend Second", "Second is due for student2 on 31 January 2037")
        _press(page, card, "Release feedback for Second", "Feedback for 2 attempts of Second is released.")
        _as_learner(page, service)

        page.get_by_text("Next year’s course").click()
        page.get_by_label("Its name").fill("c1-2027")
        _press(page, page, "Clone Course one", "c1-2027 is in place: 4 assignments, code C1-2027-")
        # A download in a window of its own would come without the token that stands for the sign-in here.
        export = page.get_by_role("link", name="Export marks as CSV").evaluate("link => link.href")
        marks = page.request.get(export).text()
        page.get_by_role("link", name="What happened, and who did it").click()
        expect(page.get_by_text("The course was looked at as student1 sees it.")).to_be_visible()
        expect(page.get_by_text("What counts is as before: 8 of 10 points.")).to_be_visible()
        picture(page, "log")
        assert said == []
        return [*csv.DictReader(io.StringIO(marks))]


def _press(page: Page, where: Page | Locator, button: str, said: str) -> None:
    where.get_by_role("button", name=button).click()
    expect(page.locator("#said")).to_contain_text(said)


def _let_in(page: Page, folder: Path) -> None:
    """Put a roster in, as a student office hands it out."""
    roster = folder / "people.csv"
    roster.write_text("id;last_name\nstudent1;Ä\nstudent2;B\n")
    page.locator("summary", has_text="Learners (0)").click()
    page.locator("input[name=roster]").set_input_files(roster)
    expect(page.locator("#said")).to_have_text(re.compile("^2 of the 2 on the roster are new in Course one"))


def _hand_in(service: Service, user: str) -> None:
    """While the teacher looks."""
    with httpx.Client(base_url=service.url + PREFIX, headers={"Authorization": f"token {user}-token"}) as client:
        answer = client.post("api/courses/c1/assignments/a2/submissions", json=written(*ESSAYS[user]))
        assert answer.status_code == 201, answer.text


def _grade(page: Page, card: Locator, let: Callable[[int], None]) -> None:
    """Grade all; results come while the page is open, and the statistics with them."""
    card.get_by_role("button", name="Grade all").click()
    let(1)
    expect(card.get_by_role("status")).to_contain_text("1 of 2 graded")
    let(1)
    expect(page.locator("#said")).to_have_text("Graded.")
    expect(card.get_by_role("link", name="4 of 10 points, 1 answer not marked yet")).to_have_count(2)
    expect(card.get_by_role("row", name=re.compile("^essay"))).to_contain_text("2")


def _mark(page: Page, card: Locator) -> None:
    """Give both essays points, the second one with the comment of the first."""
    card.get_by_role("link", name="Mark answers by hand").click()
    page.get_by_label("Points, 0 to 6").fill("6")
    page.get_by_label("Comment", exact=True).fill("Say why it fits.")
    page.get_by_role("button", name="Save and next").click()
    expect(page.get_by_role("heading", name="essay: student2")).to_be_visible()
    page.get_by_role("button", name="Say why it fits.").click()
    page.get_by_label("Points, 0 to 6").fill("4")
    picture(page, "marking")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Everything is marked.")).to_be_visible()
    page.get_by_role("link", name="Teach Course one").click()


def _as_learner(page: Page, service: Service) -> None:
    """See the course as student1 does, and come back."""
    page.locator("summary", has_text="Learners (2)").click()
    page.get_by_role("link", name="View as student1").click()
    expect(page.get_by_text("10 of 10 points").first).to_be_visible()
    page.goto(f"{service.url}{PREFIX}courses/c1/teach")


async def test_a_whole_round(service: Service, tmp_path: Path) -> None:
    gate: Gate = service.gated()
    loop = asyncio.get_running_loop()
    rows = await asyncio.to_thread(
        whole_round, service, lambda count: loop.call_soon_threadsafe(gate.let, count), tmp_path
    )
    assert [(row["user"], row["raw_score"], row["late"]) for row in rows] == [
        ("student1", "10.0", "True"),
        ("student2", "8.0", "False"),
    ]
    assert gate.again == [False, False, True]
    kinds = [event.kind for event in service.desk.store.events(course="c1")]
    assert kinds == [
        *("edited", "joined", "joined", "released", "received", "received", "grading_asked"),
        *("graded", "graded", "overridden", "overridden", "grading_asked", "graded", "extended"),
        *("feedback_released", "viewed_as"),
    ]
    (cloned,) = service.desk.store.events(course="c1-2027", kind="cloned")
    assert (cloned.actor, dict(cloned.payload)) == ("teacher1", {"from": "c1", "days": 364})
