"""What starts now, where the GPUs are busy, and what never does: a real start page, and a real Slurm."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.end_to_end.browser import started, stop
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
def page(browser: Browser) -> Iterator[Page]:
    context = browser.new_context()
    yield context.new_page()
    context.close()


def test_one_click_starts_what_starts_now(factory: Factory, busy: list[str], page: Page) -> None:
    page.goto(factory.open("student3"))
    page.goto(f"{factory.url}/hub/spawn/student3")
    expect(page.get_by_role("radio", name="One GPU")).to_be_enabled()
    expect(page.locator(".onramp-offer", has_text="One GPU")).to_contain_text(re.compile("Starts (within|in) about"))
    page.get_by_role("button", name=re.compile("^Starts at once: CPU notebook")).click()
    started(page)
    (job_id,) = factory.jobs("student3")
    assert factory.job(job_id)["Partition"] == "cpu"
    page.goto(f"{factory.url}/hub/home")
    stop(page)


def test_a_partition_that_is_not_open_to_the_person(factory: Factory, page: Page) -> None:
    """Somebody who has not been told of it within the last minute."""
    factory.exec("scontrol", "update", "PartitionName=gpu", "AllowAccounts=sme")
    try:
        page.goto(factory.open("student1"))
        page.goto(f"{factory.url}/hub/spawn/student1")
        card = page.locator(".onramp-offer", has_text="One GPU")
        expect(card).to_contain_text("Not open to you. Slurm says: ")
        expect(page.get_by_role("radio", name="One GPU")).to_be_disabled()
        expect(page.get_by_role("radio", name="CPU notebook")).to_be_checked()
    finally:
        factory.exec("scontrol", "update", "PartitionName=gpu", "AllowAccounts=ALL")
