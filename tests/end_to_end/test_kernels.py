"""A kernel on a GPU node, from a server on a CPU node: its own job, restarted in it, and gone when its server is."""

import json
import re
from contextlib import closing

from playwright.sync_api import Locator, Page, expect

from tests.end_to_end.browser import PATIENCE, STARTED, sign_in, start, stop
from tests.end_to_end.factory import Factory, until
from tests.end_to_end.kernel import Kernel
from tests.end_to_end.person import Person
from tests.end_to_end.picture import picture
from tests.end_to_end.test_promote import gpu_minutes
from tests.kernel import Kernel as Waiting

WHERE = "import os; print(*(os.environ[name] for name in ('SLURM_JOB_ID', 'SLURMD_NODENAME', 'CUDA_VISIBLE_DEVICES')))"

# A notebook that names no kernel, and one that was saved with a GPU and has shown a widget.
BARE = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
WIDGET = {"version_major": 2, "version_minor": 0, "model_id": "a-slider"}
SHOWN = {"output_type": "display_data", "metadata": {}, "data": {"application/vnd.jupyter.widget-view+json": WIDGET}}
CELL = {"cell_type": "code", "id": "one", "metadata": {}, "source": "slider", "execution_count": 1, "outputs": [SHOWN]}
SPEC = {"name": "onramp-gpu-1", "display_name": "One GPU", "language": "python"}
SAVED = {**BARE, "metadata": {"kernelspec": SPEC}, "cells": [CELL]}


def offered(factory: Factory, person: Person) -> dict[str, str]:
    """What the launcher of somebody's JupyterLab shows, by the kernel's name."""
    answer = person.api.get(f"{factory.url}/user/{person.name}/api/kernelspecs").raise_for_status().json()
    return {name: one["spec"]["display_name"] for name, one in answer["kernelspecs"].items()}


def test_in_jupyterlab_the_cell_that_waits_says_what_for(factory: Factory, page: Page) -> None:
    """Chosen in the launcher while the account has too few GPU minutes; more of them, and the same cell runs."""
    for name, content in {"bare.ipynb": BARE, "saved.ipynb": SAVED}.items():
        factory.attempt("sh", "-c", f"cat > {name}", user="student2", stdin=json.dumps(content))
    sign_in(page, factory, "student2")
    start(page, "CPU notebook")
    page.goto(f"{factory.url}/user/student2/lab?reset")  # nothing is open of another test in the same home
    (server,) = factory.jobs("student2")
    first_choice_costs_nothing(page)
    opening_asks_for_nothing(page)
    assert factory.jobs("student2") == [server]
    factory.attempt("rm", "-f", "bare.ipynb", "saved.ipynb", user="student2")
    with gpu_minutes(factory, "onboarding", 1):
        page.locator(".jp-LauncherCard[data-category='Notebook']", has_text="One GPU").click()
        expect(page.locator(".jp-Toolbar-kernelName", has_text="One GPU: 60 of")).to_be_visible(timeout=PATIENCE)
        expect(page.get_by_text("| Idle")).to_be_visible()
        cell = page.locator(".jp-NotebookPanel .jp-CodeCell").first
        run(page, cell, WHERE)
        waiting = cell.locator(".jp-OutputArea-output", has_text="waits in the queue")
        expect(waiting).to_contain_text("GPU minutes are used up or too few", timeout=PATIENCE)
        picture(page, "kernel-waits", width=1200, height=500)
        (job,) = set(factory.jobs("student2")) - {server}
    expect(cell.locator(".jp-OutputArea-output", has_text=f"{job} gpu")).to_be_visible(timeout=STARTED)
    expect(waiting).to_have_count(0)

    cell = page.locator(".jp-NotebookPanel .jp-CodeCell").nth(1)
    run(page, cell, "print('begun', flush=True); import time; time.sleep(600)")
    expect(cell.locator(".jp-OutputArea-output", has_text="begun")).to_be_visible(timeout=PATIENCE)
    factory.exec("scancel", job)
    expect(cell).to_contain_text(f"Job {job}, in which this kernel ran, is over. It was cancelled", timeout=PATIENCE)
    expect(page.locator(".jp-Toolbar-kernelName", has_text="No Kernel")).to_be_visible()
    assert factory.jobs("student2") == [server]
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.locator("[data-command='kernelmenu:restart']").click()
    expect(page.locator(".jp-Toolbar-kernelName", has_text="One GPU: 60 of")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("| Idle")).to_be_visible(timeout=STARTED)
    assert factory.jobs("student2") == [server]
    cell = page.locator(".jp-NotebookPanel .jp-CodeCell").nth(2)
    run(page, cell, WHERE)
    expect(cell.locator(".jp-OutputArea-output", has_text=re.compile(r"^\d+ gpu"))).to_be_visible(timeout=STARTED)
    assert len(factory.jobs("student2")) == 2
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Shut Down Kernel", exact=True).click()
    until("only the server is left", lambda: factory.jobs("student2") == [server])
    page.goto(f"{factory.url}/hub/home")
    stop(page)


