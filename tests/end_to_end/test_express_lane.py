"""The express lane: assignment zero wholly in JupyterLab, and M01's first job on a GPU, from a server without one."""

import json
import time
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Locator, Page, expect

from tests.end_to_end.assignment import answer, fetch, submit, validate
from tests.end_to_end.browser import STARTED, run_notebook, sign_in, start, stop
from tests.end_to_end.factory import Factory, until
from tests.end_to_end.picture import picture
from tests.end_to_end.test_course import answers, join, my_courses
from tests.end_to_end.test_promote import completed, read, runs, text

STUDENT = "student2"
COPY = "courses/onboarding/m00"
RECEIPTS = f"/home/{STUDENT}/{COPY}/receipts"
PROMOTE = "notebooks/03-promote.ipynb"
WRONG = "def minutes(hours, rest=0):\n    return 60 * hours"


def test_assignment_zero_and_a_first_gpu_job(
    factory: Factory, context: BrowserContext, page: Page, record_property: Callable[[str, object], None]
) -> None:
    """Two times are printed, both from the password on; Slurm, the home and the receipt are the witnesses."""
    for old in (".jupyter/lab/workspaces", "courses"):  # a newcomer has nothing from before
        factory.exec("rm", "-rf", f"/home/{STUDENT}/{old}")
    sign_in(page, factory, STUDENT)
    signed_in = time.monotonic()
    join(page, factory)
    page.goto(f"{factory.url}/hub/spawn")
    start(page, "CPU notebook")

    fetch(page, "m00")
    _answered(page, factory)
    submit(page, "m00")
    until("the receipt is there", lambda: not factory.attempt("ls", RECEIPTS, user=STUDENT).returncode)
    record_property("first assignment", time.monotonic() - signed_in)
    _is_the_receipt(factory, page)

    (server,) = factory.jobs(STUDENT)
    assert "gres/gpu" not in factory.job(server)["TRES"]
    page.goto(f"{factory.url}/user/{STUDENT}/lab")
    run_notebook(page, factory, STUDENT, PROMOTE)
    panel = page.locator(".onramp-panel", has_text="Run 20")
    panel.scroll_into_view_if_needed()
    expect(panel).to_contain_text("It ended as it should.", timeout=STARTED)
    record_property("first GPU job", time.monotonic() - signed_in)
    picture(page, "run", height=720, of=panel)
    _is_the_result(factory, page, panel)

    with context.expect_page() as opened:
        page.get_by_role("menuitem", name="File", exact=True).click()
        page.get_by_role("menuitem", name="Hub Control Panel").click()
    stop(opened.value)
    until("nothing of it is left", lambda: not factory.jobs(STUDENT))


def _answered(page: Page, factory: Factory) -> None:
    """A wrong answer and what Validate says of it, then the right one."""
    page.goto(f"{factory.url}/user/{STUDENT}/lab/tree/{COPY}/m00.ipynb")
    right = answers("m00")
    answer(page, _cell(page, "gpus = 4 * nodes"), right["m00-recover"])
    answer(page, _cell(page, "def minutes"), WRONG)
    told = validate(page)
    assert "2 hours and 30 minutes are 150 minutes" in told
    assert "1 of 2 tests passed" in told
    answer(page, _cell(page, "def minutes"), right["m00-function"])
    assert "passes all the tests" in validate(page)


def _cell(page: Page, words: str) -> Locator:
    return page.locator(".jp-CodeCell", has_text=words).first


def _is_the_receipt(factory: Factory, page: Page) -> None:
    """The home, the course's page and the file say the same."""
    (name,) = factory.exec("ls", RECEIPTS, user=STUDENT).split()
    receipt = json.loads(factory.exec("cat", f"{RECEIPTS}/{name}", user=STUDENT))
    found = factory.exec("sha256sum", f"/home/{STUDENT}/{COPY}/m00.ipynb", user=STUDENT).split()[0]
    assert (receipt["user"], receipt["sha256"]) == (STUDENT, found)
    my_courses(page, factory)
    expect(page.locator("[data-assignment=m00] code.sha").first).to_have_text(found)


def _is_the_result(factory: Factory, page: Page, panel: Locator) -> None:
    """Notebook 03 has promoted itself: the panel, the run's folder and slurmdbd say the same."""
    expect(panel).to_contain_text("epoch 15 of 15")
    with page.expect_download() as download:
        panel.get_by_role("link", name="Download environment.txt").click()
    assert "torch==" in Path(download.value.path()).read_text()
    (run,) = runs(factory, STUDENT, "03-promote")
    record = read(factory, STUDENT, run, "run.json")
    assert record["reported"]["outcome"] == "completed"
    assert record["reported"]["verified"] is False
    assert record["reported"]["node"] in ("gpu1", "gpu2")
    assert "epochs: 15" in text(factory, STUDENT, run, "parameters.yaml")
    ended = completed(factory, record["reported"]["job_id"])
    assert (ended["User"], ended["Account"]) == (STUDENT, "onboarding")
    assert ended["Comment"] == f"onramp:run:{run}"
    assert "gres/gpu=1" in ended["AllocTRES"].split(",")
    outputs = json.dumps(read(factory, STUDENT, run, "output.ipynb"))
    assert "This is the job: it has trained, and promotes nothing." in outputs
    assert "network.pt" in factory.exec("ls", f"/home/{STUDENT}/runs/{run}", user=STUDENT)
