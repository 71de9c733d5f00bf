"""Script that a notebook, a name, a title or a comment carries runs in no page of the service: in a real Chromium."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote, urlencode

import nbformat
import pytest
import yaml
from nbconvert import HTMLExporter
from playwright.sync_api import BrowserContext, Error, Page, Route, expect
from tornado.web import RequestHandler

from curricula.course import Course
from curricula.marks import CellGrade, GradingError, Key, Result
from curricula.service import http
from curricula.submissions import Submission
from tests.curricula.addresses_here import addresses
from tests.curricula.essays_here import essays
from tests.curricula.service_here import PREFIX, SMUGGLER, Service
from tests.curricula.smuggled_here import ALL, CANARY, OUT, PAYLOADS, PLACES, handed_in, hostile, some
from tests.end_to_end.browser import chromium

PLAIN = "http://plain.invalid/"
LEARNERS = ("student1", "student2", SMUGGLER)
# What is done by who takes what was smuggled in for a part of the page; then it is asked what ran.
_PRESS = """() => document.querySelectorAll('.smuggled').forEach(
    one => one.dispatchEvent(new MouseEvent('click', {bubbles: true, cancelable: true})))"""
_RAN = "() => window.pwned || (document.querySelector('.smuggled, [onload]') ? 'is markup' : '')"


class Seen(NamedTuple):
    """What ran in a window, by name, and what the browser said of it."""

    ran: set[str]
    said: list[str]


@contextmanager
def window(context: BrowserContext) -> Iterator[tuple[Page, Seen]]:
    """A new page; it is noticed what asks the canary, opens a window or a dialog, or was kept from running."""
    seen = Seen(set(), [])

    def asked(route: Route) -> None:
        seen.ran.add(route.request.url.removeprefix(CANARY).partition("/")[0].rstrip("?"))
        route.fulfill(body="")

    context.route(f"{CANARY}**", asked)
    page = context.new_page()
    page.on("popup", lambda other: seen.said.append(f"opened {other.url}"))
    page.on("dialog", lambda dialog: (seen.said.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda one: seen.said.append(one.text) if "Content Security Policy" in one.text else None)
    yield page, seen
    page.close()
    context.unroute(f"{CANARY}**")


def use(page: Page, seen: Seen) -> None:
    """Press what was smuggled in, and note what ran; a page that is led away meanwhile is none that can be asked."""
    with suppress(Error):
        page.wait_for_load_state()
        page.evaluate(_PRESS)
        page.wait_for_timeout(100)
        seen.ran.update(filter(None, [page.evaluate(_RAN)]))


# What is smuggled does run where nobody looks after it; without that, the rest would say nothing.


def shown(bodies: Mapping[str, str], awaited: str = "", policy: str = "") -> dict[str, set[str]]:
    """What runs in pages of these texts under this Content-Security-Policy.

    Without one it has a few seconds: until what a page is named after has run, or what is awaited in all of them.
    """
    headers = {"Content-Type": "text/html; charset=utf-8"} | ({"Content-Security-Policy": policy} if policy else {})
    found = {}

    def answered(route: Route) -> None:
        route.fulfill(body=bodies[route.request.url.removeprefix(PLAIN)], headers=headers)

    with chromium() as browser:
        for name in bodies:
            # What leads its page away may do so late: each has a window of its own.
            with window(browser.new_context()) as (page, seen):
                page.route(PLAIN + name, answered)
                page.goto(PLAIN + name)
                for _ in range(1 if policy else 50):
                    use(page, seen)
                    if (awaited or name) in seen.ran:
                        break
                found[name] = {*seen.ran}
    return found


def test_each_of_them_runs_in_a_page_that_lets_it() -> None:
    ran = shown({name: f"<!doctype html>{one}" for name, one in PAYLOADS.items()})
    assert [name for name in PAYLOADS if name not in ran[name]] == []


def test_each_ends_what_it_was_put_into() -> None:
    ran = shown({name: place.format(OUT + PAYLOADS["script"]) for name, place in PLACES.items()}, "script")
    assert [name for name in PLACES if "script" not in ran[name]] == []


def test_the_notebook_runs_them_as_nbconvert_shows_it() -> None:
    notebook = nbformat.from_dict(hostile("student1") | {"metadata": {}})
    notebook.cells = [one for one in notebook.cells if one.get("id") in ("m", "shown")]
    body, _ = HTMLExporter().from_notebook_node(notebook)
    assert shown({"svg-onload": body})["svg-onload"] >= {"svg-onload", "img-onerror"}


def test_the_policy_of_the_pages_alone_would_keep_them_from_it() -> None:
    """Of what got through as markup nothing could run, but a page on which something can be done might be left."""
    assert shown({"all": ALL}, policy=http._SHOWS)["all"] <= {"is markup"}
    assert shown({"all": ALL}, policy=http._ACTS)["all"] <= {"is markup", "refresh"}


# The pages.


async def grade(course: Course, submission: Submission, *, again: bool = False) -> Result:
    """Grade as a learner would like it who has got hold of the words of a result."""
    if (submission.assignment, submission.user) == ("a1", "student2"):
        raise GradingError(ALL)
    version = course.version(course.assignment(submission.assignment))
    key = Key(submission=submission.sha256, assignment=version, environment="e")
    if submission.assignment == "a1":
        return Result(key=key, not_run=ALL)
    cells = (
        CellGrade(name="t", score=0, max_score=4, message=ALL, mode="split"),
        CellGrade(name=ALL, score=1, max_score=4, message=ALL, mode="in-sandbox"),
        CellGrade(name="essay", score=None, max_score=6),
    )
    return Result(key=key, cells=cells)


def rename(root: Path) -> None:
    """Have the course's own words carry it as well: a teacher need not be everybody's friend."""
    path = root / "courses/c1/course.yaml"
    course = yaml.safe_load(path.read_text())
    course |= {"title": f"Course {ALL}", "description": ALL}
    for one in course["assignments"]:
        one["title"] += ALL
        one["max_bytes"] = 1_000_000
    path.write_text(yaml.safe_dump(course))


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """Three learners who handed in all of it, and everything that can come of that."""
    async with essays(tmp_path, {}) as one:
        await one.teach("release", "a1")
        rename(tmp_path)
        one.teaching.results.grade = grade
        for user in LEARNERS:
            await one.ask(user, "POST", "api/join", json={"code": "JOIN-1"})
            for name in ("a1", "a2"):
                assert (await one.hand_in(user, handed_in(user), name)).status_code == 201
        for name in ("a1", "a2"):
            await one.teach("grade", name)
        for event in one.desk.store.events(kind="received", assignment="a2"):
            told = {"cell": "t", "score": 2, "comment": some(2000)}
            answer = await one.ask("teacher1", "POST", f"api/submissions/{event.id}/points", json=told)
            assert answer.status_code == 200, answer.text
        told = {"user": SMUGGLER, "until": "2037-01-31T23:59"}
        assert (await one.ask("teacher1", "POST", "api/courses/c1/assignments/a2/extension", json=told)).is_success
        for name in ("a1", "a2"):
            assert (await one.teach("feedback", name)).is_success
        yield one


def paths(service: Service, user: str) -> list[str]:
    """Every address that shows something, about everybody's attempt; and such as are asked for with it in them."""
    everywhere, asked = quote(ALL, safe=""), urlencode({"submission": ALL, "cell": ALL})
    found = [f"courses/{everywhere}/teach", f"courses/c1/as/{everywhere}", f"courses/c1/marking/{everywhere}"]
    found += [everywhere, "submissions/999", f"courses/c1/marking/a2?{asked}"]
    for event in service.desk.store.events(kind="received"):
        if user in (event.user, "teacher1"):
            all_of_it = addresses(service, user=event.user or "", number=event.id)
            found += [path for path, handler in all_of_it if handler.get is not RequestHandler.get]
            found.append(f"courses/c1/marking/a2?submission={event.id}&cell=essay")
    return [*dict.fromkeys(found)]


