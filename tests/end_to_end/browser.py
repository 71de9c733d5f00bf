"""A real Chromium, and the few things a person does with it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.end_to_end.factory import Factory, until
from tests.nodejs import NODEJS

# What a page may take to answer; a queued job is waited for separately.
PATIENCE = 30_000
STARTED = 90_000
_CHROMIUM = Path(__file__).with_name("chromium")
_FLAGS = (
    "--no-sandbox",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--no-first-run",
)
expect.set_options(timeout=PATIENCE)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Run Chromium; Playwright's own node needs a library that a bare Debian lacks, and ours does not."""
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PLAYWRIGHT_NODEJS_PATH", str(NODEJS))
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=_CHROMIUM, args=_FLAGS)
            yield browser
            browser.close()


def sign_in(page: Page, factory: Factory, user: str) -> None:
    """Type a name and a password, as a newcomer does."""
    page.goto(factory.url)
    page.get_by_label("User name").fill(user)
    page.get_by_label("Password").fill(factory.passwords[user])
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_text(f"Signed in as {user}")).to_be_visible()


def start(page: Page, profile: str) -> None:
    """Choose a profile on the start page, and wait until JupyterLab has taken its place."""
    page.get_by_role("radio", name=profile).check()
    page.get_by_role("button", name="Start", exact=True).click()
    started(page)


def started(page: Page) -> None:
    """Wait until JupyterLab has taken the place of the page that waits for it."""
    page.wait_for_url("**/lab**", timeout=STARTED)
    expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=STARTED)


def stop(page: Page, title: str = "Main server") -> None:
    """Stop a server on the home page, and wait until the page says so."""
    server = page.locator("[data-server]", has=page.get_by_role("heading", name=title, exact=True))
    server.get_by_role("button", name="Stop").click()
    expect(server.get_by_text("Not running")).to_be_visible()


def open_file(page: Page, path: str) -> None:
    """Open a file or a folder, as far as the file browser shows the first part of its path."""
    for name in Path(path).parts:
        page.locator(".jp-DirListing-item", has_text=name).dblclick()


def open_notebook(page: Page, notebook: str) -> None:
    """Open a notebook and wait for its kernel: JupyterLab forgets what is run before."""
    open_file(page, notebook)
    expect(page.locator(".jp-NotebookPanel .jp-Cell").first).to_be_visible()
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()


def run_first_cell(page: Page, notebook: str) -> None:
    """Open a notebook and run its first cell of code with Shift + Enter."""
    open_notebook(page, notebook)
    cell = page.locator(".jp-NotebookPanel .jp-CodeCell").first
    cell.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    expect(cell.locator(".jp-InputPrompt")).to_have_text("[1]:")


def run_notebook(page: Page, factory: Factory, user: str, notebook: str) -> dict[str, Any]:
    """Open a notebook from the file browser, run all of it, save it; return what is then on the disk."""
    # JupyterLab remembers the tabs and the folder of earlier tests in the same home.
    page.goto(f"{page.url.partition('/lab')[0]}/lab?reset")
    expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=STARTED)
    open_notebook(page, notebook)
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    return until(f"{notebook} has run", lambda: _saved(page, factory, user, notebook), seconds=90)


def _saved(page: Page, factory: Factory, user: str, notebook: str) -> dict[str, Any] | None:
    """Save, and return the notebook once every code cell in it has run."""
    page.keyboard.press("Control+s")
    page.wait_for_timeout(500)
    saved: dict[str, Any] = json.loads(factory.exec("cat", f"/home/{user}/{notebook}", user=user))
    code = [cell for cell in saved["cells"] if cell["cell_type"] == "code"]
    return saved if code and all(cell["execution_count"] for cell in code) else None
