"""What starts now, where the GPUs are busy: one click on a real start page. A real Slurm."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.browser import started
from tests.end_to_end.factory import Factory, until

FULL = """#!/bin/sh
#SBATCH --account=sme --partition=gpu --gres=gpu:4 --mem=100 --time=120 --chdir=/ -o /dev/null
sleep 600
"""


@pytest.fixture
def busy(factory: Factory) -> Iterator[list[str]]:
    """Jobs of somebody else that have all GPUs for up to two hours."""
    jobs = [factory.attempt("sbatch", "--parsable", user="sme1", stdin=FULL).stdout.strip() for _ in range(2)]
    try:
        until("all GPUs are taken", lambda: all(factory.job(job_id)["JobState"] == "RUNNING" for job_id in jobs))
        yield jobs
    finally:
        factory.exec("scancel", *jobs)
        until("they are free again", lambda: not set(jobs) & set(factory.jobs("sme1")))


@pytest.fixture
def page(browser: Browser, factory: Factory) -> Iterator[Page]:
    context = browser.new_context()
    page = context.new_page()
    page.goto(factory.open("student3"))
    yield page
    context.close()


def test_one_click_starts_what_starts_now(factory: Factory, busy: list[str], page: Page) -> None:
    page.goto(f"{factory.url}/hub/spawn/student3")
    expect(page.get_by_role("radio", name="One GPU")).to_be_enabled()
    expect(page.locator(".onramp-offer", has_text="One GPU")).to_contain_text(re.compile("Starts (within|in) about"))
    page.get_by_role("button", name=re.compile("^Starts at once: CPU notebook")).click()
    started(page)
    (job_id,) = factory.jobs("student3")
    assert factory.job(job_id)["Partition"] == "cpu"
    factory.exec("scancel", job_id)
    until("no job is left", lambda: not factory.jobs("student3"))