def first_choice_costs_nothing(page: Page) -> None:
    """A notebook that names no kernel is opened: what is chosen when the question comes is the server's own."""
    page.locator(".jp-DirListing-item", has_text="bare.ipynb").dblclick()
    dialog = page.locator(".jp-Dialog", has_text="Select Kernel")
    choice = dialog.get_by_role("combobox")
    expect(choice.locator("option", has_text="One GPU")).to_have_text(re.compile("One GPU: 60 of .* GPU min"))
    expect(choice.locator("option:checked")).to_have_text("Python 3 (ipykernel)")
    picture(page, "select-kernel", width=1000, height=500)
    dialog.get_by_role("button", name="No Kernel").click()
    page.goto(f"{page.url.partition('/lab')[0]}/lab?reset")


def opening_asks_for_nothing(page: Page) -> None:
    """A notebook that was saved with a GPU is opened: no cell is run, not by JupyterLab either.

    What its page asks by itself has been asked once it asks for the widgets.
    """
    sent: list[str] = []
    page.on("websocket", lambda socket: socket.on("framesent", lambda frame: sent.append(str(frame))))
    page.locator(".jp-DirListing-item", has_text="saved.ipynb").dblclick()
    expect(page.locator(".jp-Toolbar-kernelName", has_text="One GPU: 60 of")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("| Idle")).to_be_visible()
    until("it has asked for the widgets", lambda: "comm_info_request" in heard(page, sent))
    assert "execute_request" not in heard(page, sent)
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Shut Down Kernel", exact=True).click()
    expect(page.locator(".jp-Toolbar-kernelName", has_text="No Kernel")).to_be_visible(timeout=PATIENCE)
    page.goto(f"{page.url.partition('/lab')[0]}/lab?reset")


def heard(page: Page, sent: list[str]) -> str:
    """All that a page has sent; it is heard while one waits for the page."""
    page.wait_for_timeout(200)
    return "".join(sent)


def run(page: Page, cell: Locator, code: str) -> None:
    """Type into a cell, and run it."""
    cell.locator(".cm-content").click()
    page.keyboard.insert_text(code)
    page.keyboard.press("Shift+Enter")


def test_it_has_a_gpu_keeps_its_job_and_ends_with_its_server(factory: Factory) -> None:
    with Person(factory, "student1") as person:
        server = person.start(profile="cpu")
        until("what is left is said", lambda: " of " in offered(factory, person).get("onramp-gpu-1", ""))
        with closing(Kernel(factory, person, name="onramp-gpu-1")) as kernel:
            job, node, gpus = kernel.run(WHERE).split()
            assert job != server
            assert (node in ("gpu1", "gpu2"), gpus.isdecimal()) == (True, True)
            assert kernel.run("import onramp; print(onramp.status().job_id)") == job
            kernel.restart()
            assert kernel.run(WHERE).split() == [job, node, gpus]
        assert set(factory.jobs(person.name)) == {server, job}
        (pid,) = [pid for pid, args in factory.processes(person.name) if "spawners/singleuser.py" in args]
        factory.exec("kill", "-KILL", str(pid))
        until("no job is left", lambda: not factory.jobs(person.name))
        told = factory.ended(job)
        assert (told["Account"], "gres/gpu=1" in told["AllocTRES"].split(",")) == ("onboarding", True)


def test_stopping_the_server_takes_back_what_waits(factory: Factory) -> None:
    with gpu_minutes(factory, "onboarding", 1), Person(factory, "student3") as person:
        server = person.start(profile="cpu")
        until("it is offered", lambda: "onramp-gpu-1" in offered(factory, person))
        token = person.api.headers["Authorization"].removeprefix("token ")
        with closing(Waiting(f"{factory.url}/user/{person.name}/", token, "onramp-gpu-1")) as kernel:
            kernel.connect()
            assert factory.jobs(person.name) == [server]
            kernel.send("1")
            until("its job waits", lambda: len(factory.jobs(person.name)) == 2)
        person.stop()
        until("no job is left", lambda: not factory.jobs(person.name))
        assert factory.ended(server)
