"""An assignment in JupyterLab, by what a student clicks and types: fetch, open, answer, run, validate, hand in."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.end_to_end.browser import PATIENCE

# The whole notebook is run, and as in grading it may take four minutes.
VALIDATED = 300_000


def fetch(page: Page, name: str) -> None:
    """By nbgrader's list of assignments."""
    _list(page)
    _row(page, "released", name).get_by_role("button", name="Fetch").click()
    expect(_row(page, "fetched", name)).to_be_visible()


def submit(page: Page, name: str) -> None:
    """By the same list, of what was saved."""
    _list(page)
    _row(page, "fetched", name).get_by_role("button", name="Submit").click()
    expect(_row(page, "submitted", name)).to_be_visible()


def open_alone(page: Page, address: str) -> None:
    """Open the notebook that lies there, with nothing beside it, and wait for its kernel."""
    page.goto(f"{address}?reset")
    _ready(page)


def new_notebook(page: Page) -> None:
    """Make one beside what is open."""
    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_role("menuitem", name="New Launcher").click()
    page.locator(".jp-LauncherCard", has_text="Python 3 (ipykernel)").first.click()
    _ready(page)


def open_notebook(page: Page) -> Locator:
    """The notebook that is looked at."""
    return page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")


def answer(page: Page, cell: Locator, text: str) -> None:
    """Put an answer into a cell of code or of prose, as one types or pastes it."""
    if "jp-MarkdownCell" in (cell.get_attribute("class") or ""):
        cell.locator(".jp-RenderedMarkdown").dblclick()
    cell.locator(".cm-content").click()
    page.keyboard.press("Control+a")
    page.keyboard.insert_text(text)


def run_all(page: Page, *, anew: bool = False) -> None:
    """Run all cells; `anew`, in a fresh kernel."""
    menu, item = ("Kernel", "Restart Kernel and Run All Cells…") if anew else ("Run", "Run All Cells")
    page.get_by_role("menuitem", name=menu, exact=True).click()
    page.get_by_role("menuitem", name=item, exact=True).click()
    if anew:
        page.get_by_role("dialog").get_by_role("button", name="Confirm Kernel Restart").click()


def run_more(page: Page, code: str, patience: float) -> str:
    """Add a cell at the end of what is open, run it, wait for it, and return what it shows."""
    cells = open_notebook(page).locator(".jp-CodeCell")
    before = cells.count()
    open_notebook(page).locator(".jp-Notebook-footer").click()
    expect(cells).to_have_count(before + 1)
    expect(cells.last).to_be_focused()  # which JupyterLab does a moment later, whatever is clicked until then
    answer(page, cells.last, code)
    page.keyboard.press("Control+Enter")
    expect(cells.last.locator(".jp-InputPrompt")).not_to_have_text("[ ]:")
    ran(page, patience)
    return cells.last.locator(".jp-OutputArea").first.inner_text()


def ran(page: Page, patience: float) -> None:
    """Wait until the last cell of what is open has run."""
    last = open_notebook(page).locator(".jp-CodeCell .jp-InputPrompt").last
    expect(last).to_have_text(re.compile(r"\[\d+\]:"), timeout=patience)


def validate(page: Page) -> str:
    """Press Validate, which saves first, and return what it says."""
    page.get_by_role("button", name="Validate").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("Validation Results", timeout=VALIDATED)
    told = dialog.inner_text()
    dialog.get_by_role("button", name="Ok").click()
    return told


def close_kernels(page: Page) -> None:
    """Shut down every kernel: nobody goes on with them, and each takes memory."""
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Shut Down All Kernels…").click()
    page.get_by_role("dialog").get_by_role("button", name="Shut Down All").click()
    expect(page.get_by_text("No Kernel |")).to_be_visible()


def _ready(page: Page) -> None:
    expect(open_notebook(page).locator(".jp-Cell").first).to_be_visible(timeout=2 * PATIENCE)
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible(timeout=2 * PATIENCE)


def _list(page: Page) -> None:
    page.get_by_role("menuitem", name="Nbgrader").click()
    page.get_by_role("menuitem", name="Assignment List").click()


def _row(page: Page, kind: str, name: str) -> Locator:
    called = page.locator(".item_name", has_text=re.compile(rf"^\s*{name}\s*$"))
    return page.locator(f"#{kind}_assignments_list > .list_item", has=called).first
