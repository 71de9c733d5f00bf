"""A notebook becomes a job: from the browser, from a terminal, past its server's end, and when things are wrong."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from playwright.sync_api import Locator, Page, expect

from tests.end_to_end.browser import PATIENCE, open_file, sign_in, start
from tests.end_to_end.factory import Factory, until
from tests.end_to_end.person import Person
from tests.end_to_end.picture import picture
from tests.spawners.a_run import notebook

CSV = "city,visits\nAthens,3\nBologna,4\nCáceres,5\n"
OWN = """import csv

with open("visits.csv") as file:
    rows = [row for row in csv.DictReader(file) if int(row["visits"]) >= least]
print(len(rows), "cities with at least", least, "visits")
"""
FREE = "import time\nfor second in range(6):\n    print(second, flush=True)\n    time.sleep(1)"


def test_a_company_brings_its_own_notebook_and_data(factory: Factory, page: Page, tmp_path: Path) -> None:
    """Upload both, promote in a terminal of the server, download the result and the locked environment."""
    notebook(tmp_path / "own.ipynb", (OWN,), parameters="least = 0\n", language="python")
    (tmp_path / "visits.csv").write_text(CSV)
    sign_in(page, factory, "sme1")
    start(page, "CPU notebook")
    with page.expect_file_chooser() as chooser:
        page.get_by_role("button", name="Upload Files").first.click()
    chooser.value.set_files([tmp_path / "own.ipynb", tmp_path / "visits.csv"])
    expect(page.locator(".jp-DirListing-item", has_text="visits.csv")).to_be_visible(timeout=PATIENCE)
    expect(page.locator(".jp-DirListing-item", has_text="own.ipynb")).to_be_visible(timeout=PATIENCE)

    page.locator(".jp-LauncherCard", has_text="Terminal").click()
    terminal = page.locator(".jp-Terminal .xterm-helper-textarea")
    terminal.wait_for(state="attached", timeout=PATIENCE)
    until("the terminal listens", lambda: listens(factory, terminal))
    enter(factory, terminal, "clear")
    enter(factory, terminal, "onramp runs promote own.ipynb --profile gpu-1 -p least=4 --time 10")
    picture(page, "promote", height=600)
    (run,) = runs(factory, "sme1", "own")
    until("it is done", lambda: read(factory, "sme1", run, "run.json").get("reported", {}).get("ended"), seconds=90)
    enter(factory, terminal, "until onramp runs verify; do sleep 1; done")
    for command in ("clear", "onramp runs logs", "onramp runs show"):
        enter(factory, terminal, command)
    open_file(page, f"runs/{run}")
    expect(page.locator(".jp-DirListing-item", has_text="output.ipynb")).to_be_visible(timeout=PATIENCE)
    picture(page, "result", height=600)

    record = read(factory, "sme1", run, "run.json")
    assert record["reported"]["outcome"] == "completed"
    assert record["submitted"]["notebook"] == "/home/sme1/own.ipynb"
    job = completed(factory, record["reported"]["job_id"])
    assert record["seal"]["signature"]
    assert (record["accounting"]["user"], record["accounting"]["state"]) == ("sme1", "COMPLETED")
    assert "gres/gpu=1" in record["accounting"]["tres"].split(",")
    assert (job["User"], job["Account"], "gres/gpu=1" in job["AllocTRES"].split(",")) == ("sme1", "sme", True)
    files = f"{factory.url}/user/sme1/files/runs/{run}"
    for name, words in (("output.ipynb", "2 cities with at least 4 visits"), ("environment.txt", "papermill==")):
        with page.expect_download() as download:
            page.evaluate(
                "url => { const a = document.createElement('a'); a.href = url; a.click(); }",
                f"{files}/{name}?download=1",
            )
        downloaded = Path(download.value.path()).read_bytes()
        assert words in downloaded.decode()
        assert hashlib.sha256(downloaded).hexdigest() == record["reported"][f"{name.partition('.')[0]}_sha256"]
    with Person(factory, "sme1"):
        pass


def test_a_run_goes_on_when_its_server_ends(factory: Factory) -> None:
    """Promoted from a server that is stopped at once: the run ends as it should, and its owner finds it again."""
    put(factory, "student2", "free.ipynb", notebook_text(FREE))
    with Person(factory, "student2") as person:
        server = person.start(profile="cpu")
        promote(factory, "student2", "free.ipynb")
        person.stop()
        assert server not in factory.jobs("student2")
    (run,) = runs(factory, "student2", "free")
    done = until(
        "it is done", lambda: cli(factory, "student2", "logs", run) if over(factory, run) else None, seconds=90
    )
    assert [str(second) for second in range(6)] == done.split()[:6]
    assert "COMPLETED" in cli(factory, "student2", "list")


def test_cancelled_in_the_queue_and_while_it_runs(factory: Factory) -> None:
    """Nothing of either is left in Slurm, and what was done is kept."""
    put(factory, "student3", "long.ipynb", notebook_text("print('first')", FREE.replace("6", "600")))
    run = promote(factory, "student3", "long.ipynb")
    until("the first cell is done", lambda: "first" in cli(factory, "student3", "logs", run))
    assert "is cancelled" in cli(factory, "student3", "cancel", run)
    until("no job is left", lambda: not factory.jobs("student3"))
    until("Slurm says so", lambda: "You cancelled it" in cli(factory, "student3", "show", run))
    shown = cli(factory, "student3", "show", run)
    assert "2 of 3 cells" not in shown
    assert "What was done until then is in output.ipynb" in shown
    assert "first" in json.dumps(read(factory, "student3", run, "output.ipynb"))
    with gpu_minutes(factory, "onboarding", 1):
        waiting = promote(factory, "student3", "long.ipynb")
        until(
            "the reason is said",
            lambda: "GPU minutes are used up or too few" in cli(factory, "student3", "show", waiting),
        )
        assert "is cancelled" in cli(factory, "student3", "cancel", waiting)
    until("no job is left", lambda: not factory.jobs("student3"))


def test_what_is_wrong_is_said_and_nothing_is_lost(factory: Factory) -> None:
    """Each with its sentence; the jobs that ran ended by themselves, and the notebooks are as they were."""
    broken = notebook_text("x = 1", "open('none.csv')", "print('never')")
    put(factory, "student3", "broken.ipynb", broken)
    put(factory, "student3", "text.ipynb", "hello")
    put(factory, "student3", "bare.ipynb", notebook_text("x = 1"))
    for arguments, words in (
        (("text.ipynb", "--profile", "gpu-1"), "is not JSON"),
        (("bare.ipynb", "--profile", "gpu-1", "-p", "x=2"), "has no parameters cell"),
        (("bare.ipynb", "--profile", "gpu-99"), "Choose from: cpu, gpu-1"),
        (("bare.ipynb", "--profile", "gpu-8"), "A notebook runs on one node"),
        (("bare.ipynb", "--profile", "cpu", "--account", "sme"), "Choose from your accounts: onboarding."),
    ):
        done = attempt(factory, "student3", "promote", *arguments)
        assert words in done
        assert "Traceback" not in done
    run = promote(factory, "student3", "broken.ipynb", profile="cpu")
    until("it has failed", lambda: "The cell marked [2] failed" in cli(factory, "student3", "show", run), seconds=90)
    assert text(factory, "student3", "..", "broken.ipynb") == broken


def test_slurmctld_down_and_a_full_home(factory: Factory) -> None:
    """Promoting says what is the matter; once that is over the same command works."""
    put(factory, "teacher1", "bare.ipynb", notebook_text("print('worked')"))
    factory.exec("supervisorctl", "-s", "unix:///run/supervisor.sock", "stop", "slurmctld")
    try:
        assert "Slurm is away just now" in attempt(factory, "teacher1", "promote", "bare.ipynb", "--profile", "cpu")
    finally:
        factory.exec("supervisorctl", "-s", "unix:///run/supervisor.sock", "start", "slurmctld")
        until("slurmctld is up", lambda: "UP" in factory.attempt("scontrol", "ping").stdout)
    assert "NOT_SUBMITTED" in cli(factory, "teacher1", "list")
    factory.exec("mount", "-t", "tmpfs", "-o", "size=16k,uid=teacher1,mode=700", "full", "/home/teacher1/runs")
    try:
        factory.attempt("dd", "if=/dev/zero", "of=/home/teacher1/runs/data", user="teacher1")
        assert "If your home folder is full, delete" in attempt(
            factory, "teacher1", "promote", "bare.ipynb", "--profile", "cpu"
        )
    finally:
        factory.exec("umount", "/home/teacher1/runs")
    run = promote(factory, "teacher1", "bare.ipynb", profile="cpu")
    until("it worked", lambda: "worked" in cli(factory, "teacher1", "logs", run), seconds=90)


def listens(factory: Factory, terminal: Locator) -> bool:
    """Whether sme1's terminal does what is typed: it draws on a canvas, so its shell tells a file what it has done."""
    terminal.press_sequentially("PROMPT_COMMAND='history 1 > ~/.done'\n")
    return done(factory, "PROMPT_COMMAND")


