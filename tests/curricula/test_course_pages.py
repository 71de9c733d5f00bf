"""The course pages in a real browser, for somebody who has two courses of the same title."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.sync_api import BrowserContext, Page

from tests.curricula.service_here import PREFIX, REPOSITORY, Service, notebook, running, write_course
from tests.end_to_end.browser import chromium
from tests.end_to_end.test_pages import AXE

LOOK = REPOSITORY / "hub_config/pages/static/onramp.css"


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """Two courses of one title, both with student1's work in the same assignment."""
    async with running(tmp_path) as one:
        write_course(tmp_path, "c2", code="JOIN-2")
        for course, code in (("c1", "JOIN-1"), ("c2", "JOIN-2")):
            await one.ask("student1", "POST", "api/join", json={"code": code})
            await one.teach("release", course=course)
            await one.hand_in("student1", notebook("right"), course=course)
            await one.teach("grade", course=course)
            await one.teach("feedback", course=course)
        yield one


def window(context: BrowserContext, service: Service, path: str) -> Page:
    """A page of the service in the hub's look."""
    context.route("**/onramp.css", lambda route: route.fulfill(path=LOOK))
    page = context.new_page()
    page.goto(f"{service.url}{PREFIX}{path}")
    page.evaluate(AXE.read_text())
    return page


def look(service: Service, user: str, *paths: str) -> dict[str, list[str]]:
    """Path → what axe-core finds, and the names of links and tables that somebody with a screen reader hears twice."""
    found = {}
    with chromium() as browser:
        # axe-core is a script, and on most of these pages none may run.
        context = browser.new_context(extra_http_headers={"Authorization": f"token {user}-token"}, bypass_csp=True)
        for path in paths:
            page = window(context, service, path)
            axe = "async () => (await axe.run()).violations.map((one) => one.id + ': ' + one.nodes[0].html)"
            heard = page.locator("main").aria_snapshot()
            named = re.findall(r"- '?((?:link|region|button) .*)", heard)
            page.set_viewport_size({"width": 320, "height": 900})
            wide = page.evaluate("document.documentElement.scrollWidth")
            named += ["too wide for a telephone"] * 2 if wide > 320 else []
            found[path] = [*page.evaluate(axe), *(name for name in set(named) if named.count(name) > 1)]
            page.close()
        context.close()
    return found


def decide(service: Service, number: int) -> tuple[str, str, str]:
    """Give points, extend a deadline in Berlin's time and take it back; return what the page says after each."""
    with chromium() as browser:
        teacher = {"Authorization": "token teacher1-token"}
        context = browser.new_context(extra_http_headers=teacher, timezone_id="Europe/Berlin")
        page = window(context, service, f"submissions/{number}")
        page.get_by_label("Points", exact=True).fill("1.5")
        said = [_press(page, "Save points for t")]
        page.goto(f"{service.url}{PREFIX}courses/c1/teach")
        page.locator('[data-assignment="a2"] summary').click()
        card = page.locator('[data-assignment="a2"]')
        card.get_by_label("Due, in your time zone").fill("2037-01-31T23:59")
        said.append(_press(page, "Extend Second"))
        said.append(_press(page, "Take back the extension of Second for student1"))
        context.close()
    return said[0], said[1], said[2]


def _press(page: Page, button: str) -> str:
    with page.expect_navigation():
        page.get_by_role("button", name=button).click()
    return page.locator("#said").inner_text()


async def test_two_courses_of_one_title_are_told_apart(service: Service) -> None:
    page = (await service.ask("teacher1", "GET", "")).text
    for name in ("c1", "c2"):
        assert f"Teach Course one ({name})</a>" in page
        assert f"onramp.fetch(&#34;a1&#34;, &#34;{name}&#34;)" in page
        assert f"Course one ({name}): teaching" in (await service.ask("teacher1", "GET", f"courses/{name}/teach")).text
    titles = [course["title"] for course in (await service.ask("student1", "GET", "api/courses")).json()["courses"]]
    assert titles == ["Course one (c1)", "Course one (c2)"]


async def test_every_link_and_table_has_a_name_of_its_own(service: Service) -> None:
    number = service.desk.store.events(kind="received")[0].id
    paths = ("", f"submissions/{number}")
    assert await asyncio.to_thread(look, service, "student1", *paths) == {path: [] for path in paths}
    paths = ("courses/c1/teach", "courses/c1/log", f"submissions/{number}")
    assert await asyncio.to_thread(look, service, "teacher1", *paths) == {path: [] for path in paths}


async def test_a_teacher_decides_in_the_browser(service: Service) -> None:
    number = service.desk.store.events(kind="received")[0].id
    points, extended, taken_back = await asyncio.to_thread(decide, service, number)
    assert points == "t has 1.5 of 4 points now; in all 1.5 of 4 points."
    until, none = service.desk.store.events(kind="extended")
    assert (until.payload["until"], none.payload["until"]) == ("2037-01-31T22:59:00+00:00", None)
    assert extended.startswith("Second is due for student1 on 31 January 2037")
    assert taken_back.startswith("Second is due for student1 on ")
    assert "2037" not in taken_back
