"""A newcomer's way through the README, up to a notebook on a GPU; Slurm and the kernel are the witnesses."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from playwright.sync_api import BrowserContext, Page, expect

from tests.end_to_end.browser import run_first_cell, run_notebook, sign_in, start, started, stop
from tests.end_to_end.factory import Factory, until
from tests.end_to_end.person import Person
from tests.end_to_end.picture import picture

HELLO = "notebooks/01-first-steps.ipynb"
GPU = "notebooks/02-your-first-gpu.ipynb"


def test_a_newcomer_follows_the_readme(
    factory: Factory, context: BrowserContext, page: Page, record_property: Callable[[str, object], None]
) -> None:
    """From the password to the stopped server, and what slurmctld, slurmdbd and /proc say meanwhile."""
    factory.exec("rm", "-rf", "/home/student1/.jupyter/lab/workspaces")  # a newcomer has no tabs from before
    sign_in(page, factory, "student1")
    signed_in = time.monotonic()
    page.get_by_role("radio", name="One GPU").check()
    picture(page, "start")
    start(page, "One GPU")
    run_first_cell(page, HELLO)
    record_property("first notebook", time.monotonic() - signed_in)

    job = _is_a_gpu_job(factory)
    run_notebook(page, factory, "student1", HELLO)
    shown = page.locator(".onramp-panel").first
    expect(shown).to_contain_text(job["NodeList"])
    picture(page, "first-steps", height=720, of=shown)
    _calculates(factory, run_notebook(page, factory, "student1", GPU))
    page.locator(".jp-WindowedPanel-outer").evaluate("panel => { panel.scrollTop = 0; }")
    expect(page.locator(".jupyter-widgets", has_text=job["NodeList"]).first).to_be_visible()
    measured = page.locator(".jp-OutputArea-output", has_text="per second").first
    picture(page, "first-gpu", width=1200, height=720, of=measured)

    with context.expect_page() as opened:
        page.get_by_role("menuitem", name="File", exact=True).click()
        page.get_by_role("menuitem", name="Hub Control Panel").click()
    stop(opened.value)

    ended = factory.ended(job["JobId"])
    assert ended["State"].startswith("CANCELLED")
    assert (ended["User"], int(ended["UID"])) == ("student1", factory.uid("student1"))
    assert ended["NodeList"] == job["NodeList"]
    assert "gres/gpu=1" in ended["AllocTRES"].split(",")
    assert ended["Account"] == "onboarding"
    until("no process of student1 is left", lambda: not factory.processes("student1"))


def test_a_cpu_server_is_stopped_and_started_again(factory: Factory, page: Page) -> None:
    """The CPU profile holds no GPU. Started again it is as it was, by one click, and another job."""
    sign_in(page, factory, "student2")
    start(page, "CPU notebook")
    (first,) = factory.jobs("student2")
    page.goto(f"{factory.url}/hub/home")
    stop(page)
    page.get_by_role("button", name="Start again Main server").click()
    started(page)
    (second,) = factory.jobs("student2")
    page.goto(f"{factory.url}/hub/home")
    stop(page)
    assert first != second
    for job_id in (first, second):
        ended = factory.ended(job_id)
        assert ended["NodeList"] in ("cpu1", "cpu2")
        assert "gres/gpu" not in ended["AllocTRES"]


def test_two_named_servers_run_at_once(factory: Factory) -> None:
    """Each is a job of its own on its own node type, and stopping one leaves the other."""
    with Person(factory, "student3") as person:
        reading = person.start("reading", profile="cpu")
        training = person.start("training", profile="gpu-1")
        nodes = {factory.job(job_id)["NodeList"][:3] for job_id in (reading, training)}
        assert nodes == {"cpu", "gpu"}
        person.stop("training")
        assert person.ready("reading")
        assert factory.jobs("student3") == [reading]


def test_a_named_server_is_made_on_the_home_page(factory: Factory, page: Page) -> None:
    """Name it, choose a profile, get JupyterLab; it appears on the home page under its name."""
    sign_in(page, factory, "student3")
    page.goto(f"{factory.url}/hub/home")
    page.get_by_label("Name", exact=True).fill("My training")
    page.get_by_role("button", name="Choose what it needs").click()
    start(page, "CPU notebook")
    page.goto(f"{factory.url}/hub/home")
    expect(page.get_by_role("heading", name="My training")).to_be_visible()
    stop(page, "My training")
    assert factory.jobs("student3") == []


def _is_a_gpu_job(factory: Factory) -> Mapping[str, str]:
    """The server is one job of student1's on a GPU node; return what slurmctld says of it."""
    (job_id,) = factory.jobs("student1")
    job = factory.job(job_id)
    assert job["JobState"] == "RUNNING"
    assert job["UserId"] == f"student1({factory.uid('student1')})"
    assert job["NodeList"] in ("gpu1", "gpu2")
    assert "gres/gpu=1" in job["TRES"].split(",")
    assert _uids(factory, "spawners/singleuser.py") == {factory.uid("student1")}
    return job


def _calculates(factory: Factory, notebook: dict[str, Any]) -> None:
    """Notebook 02 has run in a kernel of student1's, without an error."""
    assert _uids(factory, "ipykernel_launcher") == {factory.uid("student1")}
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", [])]
    assert outputs
    assert [output for output in outputs if output["output_type"] == "error"] == []
    assert "Calculating on:" in _text(outputs)


def _uids(factory: Factory, program: str) -> set[int]:
    """The real uids of the processes whose command line names `program`, from the kernel."""
    lines = factory.exec("ps", "-ewwo", "ruid=,args=").splitlines()
    return {int(line.split()[0]) for line in lines if program in line}


def _text(outputs: list[dict[str, Any]]) -> str:
    return "".join("".join(output.get("text", "")) for output in outputs)
