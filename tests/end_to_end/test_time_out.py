"""A server's whole life in a browser: chosen, waited for, used, ended by its time, and started again as it was."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.end_to_end.browser import STARTED, open_notebook, sign_in
from tests.end_to_end.factory import Factory, until
from tests.end_to_end.person import Person
from tests.end_to_end.picture import picture

USER = "student3"
NOTEBOOK = "notebooks/01-first-steps.ipynb"
TYPED = "# typed shortly before the end "
LATE = "# typed after the end "
# Slurm looks at time limits twice a minute, and the hub at its servers as often.
ENDED = 150_000
# What a new end takes to reach the page: the hub's poll, the server's question, the page's.
HEARD = timedelta(seconds=40)


@pytest.fixture
def closed(factory: Factory) -> Iterator[None]:
    """The partition with GPUs takes jobs and starts none, until the test opens it."""
    factory.exec("scontrol", "update", "PartitionName=gpu", "State=DOWN")
    yield
    factory.exec("scontrol", "update", "PartitionName=gpu", "State=UP")


@pytest.fixture
def nobody_left(factory: Factory) -> Iterator[None]:
    """No server of our person's is left at the end."""
    yield
    with Person(factory, USER):
        pass
    until("no job is left", lambda: not factory.jobs(USER))


def test_from_the_start_page_to_the_end_and_back(
    factory: Factory, context: BrowserContext, page: Page, closed: None, nobody_left: None
) -> None:
    sign_in(page, factory, USER)
    page.get_by_role("radio", name="One GPU").check()
    page.get_by_text("More choices").click()
    page.get_by_label("Minutes it may run").fill("4")
    page.get_by_role("button", name="Start", exact=True).click()
    expect(page.get_by_text("In the queue").first).to_be_visible()
    (first,) = factory.jobs(USER)

    factory.exec("scontrol", "update", "PartitionName=gpu", "State=UP")
    page.wait_for_url("**/lab**", timeout=STARTED)
    left = page.get_by_role("button", name="min left")
    expect(left).to_be_visible(timeout=STARTED)
    expect(left).to_have_attribute("title", re.compile("^Your server ends at " + _clock(factory.job(first)["EndTime"])))
    open_notebook(page, NOTEBOOK)
    _type(page, TYPED)

    _limit(factory, first, minutes=_minutes(factory, first) + 1)
    warned = page.get_by_role("alert").filter(has_text="Saved: 01-first-steps.ipynb.")
    expect(warned).to_contain_text("Your server ends", timeout=STARTED)
    picture(page, "time-nearly-up", height=600)
    assert TYPED in _notebook(factory)

    _limit(factory, first, minutes=1)
    ended = page.get_by_role("dialog").filter(has_text="Your server has ended")
    expect(ended).to_contain_text("Its time was up.", timeout=ENDED)
    expect(ended).to_contain_text("Your files are kept.")
    picture(page, "time-up", height=600)
    assert factory.ended(first)["State"] == "TIMEOUT"

    # What is typed now is only on this page, until the server that starts in another tab takes it.
    ended.get_by_role("button", name="Keep this page").click()
    _type(page, LATE)
    page.get_by_role("button", name="Server has ended").click()
    expect(ended.get_by_role("link", name="Download 01-first-steps.ipynb")).to_be_visible()
    # The hub looks after a running server every half a minute, at what squeue said within the last quarter of one.
    with context.expect_page(timeout=STARTED) as opened:
        ended.get_by_role("button", name="Start again with the same options").click()
    again = opened.value.get_by_role("button", name="min left")
    expect(again).to_be_visible(timeout=STARTED)
    expect(opened.value.locator(".jp-NotebookPanel .cm-content", has_text=TYPED)).to_be_visible()
    until("what was typed late is saved", lambda: LATE in _notebook(factory))
    page.bring_to_front()
    expect(page.get_by_role("alert").filter(has_text="Your server runs again.")).to_contain_text("Saved: 01-first")

    (second,) = factory.jobs(USER)
    assert second != first
    assert factory.job(second)["TimeLimit"] == "00:04:00"
    before, after = factory.accounting(first), factory.accounting(second)
    assert {after[key] == before[key] for key in ("Account", "AllocTRES")} == {True}


def _type(page: Page, text: str) -> None:
    """Type into the notebook's first cell of code."""
    page.locator(".jp-NotebookPanel .jp-CodeCell .cm-content").first.click()
    page.keyboard.type(text)


def _notebook(factory: Factory) -> str:
    """The notebook as it is on the disk."""
    return factory.exec("cat", f"/home/{USER}/{NOTEBOOK}", user=USER)


def _limit(factory: Factory, job_id: str, *, minutes: int) -> None:
    """Move the end of a job, as an operator may."""
    factory.exec("scontrol", "update", f"jobid={job_id}", f"TimeLimit={minutes}")


def _minutes(factory: Factory, job_id: str) -> int:
    """For how many minutes a job has run once the page can have heard of a new end."""
    begun = datetime.fromisoformat(factory.job(job_id)["StartTime"])
    return int((datetime.now() - begun + HEARD).total_seconds() // 60)


def _clock(time: str) -> str:
    """The minute of a time as Slurm writes it."""
    return time.partition("T")[2][:5]