def visit(service: Service, user: str) -> tuple[set[str], dict[str, object]]:
    """Go everywhere as this person; return where the text of it was to be read, and what ran where."""
    read, found = set(), {}
    with chromium() as browser:
        context = browser.new_context(extra_http_headers={"Authorization": f"token {user}-token"})
        with window(context) as (page, seen):
            for path in paths(service, user):
                try:
                    page.goto(f"{service.url}{PREFIX}{path}")
                except Error as error:
                    if "Download is starting" not in error.message:
                        raise
                    continue
                use(page, seen)
                if any(seen) or page.url != f"{service.url}{PREFIX}{path}":
                    found[path] = {*seen.ran}, [*seen.said], page.url
                read |= {path} if "<svg onload" in page.inner_text("body") else set()
                seen.ran.clear()
                seen.said.clear()
    return read, found


@pytest.mark.parametrize("user", ["student1", SMUGGLER, "teacher1"], ids=["a learner", "of that name", "a teacher"])
async def test_nothing_of_it_runs_on_any_page(service: Service, user: str) -> None:
    first = {event.user: event.id for event in service.desk.store.events(kind="received", assignment="a2")}
    read, found = await asyncio.to_thread(visit, service, user)
    if user == "teacher1":
        pages = {"teach", "log", "marking/a2", "similar/a2", f"as/student1/submissions/{first['student1']}"}
        assert read >= {f"courses/c1/{one}" for one in pages} | {f"submissions/{first['student2']}"}
    else:
        assert read >= {"", f"submissions/{first[user]}", "api/courses"}
    assert found == {}


def watch(service: Service) -> Seen:
    """Have the teacher's page open while somebody hands in and all is graded."""
    with chromium() as browser:
        context = browser.new_context(extra_http_headers={"Authorization": "token teacher1-token"})
        with window(context) as (page, seen):
            page.goto(f"{service.url}{PREFIX}courses/c1/teach")
            address = f"{service.url}{PREFIX}api/courses/c1/assignments"
            learner = {"Authorization": f"token {SMUGGLER}-token"}
            answer = context.request.post(f"{address}/a2/submissions", data=handed_in(SMUGGLER) + b" ", headers=learner)
            assert answer.status == 201, answer.text()
            page.locator('[data-assignment="a2"]').get_by_text("Not graded yet").wait_for()
            page.locator('button[data-post$="a2/grade"]').click()
            page.locator("#said", has_text="Graded.").wait_for()
            page.locator('button[data-post$="a1/grade"]').click()
            # Nothing is said of the end of one that left somebody ungraded: why so stands above the button.
            expect(page.locator("#said")).to_have_text("", timeout=30_000)
            page.locator('[data-part="a1-facts"]').get_by_text("not graded; nothing is lost, grade again").wait_for()
            use(page, seen)
    return seen


async def test_nothing_of_it_runs_as_it_comes_in(service: Service) -> None:
    assert await asyncio.to_thread(watch, service) == (set(), [])