def done(factory: Factory, command: str) -> bool:
    """Whether this is what sme1's shell has done last."""
    return command in factory.attempt("cat", ".done", user="sme1").stdout


def enter(factory: Factory, terminal: Locator, command: str) -> None:
    """Type a command into sme1's terminal, and wait until it is done."""
    terminal.press_sequentially(f"{command}\n")
    until(f"`{command}` is done", lambda: done(factory, command))


def notebook_text(*sources: str) -> str:
    """A notebook without a parameters cell."""
    cells: list[dict[str, object]] = [
        {"cell_type": "code", "execution_count": None, "id": f"c{n}", "metadata": {}, "outputs": [], "source": source}
        for n, source in enumerate(sources)
    ]
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": cells})


def put(factory: Factory, user: str, name: str, content: str) -> None:
    """Write a file into somebody's home folder, as they would."""
    factory.attempt("sh", "-c", f"cat > {name}", user=user, stdin=content)


def attempt(factory: Factory, user: str, *arguments: str) -> str:
    """What `onramp runs` says as somebody on the site, also when it refuses."""
    done = factory.attempt("env", "ONRAMP_SITE=local", "onramp", "runs", *arguments, user=user)
    return done.stdout + done.stderr


def cli(factory: Factory, user: str, *arguments: str) -> str:
    """What `onramp runs` says where it must not refuse."""
    return factory.exec("env", "ONRAMP_SITE=local", "onramp", "runs", *arguments, user=user)


