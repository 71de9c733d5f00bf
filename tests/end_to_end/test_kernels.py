"""A kernel on a GPU node, from a server on a CPU node: its own job, restarted in it, and gone when its server is."""

from contextlib import closing

from playwright.sync_api import Locator, Page, expect

from tests.end_to_end.browser import PATIENCE, STARTED, sign_in, start, stop
from tests.end_to_end.factory import Factory, until
from tests.end_to_end.kernel import Kernel
from tests.end_to_end.person import Person
from tests.end_to_end.picture import picture
from tests.end_to_end.test_promote import gpu_minutes

WHERE = "import os; print(*(os.environ[name] for name in ('SLURM_JOB_ID', 'SLURMD_NODENAME', 'CUDA_VISIBLE_DEVICES')))"


def offered(factory: Factory, person: Person) -> dict[str, str]:
    """What the launcher of somebody's JupyterLab shows, by the kernel's name."""
    answer = person.api.get(f"{factory.url}/user/{person.name}/api/kernelspecs").raise_for_status().json()
    return {name: one["spec"]["display_name"] for name, one in answer["kernelspecs"].items()}


def test_in_jupyterlab_the_cell_that_waits_says_what_for(factory: Factory, page: Page) -> None:
    """Chosen in the launcher while the account has too few GPU minutes; more of them, and the same cell runs."""
    sign_in(page, factory, "student2")
    start(page, "CPU notebook")
    (server,) = factory.jobs("student2")
    with gpu_minutes(factory, "onboarding", 1):
        page.locator(".jp-LauncherCard[data-category='Notebook']", has_text="One GPU").click()
        expect(page.locator(".jp-Toolbar-kernelName", has_text="One GPU: up to 60")).to_be_visible(timeout=PATIENCE)
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
    until("there is another job", lambda: len(factory.jobs("student2")) == 2)
    # A kernel that is still being restarted cannot be shut down.
    expect(page.locator(".jp-Toolbar-kernelName", has_text="One GPU: up to 60")).to_be_visible(timeout=PATIENCE)
    expect(page.get_by_text("| Idle")).to_be_visible(timeout=STARTED)
    page.get_by_role("menuitem", name="Kernel", exact=True).click()
    page.get_by_role("menuitem", name="Shut Down Kernel", exact=True).click()
    until("only the server is left", lambda: factory.jobs("student2") == [server])
    page.goto(f"{factory.url}/hub/home")
    stop(page)


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
        answer = person.api.post(f"{factory.url}/user/{person.name}/api/kernels", json={"name": "onramp-gpu-1"})
        assert answer.status_code == 201, answer.text
        assert len(factory.jobs(person.name)) == 2
        person.stop()
        until("no job is left", lambda: not factory.jobs(person.name))
        assert factory.ended(server)
