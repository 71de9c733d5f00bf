"""Earlier attempts: numbered, kept with their accounting, and asked about once."""

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from spawners import run_record as files
from spawners.run import Run, look_at
from spawners.run_attempts import attempt, earlier, gpu_minutes, put_by, settle
from spawners.run_record import Reported, RunError
from spawners.run_submit import submit
from spawners.scheduler import JobState
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_run import client, notebook, on_a_server

TIMES = {"start": "1763640000", "end": "1763640120"}


@pytest.fixture
async def run(tmp_path: Path, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run on one GPU whose first job is over, and two attempts of it put by."""
    path = notebook(on_a_server(tmp_path, monkeypatch) / "train.ipynb", ["1"])
    run = await submit(path, {"profile": "gpu-1"}, {}, client(fake_slurm))
    fake_slurm.change("1", state="TIMEOUT", node="gpu1", exit_code="0:15", **TIMES)
    for done in (1, 2):
        now = datetime.now(UTC)
        reported = Reported(job_id="1", started=now, ended=now, outcome="stopped", cells_done=done, cells_total=4)
        put_by(run.folder, run.record.model_copy(update={"reported": reported}))
    return run


def test_they_are_kept_in_their_order(run: Run) -> None:
    assert [one.reported and one.reported.cells_done for one in earlier(run.folder)] == [1, 2]
    assert earlier(run.folder.parent) == ()


async def test_accounting_is_asked_once(run: Run, fake_slurm: FakeSlurm) -> None:
    """And not at all about what is known."""
    first = earlier(run.folder)[0]
    assert attempt(first) == "Accounting does not know its end yet, 1 of 4 cells."
    await settle([run.folder], client(fake_slurm))
    await settle([run.folder], client(fake_slurm))
    asked = len(fake_slurm.calls("sacct"))
    await settle([run.folder, run.folder.parent], client(fake_slurm))
    assert len(fake_slurm.calls("sacct")) == asked
    assert [attempt(one) for one in earlier(run.folder)] == [
        "job 1, TIMEOUT, 1 of 4 cells, 2.0 GPU minutes",
        "job 1, TIMEOUT, 2 of 4 cells, 2.0 GPU minutes",
    ]


async def test_slurm_away_is_asked_again_later(run: Run, fake_slurm: FakeSlurm) -> None:
    fake_slurm.answer("sacct", err="sacct: error: Connection refused", code=1)
    await settle([run.folder], client(fake_slurm))
    assert all(one.accounting is None for one in earlier(run.folder))


async def test_a_broken_one_is_said_and_hides_no_other_run(run: Run, fake_slurm: FakeSlurm) -> None:
    (run.folder / "attempt-1.json").write_text("{")
    with pytest.raises(RunError, match=r"attempt-1\.json cannot be read"):
        earlier(run.folder)
    assert await look_at([run], client(fake_slurm)) == [None]


@pytest.mark.parametrize(
    ("state", "times", "minutes"),
    [
        ("COMPLETED", {"start": datetime(2026, 1, 1, 12), "end": datetime(2026, 1, 1, 12, 3)}, 6.0),
        ("REQUEUED", {"start": datetime(2026, 1, 1, 12), "end": datetime(2026, 1, 1, 12, 3)}, 6.0),
        ("REQUEUED", {"start": datetime(2026, 1, 1, 12)}, 0.0),
        ("PENDING", {"start": datetime(2026, 1, 1, 12)}, 0.0),
        ("CANCELLED", {}, 0.0),
    ],
)
def test_what_a_job_took(state: str, times: dict[str, datetime], minutes: float) -> None:
    aware = {name: time.replace(tzinfo=UTC) for name, time in times.items()}
    job = JobState.model_validate({"job_id": "1", "user": "a", "name": "n", "comment": "", "state": state} | aware)
    assert gpu_minutes(job, 2) == minutes
    assert gpu_minutes(None, 2) == 0.0


def test_a_record_of_an_older_onramp_is_read(run: Run) -> None:
    """Without the keys that resuming brought."""
    record = run.record
    old = record.model_dump(mode="json")
    del old["resumed"], old["submitted"]["name"]
    (run.folder / files.RECORD).write_text(json.dumps(old))
    assert run.record == record
