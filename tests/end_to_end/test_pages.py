"""Every page of the hub: accessible, readable on a narrow screen, in plain words, and asking no other host."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import product
from typing import Any, Literal, NamedTuple

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, expect

from tests.end_to_end.browser import STARTED
from tests.end_to_end.factory import REPOSITORY, Factory, until
from tests.end_to_end.person import Person
from tests.end_to_end.picture import picture

AXE = REPOSITORY / ".tools/axe/node_modules/axe-core/axe.min.js"
WIDTHS = (1280, 320)
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
# Words that a person should never meet: a value nobody filled in, an error of the program, a key of a database.
_RAW = re.compile(
    r"\bundefined\b|\bnull\b|\bNone\b|\bNaN\b|\[object |Traceback|Exception\b|[{}]{2}|\b[0-9a-f]{12,}\b|"
    r"\b[0-9a-f]{8}-[0-9a-f]{4}-"
)


class Stage(NamedTuple):
    """What the pages are about: a running server, one in the queue, one that ended, and who has them."""

    factory: Factory
    person: Person


@pytest.fixture(scope="module")
def stage(factory: Factory) -> Iterator[Stage]:
    """GPU nodes that take no jobs keep a start pending for as long as it is looked at."""
    drain = ("scontrol", "update", "nodename=gpu1,gpu2")
    factory.exec(*drain, "state=drain", "reason=maintenance")
    try:
        with Person(factory, "sme1") as person:
            person.start(profile="cpu")
            person.ask("waiting", profile="gpu-1")
            for name in ("ended", "new"):
                person.ask(name, "PUT", display_name=f"The {name} server")
            until("a job is queued", lambda: len(factory.jobs("sme1")) == 2)
            yield Stage(factory, person)
    finally:
        factory.exec(*drain, "state=resume")


Visit = Callable[[Page, Stage], None]


def _path(path: str, says: str) -> Visit:
    def visit(page: Page, stage: Stage) -> None:
        page.goto(f"{stage.factory.url}{path}")
        expect(page.locator("main")).to_contain_text(says)

    return visit


def _waiting(page: Page, stage: Stage) -> None:
    _path("/hub/spawn-pending/sme1/waiting", "In the queue")(page, stage)
    picture(page, "waiting")


def _told(page: Page, stage: Stage) -> None:
    _path("/hub/spawn/sme1/ended", "What do you need?")(page, stage)
    expect(page.locator("#asking")).not_to_contain_text("Asking")


def _asked_too_much(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.factory.url}/hub/spawn/sme1/ended")
    page.get_by_text("More choices").click()
    page.get_by_label("Minutes it may run").fill("100000")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_role("alert")).to_contain_text("100000")
    expect(page.get_by_label("Minutes it may run")).to_have_value("100000")
    expect(page.get_by_label("Minutes it may run")).to_be_focused()


def _stopping(page: Page, stage: Stage) -> None:
    """While slurmctld is halted, the server cannot be gone. The page would look again later: that is called off."""
    page.goto(f"{stage.factory.url}/hub/home")
    stage.factory.exec("pkill", "-STOP", "-x", "slurmctld")
    try:
        # The hub answers once it has waited for the end for a while, in vain.
        with page.expect_response(lambda answer: answer.request.method == "DELETE", timeout=STARTED):
            page.get_by_role("button", name="Stop Main server").click()
        page.goto(f"{stage.factory.url}/hub/spawn-pending/sme1")
        page.evaluate("for (let timer = setTimeout(() => {}); timer > 0; timer -= 1) clearTimeout(timer);")
        expect(page.locator("main")).to_contain_text("stopping")
    finally:
        stage.factory.exec("pkill", "-CONT", "-x", "slurmctld")


def _signed_out(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.factory.url}/hub/logout")


def _refused(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.factory.url}/hub/login")
    page.get_by_label("User name").fill("sme1")
    page.get_by_label("Password").fill("wrong")
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("alert")).to_be_visible()


PAGES: Mapping[str, Visit] = {
    "start": _told,
    "start with a bad choice": _asked_too_much,
    "start with a bad address": _path("/hub/spawn/sme1/ended?opt-profile=huge", "Choose from"),
    "pending": _waiting,
    "home": _path("/hub/home", "The ended server"),
    "tokens": _path("/hub/token", "token"),
    "not found": _path("/hub/nothing/here", "404"),
    "did not start": _path("/hub/user/sme1/ended/", "Choose again"),
    "not running": _path("/hub/user/sme1/new/", "Start it"),
    "stopping": _stopping,
    "signed out": _signed_out,
    "sign in": _path("/hub/login", "Sign in"),
    "sign in refused": _refused,
}


@pytest.fixture(scope="module")
def window(browser: Browser, stage: Stage) -> Iterator[Page]:
    """A window in which the person is signed in, until one of the last pages signs them out."""
    context = browser.new_context(reduced_motion="reduce")
    page = context.new_page()
    page.goto(stage.factory.open("sme1"))
    yield page
    context.close()


@pytest.mark.parametrize("name", PAGES)
def test_page(window: Page, stage: Stage, name: str) -> None:
    """Look at one page, wide and narrow, by day and by night."""
    with _listening(window, stage.factory) as complaints:
        PAGES[name](window, stage)
        for scheme, width in product(SCHEMES, WIDTHS):
            window.emulate_media(color_scheme=scheme)
            window.set_viewport_size({"width": width, "height": 800})
            assert _violations(window) == []
            assert window.evaluate("document.documentElement.scrollWidth") <= width
        assert _RAW.findall(window.inner_text("body")) == []
    assert complaints == []


@contextmanager
def _listening(page: Page, factory: Factory) -> Iterator[list[str]]:
    """What the page complains about, and what it asks of hosts that are not the hub."""
    complaints: list[str] = []

    def console(message: ConsoleMessage) -> None:
        # The page's own status, 400 or 404, is what the test came for.
        if message.type in ("error", "warning") and message.location["url"] != page.url:
            complaints.append(f"{message.type}: {message.text} ({message.location['url']})")

    def request(asked: Request) -> None:
        if not asked.url.startswith((factory.url, "data:")):
            complaints.append(f"asks {asked.url}")

    handlers = {"console": console, "request": request, "pageerror": lambda error: complaints.append(str(error))}
    for event, handler in handlers.items():
        page.on(event, handler)  # type: ignore[call-overload]
    yield complaints
    for event, handler in handlers.items():
        page.remove_listener(event, handler)


def _violations(page: Page) -> list[str]:
    """What axe-core finds: rule, help, and the elements."""
    page.evaluate(AXE.read_text())
    found: list[dict[str, Any]] = page.evaluate("async () => (await axe.run()).violations")
    return [f"{one['id']}: {one['help']}: {[node['html'] for node in one['nodes']]}" for one in found]
