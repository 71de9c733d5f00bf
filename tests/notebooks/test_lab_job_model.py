"""How a run looks in the list: every state; and the texts of the dialog as values."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from jupyter_scheduler.models import Status

from notebooks.lab_job_model import describe, status, values
from spawners import run_record as files
from spawners.run import Run, View
from spawners.run_notebook import read_notebook
from spawners.run_record import Record, Reported
from spawners.scheduler import JobState
from spawners.site import Site
from tests.spawners.a_run import notebook, submitted

AT = datetime(2026, 11, 29, 12, tzinfo=UTC)


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """The folder of a run below the server's files."""
    (folder := tmp_path / "runs/20261129-120000-train").mkdir(parents=True)
    return Run(folder)


def view(site: Site, run: Run, state: str, *, outcome: str = "", home: Path = Path("/home/a")) -> View:
    """A run in a state of Slurm's."""
    told = submitted(site, home / "course/train.ipynb", home, AT, time=5)
    said = {"started": AT, "ended": AT, "outcome": outcome}
    record = Record(submitted=told, reported=Reported.model_validate(said) if outcome else None)
    known = state not in ("UNKNOWN", "NOT_SUBMITTED")
    job = JobState(job_id="7", user="a", name="onramp-run", comment=run.comment, state=state, start=AT, end=AT)
    sentence = f"It is {state}."
    return View(name=run.name, state=state, sentence=sentence, record=record, job=job if known else None, cells_total=3)


@pytest.mark.parametrize(
    ("default", "text", "value"),
    [
        ("3", "5", 5),
        ("0.1", "1e-3", "1e-3"),  # YAML's rules: the check of parameters refuses it and says why
        ("0.1", "0.001", 0.001),
        ("'a'", "5", "5"),
        ("'a'", "yes", "yes"),
        ("True", "false", False),
        ("[1]", "[2, 3]", [2, 3]),
        ("None", "{", "{"),
    ],
)
def test_texts_become_values_of_the_defaults_kind(tmp_path: Path, default: str, text: str, value: object) -> None:
    found = read_notebook(notebook(tmp_path / "n.ipynb", ["1"], parameters=f"x = {default}"))
    assert values({"x": text}, found) == {"x": value}


@pytest.mark.parametrize(
    ("state", "outcome", "shown"),
    [
        ("PENDING", "", Status.IN_PROGRESS),
        ("REQUEUED", "", Status.IN_PROGRESS),
        ("RUNNING", "running", Status.IN_PROGRESS),
        ("COMPLETING", "stopped", Status.IN_PROGRESS),
        ("COMPLETED", "completed", Status.COMPLETED),
        ("CANCELLED", "stopped", Status.STOPPED),
        ("TIMEOUT", "stopped", Status.FAILED),
        ("FAILED", "failed", Status.FAILED),
        ("NODE_FAIL", "running", Status.FAILED),
        ("NOT_SUBMITTED", "", Status.FAILED),
        ("UNKNOWN", "", Status.IN_PROGRESS),
        ("UNKNOWN", "completed", Status.COMPLETED),
        ("UNKNOWN", "failed", Status.FAILED),
        ("UNKNOWN", "stopped", Status.STOPPED),
    ],
)
def test_each_state_has_one_there(site: Site, run: Run, state: str, outcome: str, shown: Status) -> None:
    seen = view(site, run, state, outcome=outcome)
    assert status(seen) == shown
    told = describe(run, seen, run.folder)
    assert (told.status_message is None) == (shown in (Status.IN_PROGRESS, Status.COMPLETED))


def test_one_that_waits_says_why(site: Site, run: Run) -> None:
    assert describe(run, view(site, run, "PENDING"), run.folder).name == "train · It is PENDING."
    assert describe(run, view(site, run, "RUNNING"), run.folder).name == "train · 0 of 3 cells"
    assert describe(run, view(site, run, "COMPLETED"), run.folder).name == "train"


def test_one_that_goes_on_says_which_attempt_it_is(site: Site, run: Run) -> None:
    before = view(site, run, "TIMEOUT", outcome="stopped").record
    for state, name in (
        ("PENDING", "train · attempt 2: It is PENDING."),
        ("RUNNING", "train · attempt 2: 0 of 3 cells"),
    ):
        again = view(site, run, state).model_copy(update={"earlier": (before,)})
        assert describe(run, again, run.folder).name == name


def test_its_files_are_linked_where_the_server_shows_them(site: Site, run: Run, tmp_path: Path) -> None:
    for name in (files.INPUT, files.OUTPUT):
        (run.folder / name).write_text("{}")
    (run.folder / files.PARAMETERS).write_text("epochs: 5\nwords: a b\n")
    seen = view(site, run, "COMPLETED", home=tmp_path)
    told = describe(run, seen, tmp_path)
    assert [(file.display_name, file.file_path) for file in told.job_files] == [
        ("Result", f"runs/{run.name}/output.ipynb"),
        ("Input", f"runs/{run.name}/input.ipynb"),
    ]
    assert (told.input_filename, told.parameters) == ("course/train.ipynb", {"epochs": "5", "words": "a b"})
    elsewhere = describe(run, seen, tmp_path / "other")
    assert [file.file_path for file in elsewhere.job_files] == [None, None]


def test_a_broken_record_is_told_and_can_be_deleted(run: Run, tmp_path: Path) -> None:
    (run.folder / files.RECORD).write_text("{")
    told = describe(run, None, tmp_path)
    assert (told.job_id, told.status) == (run.name, Status.FAILED)
    assert "run.json cannot be read" in (told.status_message or "")
