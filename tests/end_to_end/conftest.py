"""One factory and one browser for all of these tests; what a failed test saw is kept in tests/artifacts/."""

import re
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page

from tests.end_to_end.browser import PATIENCE, chromium
from tests.end_to_end.factory import REPOSITORY, Factory

ARTIFACTS = REPOSITORY / "tests/artifacts"
_HERE = Path(__file__).parent


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything in this folder: it takes minutes, not seconds."""
    for item in items:
        if item.path.is_relative_to(_HERE):
            item.add_marker("end_to_end")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep what a failed test saw, while its pages are still open."""
    report = yield
    fixtures = getattr(item, "funcargs", {})
    if report.failed and report.when == "call":
        folder = ARTIFACTS / re.sub(r"[^\w.-]+", "_", item.name)
        folder.mkdir(parents=True, exist_ok=True)
        if "browser" in fixtures:
            _keep_pages(fixtures["browser"], folder)
        if "factory" in fixtures:
            fixtures["factory"].keep_logs(folder)
    return report


def _keep_pages(browser: Browser, folder: Path) -> None:
    pages = [page for context in browser.contexts for page in context.pages]
    for number, page in enumerate(pages):
        page.screenshot(path=folder / f"page-{number}.png", full_page=True)
        (folder / f"page-{number}.html").write_text(f"<!-- {page.url} -->\n{page.content()}")


# The package's and not the session's: a browser driven from here keeps an event loop in this thread,
# which the asynchronous tests of other folders would find running.
@pytest.fixture(scope="package")
def factory() -> Iterator[Factory]:
    """A running factory, deleted at the end, also when it never came up."""
    one = Factory()
    try:
        one.up()
        yield one
    finally:
        one.down()


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """A running Chromium."""
    with chromium() as one:
        yield one


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A window with no cookies yet."""
    one = browser.new_context(viewport={"width": 1280, "height": 900})
    one.set_default_timeout(PATIENCE)
    yield one
    one.close()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    """An empty page."""
    return context.new_page()