def promote(factory: Factory, user: str, name: str, *, profile: str = "gpu-1") -> str:
    """Promote a notebook, and return the run's name."""
    return cli(factory, user, "promote", name, "--profile", profile).split()[0]


def runs(factory: Factory, user: str, notebook: str = "") -> list[str]:
    """The names of somebody's runs, or of those of one notebook alone."""
    found = factory.attempt("ls", f"/home/{user}/runs", user=user).stdout.split()
    return [run for run in found if run.endswith(f"-{notebook}")] if notebook else found


def text(factory: Factory, user: str, run: str, name: str) -> str:
    """A file of a run."""
    return factory.exec("cat", f"/home/{user}/runs/{run}/{name}", user=user)


def read(factory: Factory, user: str, run: str, name: str) -> dict[str, Any]:
    """A JSON file of a run."""
    content: dict[str, Any] = json.loads(text(factory, user, run, name))
    return {key: value or {} for key, value in content.items()} if name == "run.json" else content


def over(factory: Factory, run: str) -> bool:
    """Whether student2's run has ended, by its own report."""
    return bool(read(factory, "student2", run, "run.json").get("reported", {}).get("ended"))


def completed(factory: Factory, job_id: str) -> dict[str, str]:
    """What slurmdbd says once the job has ended as it should."""
    return until(
        f"job {job_id} is completed",
        lambda: dict(found) if (found := factory.accounting(job_id)).get("State") == "COMPLETED" else None,
    )


@contextmanager
def gpu_minutes(factory: Factory, account: str, minutes: int) -> Iterator[None]:
    """Leave an account this many GPU minutes, for a while."""
    set_limit = ("sacctmgr", "-i", "modify", "account", account, "set")
    factory.exec(*set_limit, f"GrpTRESMins=gres/gpu={minutes}")
    try:
        yield
    finally:
        factory.exec(*set_limit, "GrpTRESMins=gres/gpu=6000")
