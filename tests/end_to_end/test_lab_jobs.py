"""In JupyterLab alone: a notebook becomes a job, meets its time limit, goes on by itself, and its report is opened.

While its limit comes, six settings are tried at once by a sweep.
"""

import json
from contextlib import closing

from playwright.sync_api import Page, expect

from tests.end_to_end.browser import PATIENCE, STARTED, open_file, open_notebook, sign_in, start
from tests.end_to_end.factory import Factory, until
from tests.end_to_end.kernel import Kernel
from tests.end_to_end.person import Person
from tests.end_to_end.picture import picture

USER = "teacher1"
KERNEL = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}}
WAITS = """import pathlib, time
while not pathlib.Path("go").exists():
    time.sleep(0.2)
print("weights", weights)"""
CELLS: tuple[tuple[str, list[str]], ...] = (
    ("epochs = 2", ["parameters"]),
    ("weights = list(range(epochs))\nprint('slow work')", []),
    ("weights;", ["checkpoint"]),
    (WAITS, []),
)
# Slurm looks at limits every half a minute, and a job of one minute may run for nearly two.
LIMIT = 150


def test_a_job_from_the_dialog_outlives_its_time_limit(factory: Factory, page: Page) -> None:
    """One click too many is no second job, and what is wrong in the dialog is said there."""
    text = json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": KERNEL, "cells": [cell(*one) for one in CELLS]})
    factory.attempt("sh", "-c", "rm -rf runs go; cat > steps.ipynb", user=USER, stdin=text)
    sign_in(page, factory, USER)
    start(page, "CPU notebook")
    open_notebook(page, "steps.ipynb")
    page.get_by_role("button", name="Create a job").click()
    choose(page, "environment", "One GPU (gpu-1) · starts ")
    choose(page, "computeType", "Time limit 5 min · uses up to 5 of ")
    page.get_by_title("Add new parameter").click()
    page.locator("[name=parameter-0-name]").fill("epochs")
    value = page.locator("[name=parameter-0-value]")
    value.fill("4")
    value.press("Tab")  # fields are looked at when they are left
    picture(page, "create-job", height=950)
    value.fill("many")
    value.press("Tab")
    create = page.get_by_role("button", name="Create", exact=True)
    create.click()
    expect(page.get_by_text("'epochs' of steps.ipynb is 2, a number, and 'many' is a text")).to_be_visible()
    value.fill("4")
    value.press("Tab")
    create.dblclick()
    page.evaluate("getSelection().removeAllRanges()")  # which the double click made

    shown = page.get_by_role("row").filter(has_text="steps ·")
    expect(shown).to_contain_text("In progress", timeout=PATIENCE)
    (run,) = factory.exec("ls", f"/home/{USER}/runs", user=USER).split()
    first = text_of(factory, run, "job.id")
    until("the checkpoint is saved", lambda: "checkpoint.json" in listed(factory, run), seconds=90)
    reload(page)
    expect(shown).to_contain_text("4 of 5 cells")
    factory.exec("scontrol", "update", f"jobid={first}", "TimeLimit=1")
    six_at_once(page, "notebooks/05-many.ipynb")
    until("it goes on", lambda: (text_of(factory, run, "job.id") or first) != first, seconds=LIMIT)
    second = text_of(factory, run, "job.id")
    assert factory.ended(first)["State"] == "TIMEOUT"
    page.get_by_role("tab", name="Jobs").click()
    reload(page)
    expect(shown).to_contain_text("attempt 2: ")
    factory.exec("touch", f"/home/{USER}/go", user=USER)
    assert factory.ended(second)["State"] == "COMPLETED"

    reload(page)
    row = page.get_by_role("row").filter(has_text="Completed")
    expect(row).to_contain_text("steps")
    page.get_by_role("button", name="Close").click()
    picture(page, "jobs", height=480)
    row.get_by_role("link", name="Report").click()
    report = page.frame_locator(".jp-HTMLViewer iframe")
    expect(report.get_by_text("It ended as it should. 5 of 5 cells ran.")).to_be_visible()
    expect(report.get_by_role("row", name="Attempt 1")).to_contain_text(f"job {first}, TIMEOUT, 4 of 5 cells")
    picture(page, "report", height=950)
    page.get_by_role("tab", name="Jobs").click()
    row.get_by_role("link", name="Result").click()
    opened = page.locator(".jp-NotebookPanel", has_text="weights [0, 1, 2, 3]")
    expect(opened).to_be_visible()
    expect(opened).to_contain_text("slow work")
    log = text_of(factory, run, "job.log")
    assert log.count("slow work") == 1
    assert "onramp: it goes on after the cell marked [4]; weights loaded." in log
    with Person(factory, USER) as person, closing(Kernel(factory, person)) as kernel:
        assert kernel.run("!onramp runs verify steps").count("Genuine: job ") == 2
        swept = kernel.run("!onramp runs verify 05-many-sweep")
    assert (swept.count("Genuine: job "), swept.count("parameters.yaml and output.ipynb as run.json says.")) == (2, 6)
    factory.exec("rm", "-r", *(f"/home/{USER}/{one}" for one in ("steps.ipynb", "go", ".jupyter/lab/workspaces")))


def six_at_once(page: Page, notebook: str) -> None:
    """Run a notebook that trains with six settings, and see its table fill."""
    open_file(page, notebook)
    many = page.locator(".jp-NotebookPanel", has_text="Many values, many GPUs")
    expect(many.locator(".jp-Toolbar-kernelName")).to_have_text("Python 3 (ipykernel)")
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    table = many.locator(".onramp-panel", has_text="Sweep ")
    expect(table).to_contain_text("6 of 6 members ran to their end.", timeout=STARTED)
    expect(table.get_by_text("COMPLETED")).to_have_count(7)  # the sweep, and each member
    expect(table.get_by_role("row", name="Largest accuracy")).to_be_visible()
    picture(page, "sweep", height=1000, of=table)


def cell(source: str, tags: list[str]) -> dict[str, object]:
    """A code cell as nbformat stores it."""
    fixed: dict[str, object] = {"cell_type": "code", "execution_count": None, "outputs": []}
    return {**fixed, "id": f"c{len(source)}", "metadata": {"tags": tags}, "source": source}


def choose(page: Page, field: str, name: str) -> None:
    """Choose from one of the dialog's lists."""
    page.locator(f"#jp-create-job-{field}").click()
    page.get_by_role("option", name=name).click()
    expect(page.locator(f"#jp-create-job-{field}")).to_contain_text(name)


def reload(page: Page) -> None:
    """Look again: the page does not by itself."""
    page.get_by_role("button", name="Reload").click()


def text_of(factory: Factory, run: str, name: str) -> str:
    """A file of the run, without white space around it; empty where there is none yet."""
    return factory.attempt("cat", f"/home/{USER}/runs/{run}/{name}", user=USER).stdout.strip()


def listed(factory: Factory, run: str) -> list[str]:
    """The files of the run."""
    return factory.exec("ls", f"/home/{USER}/runs/{run}", user=USER).split()
