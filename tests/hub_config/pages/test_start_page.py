"""The start page in a real Chromium: by the keyboard alone, and while Slurm has yet to answer. A real hub."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.browser import chromium
from tests.hub_config.browser import PASSWORD
from tests.hub_config.pages.test_pending_page import fits
from tests.hub_config.running_hub import RunningHub, started, wait

GAP = "\N{NARROW NO-BREAK SPACE}"
MOST = 40  # presses of Tab that lead to anything on a page


@pytest.fixture(scope="module")
def hub() -> Iterator[RunningHub]:
    """A hub whose person may use 6000 GPU minutes."""
    with started() as running:
        running.slurm.answer("sacctmgr", out="onboarding|onboarding\n")
        running.slurm.answer("sshare", out="onboarding||gres/gpu=6000|gres/gpu=0\n")
        yield running


@pytest.fixture(scope="module")
def page(hub: RunningHub) -> Iterator[Page]:
    """A window in which alice has signed in, by the keyboard."""
    with chromium() as browser:
        page = browser.new_context(reduced_motion="reduce").new_page()
        page.goto(f"{hub.base}login")
        to(page, "User name")
        page.keyboard.type("alice")
        page.keyboard.press("Tab")
        page.keyboard.type(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_text("Signed in as alice")).to_be_visible()
        yield page


@pytest.fixture(autouse=True)
def clean(hub: RunningHub) -> Iterator[None]:
    """No server of alice's afterwards, and a Slurm that says what it knows."""
    yield
    hub.api("DELETE", "users/alice/server")
    wait(lambda: not hub.server("alice").get("pending"), hub.log)
    (hub.slurm.state / "refused.json").unlink(missing_ok=True)


def named(page: Page) -> str:
    """What the element that has the focus is called, as a screen reader would say it; its ring can be seen."""
    said: str = page.evaluate(
        """() => {
          const one = document.activeElement;
          const label = one.labels && one.labels.length ? one.labels[0].innerText : "";
          return (label || one.getAttribute("aria-label") || one.innerText || "").trim();
        }"""
    )
    return said


def to(page: Page, name: str) -> None:
    """Press Tab until something of this name has the focus."""
    for _ in range(MOST):
        if named(page).startswith(name):
            return
        page.keyboard.press("Tab")
    pytest.fail(f"'{name}' is not reached by {MOST} presses of Tab")


def told(page: Page) -> None:
    """Wait until what Slurm says is there."""
    expect(page.locator("#asking")).to_have_text("What a start costs, and when it would be, is said now.")


def test_from_the_start_page_to_a_cancelled_start_by_the_keyboard(hub: RunningHub, page: Page) -> None:
    page.goto(f"{hub.base}spawn/alice")
    told(page)
    to(page, "CPU notebook")
    page.keyboard.press("ArrowDown")
    expect(page.get_by_role("radio", name=re.compile("^One GPU"))).to_be_checked()
    to(page, "More choices")
    page.keyboard.press("Enter")
    to(page, "Minutes it may run")
    page.keyboard.type("45")
    to(page, "CPUs")
    page.keyboard.type("4")
    to(page, "Start")
    assert page.evaluate("document.activeElement.matches(':focus-visible')")
    page.keyboard.press("Enter")
    expect(page.locator("#progress-message")).to_contain_text("In the queue.")
    script = hub.submitted()[-1]["stdin"]
    assert ("--gres=gpu:1" in script, "--time=45" in script, "--cpus-per-task=4" in script) == (True, True, True)

    to(page, "Cancel the start")
    page.keyboard.press("Enter")
    expect(page.locator("#progress-message")).to_have_text("The start is cancelled. Nothing runs, nothing was used up.")
    to(page, "Choose again")
    page.keyboard.press("Enter")
    expect(page.get_by_role("group", name="What do you need?")).to_be_visible()


def test_what_slurm_says_comes_into_the_page(hub: RunningHub, page: Page) -> None:
    hub.slurm.answer("sacctmgr", out="onboarding|onboarding\n", seconds=2)
    page.goto(f"{hub.base}spawn/alice")
    page.get_by_text("More choices").click()
    page.get_by_label("Minutes it may run").fill("50")
    told(page)
    hub.slurm.answer("sacctmgr", out="onboarding|onboarding\n")
    expect(page.locator(".onramp-offer").nth(1)).to_contain_text(f"Uses up to 60 of 6{GAP}000 GPU minutes left.")
    expect(page.get_by_label("Minutes it may run")).to_have_value("50")
    fits(page)


def test_what_is_not_open_cannot_be_chosen(hub: RunningHub, page: Page) -> None:
    hub.slurm.refuse(cpu="User's group not permitted to use this partition")
    page.goto(f"{hub.base}spawn/alice")
    told(page)
    expect(page.get_by_role("radio", name=re.compile("^CPU notebook"))).to_be_disabled()
    expect(page.get_by_role("radio", name=re.compile("^One GPU"))).to_be_checked()
    expect(page.locator(".onramp-offer").first).to_contain_text("Not open to you. Slurm says: User's group")
    fits(page)


def test_enter_starts_what_is_chosen(hub: RunningHub, page: Page) -> None:
    """And not what would start sooner, although the button for that stands before Start."""
    hub.slurm.starts(gpu=300, cpu=0)
    page.goto(f"{hub.base}spawn/alice")
    expect(page.get_by_role("button", name="Starts at once: CPU notebook")).to_be_visible()
    page.get_by_role("radio", name=re.compile("^One GPU")).check()
    page.get_by_text("More choices").click()
    page.get_by_label("Minutes it may run").fill("40")
    page.keyboard.press("Enter")
    expect(page.locator("#progress-message")).to_contain_text("In the queue.")
    assert "--gres=gpu:1" in hub.submitted()[-1]["stdin"]


def test_what_starts_now_is_one_click_away(hub: RunningHub, page: Page) -> None:
    hub.slurm.starts(gpu=300, cpu=0)
    page.goto(f"{hub.base}spawn/alice")
    page.get_by_role("radio", name=re.compile("^One GPU")).check()
    page.get_by_role("button", name="Starts at once: CPU notebook").click()
    expect(page.locator("#progress-message")).to_contain_text("In the queue.")
    assert "--partition=cpu" in hub.submitted()[-1]["stdin"]
    assert "--gres" not in hub.submitted()[-1]["stdin"]
