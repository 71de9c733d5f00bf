"""The page of a queued start, in a real Chromium, from a real hub on a Slurm that the test plays."""

import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.end_to_end.browser import chromium
from tests.hub_config.browser import PASSWORD
from tests.hub_config.running_hub import RunningHub, started, wait

AXE = Path(__file__).parents[3] / ".tools/axe/node_modules/axe-core/axe.min.js"


@pytest.fixture(scope="module")
def hub() -> Iterator[RunningHub]:
    """A hub whose profiles fall back to CPUs, which tells people by writing into a file."""
    # The command begins where the hub does: in its own folder.
    with started(fallback="cpu", tell_when_ready=["/bin/sh", "-c", "cat >> told"]) as running:
        yield running


@pytest.fixture(scope="module")
def page(hub: RunningHub) -> Iterator[Page]:
    """A window in which alice is signed in."""
    with chromium() as browser:
        page = browser.new_context(reduced_motion="reduce").new_page()
        page.goto(f"{hub.base}login")
        page.get_by_label("User name").fill("alice")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Sign in").click()
        expect(page.get_by_text("Signed in as alice")).to_be_visible()
        yield page


def fits(page: Page) -> None:
    """Accessible and without a bar to scroll sideways: wide, as on a phone, and at 200 %; by day and by night."""
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
        for width in (1280, 640, 320):
            page.set_viewport_size({"width": width, "height": 800})
            assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate(AXE.read_text())
        assert page.evaluate("async () => (await axe.run()).violations.map((one) => one.id)") == []


def test_from_the_queue_to_what_starts_sooner(hub: RunningHub, page: Page) -> None:
    """One window, for as long as somebody waits: a test of each step would begin with all those before it."""
    ahead = hub.start_server("bob", profile="gpu-1")
    job = hub.start_server("alice", profile="gpu-1")
    now = int(time.time())
    hub.slurm.change(job, submitted=str(now - 700), start=str(now + 3 * 3600))
    hub.slurm.starts(gpu=300, cpu=0)
    page.goto(f"{hub.base}spawn-pending/alice")

    stage, facts = page.locator("#progress-message"), page.locator("#facts")
    expect(stage).to_have_text("In the queue. Other jobs are ahead in the queue. It starts when its turn comes.")
    expect(page).to_have_title("In the queue · Onramp")
    expect(facts).to_contain_text(re.compile(r"1[1-9] minutes"))
    expect(facts).to_contain_text("1 job is ahead of it in the partition gpu")
    expect(facts).to_contain_text("within about 6 hours")
    expect(page.locator("#sooner-says")).to_have_text("CPU notebook starts at once.")
    fits(page)

    # What changes is announced, and what happened is kept.
    assert stage.get_attribute("aria-live") == "polite"
    hub.slurm.change(job, reason="QOSMaxGRESPerUser")
    expect(stage).to_contain_text("Your jobs hold as many GPUs as its QoS lets one person have.")
    expect(facts).not_to_contain_text("ahead of it")
    expect(page.locator("#progress-log li").last).to_contain_text("Your jobs hold")

    page.get_by_label("Tell me when it is ready").check()
    expect(page.locator("#tell-said")).to_have_text("You will be told.")

    # A job that Slurm refuses changes nothing; one that it takes has the place.
    words = "sbatch: error: Batch job submission failed: Job violates accounting/QOS policy"
    take = page.get_by_role("button", name="Start CPU notebook instead")
    expect(take).to_be_visible()
    hub.slurm.answer("sbatch", err=words, code=1)
    take.click()
    expect(page.locator("#sooner-says")).to_have_text(f"Your place in the queue stays. {words}")
    assert hub.slurm.job(job)["state"] == "PENDING"
    hub.slurm.heal("sbatch")
    page.reload()
    take.click()
    wait(lambda: hub.slurm.job(job)["state"] == "CANCELLED", hub.log)
    (other,) = hub._job_ids() - {job, ahead}
    expect(page.locator("#sooner")).to_be_hidden()

    # The hub goes away and comes back, and the page with it.
    hub.stop()
    expect(stage).to_have_text("The hub does not answer just now. Your place in the queue stays.")
    hub.start()
    expect(stage).to_contain_text("In the queue.")
    # Another window, or the same one later, finds everything as it was.
    page.reload()
    expect(page.get_by_label("Tell me when it is ready")).to_be_checked()

    page.goto("about:blank")
    hub.scripts[other] = hub.submitted()[-1]["stdin"]
    hub.run_job(other)
    hub.ready("alice")
    told = hub.state / "told"
    wait(lambda: told.exists() and told.read_text().endswith("\n"), hub.log)
    line = json.loads(told.read_text())
    assert (line["user"], line["server"], line["url"], line["email"]) == ("alice", "", "/user/alice/", None)
    hub.api("DELETE", "users/alice/server")


def test_two_windows_and_a_cancelled_start(hub: RunningHub, page: Page) -> None:
    job = hub.start_server("alice", profile="gpu-1")
    other = page.context.new_page()
    for window in (page, other):
        window.goto(f"{hub.base}spawn-pending/alice")
        expect(window.locator("#progress-message")).to_contain_text("In the queue.")
    page.get_by_role("button", name="Cancel the start").dblclick()
    expect(page.locator("#progress-message")).to_have_text("The start is cancelled. Nothing runs, nothing was used up.")
    expect(page).to_have_title("Cancelled · Onramp")
    expect(page.get_by_role("link", name="Choose again")).to_be_visible()
    expect(page.locator("#facts")).to_be_hidden()

    # The other window finds out by itself.
    expect(other.locator("#progress-message")).to_have_count(0)
    assert hub.slurm.job(job)["state"] == "CANCELLED"
    assert not hub.server("alice").get("pending")
    assert len(hub.slurm.calls("scancel")) <= 3
