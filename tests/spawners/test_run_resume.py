"""resume: the next attempt in the same folder, once, with its own accounting; by itself only where that is allowed."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from spawners import run_record as files
from spawners.run import Run, cancel, look
from spawners.run_attempts import earlier
from spawners.run_checkpoint import save
from spawners.run_record import Record, Reported, RunError
from spawners.run_resume import go_on, resume
from spawners.run_submit import submit
from spawners.site import load_site
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_run import client, notebook, on_a_server

BEGUN = 1763640000
LATE = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, on a server of the local site."""
    return on_a_server(tmp_path, monkeypatch)


@pytest.fixture
async def run(home: Path, fake_slurm: FakeSlurm) -> Run:
    """A run with a checkpoint, whose first job met its time limit after two minutes."""
    run = await submit(notebook(home / "train.ipynb", ["1"]), {"profile": "gpu-1"}, {}, client(fake_slurm))
    save(str(run.folder), 2, {"epoch": 1})
    end(run, fake_slurm, "1", minutes=2)
    return run


def end(run: Run, fake: FakeSlurm, job_id: str, *, state: str = "TIMEOUT", minutes: int = 2, after: int = 0) -> None:
    """Let a job end, and say its last word."""
    begun = {"state": state, "node": "gpu1", "start": str(BEGUN), "end": str(BEGUN + 60 * minutes), "exit_code": "0:15"}
    fake.change(job_id, **begun)
    now = datetime.now(UTC)
    reported = Reported(job_id=job_id, started=now, ended=now, outcome="stopped", cells_done=2, cells_total=4)
    reported = reported.model_copy(update={"resumed_from": after})
    files.write_record(run.folder, run.record.model_copy(update={"reported": reported}))


async def test_it_goes_on_in_the_same_folder_and_costs_add_up(run: Run, fake_slurm: FakeSlurm) -> None:
    said = await resume(run, client(fake_slurm))
    assert said == f"{run.name} goes on in job 2, after its checkpoint (epoch)."
    first, second = fake_slurm.calls("sbatch")
    assert second["stdin"] == first["stdin"].replace(run.comment, f"{run.comment}:2")
    (before,) = earlier(run.folder)
    assert before.accounting is not None
    assert (before.accounting.job_id, before.accounting.state) == ("1", "TIMEOUT")
    seen = await look(run, client(fake_slurm))
    assert (seen.state, seen.over, seen.gpu_minutes) == ("PENDING", False, 2.0)
    end(run, fake_slurm, "2", state="COMPLETED", minutes=3)
    seen = await look(run, client(fake_slurm))
    assert (seen.state, seen.gpu_minutes) == ("COMPLETED", 5.0)


async def test_two_at_once_are_one(run: Run, fake_slurm: FakeSlurm) -> None:
    said = await asyncio.gather(*(resume(run, client(fake_slurm)) for _ in range(4)))
    assert len(fake_slurm.calls("sbatch")) == 2
    assert sorted("in job 2" in one for one in said) == [False, False, False, True]
    assert len(earlier(run.folder)) == 1
    assert "goes on already" in await resume(run, client(fake_slurm))


@pytest.mark.parametrize("state", ["NODE_FAIL", "PREEMPTED", "CANCELLED", "BOOT_FAIL"])
async def test_whatever_was_no_fault_of_the_notebook(run: Run, fake_slurm: FakeSlurm, state: str) -> None:
    fake_slurm.change("1", state=state)
    assert "goes on in job 2" in await resume(run, client(fake_slurm))


@pytest.mark.parametrize("state", ["FAILED", "COMPLETED", "OUT_OF_MEMORY"])
async def test_what_would_end_the_same_way_is_refused(run: Run, fake_slurm: FakeSlurm, state: str) -> None:
    fake_slurm.change("1", state=state)
    with pytest.raises(RunError, match=r"cannot be resumed\. .* Promote its notebook again instead\."):
        await resume(run, client(fake_slurm))
    assert len(fake_slurm.calls("sbatch")) == 1


async def test_one_that_is_not_over_is_refused(run: Run, fake_slurm: FakeSlurm) -> None:
    fake_slurm.change("1", state="RUNNING")
    with pytest.raises(RunError, match="is not over, so there is nothing to resume"):
        await resume(run, client(fake_slurm))


async def test_a_job_that_may_still_write_is_waited_for(run: Run, fake_slurm: FakeSlurm) -> None:
    files.write_record(run.folder, Record(submitted=run.record.submitted))
    fake_slurm.change("1", end=str(int(datetime.now(UTC).timestamp())))
    with pytest.raises(RunError, match="Resume it in a minute"):
        await resume(run, client(fake_slurm))


async def test_slurm_away_leaves_it_as_it_was(run: Run, fake_slurm: FakeSlurm) -> None:
    await look(run, client(fake_slurm))
    before = {path.name: path.read_bytes() for path in run.folder.iterdir()}
    fake_slurm.answer("sbatch", err="sbatch: error: Unable to contact slurm controller (connect failure)", code=1)
    with pytest.raises(RunError, match=r"Unable to contact .*\n.* is as it was"):
        await resume(run, client(fake_slurm))
    assert {path.name: path.read_bytes() for path in run.folder.iterdir()} == before
    fake_slurm.heal("sbatch")
    assert "goes on" in await resume(run, client(fake_slurm))


async def test_a_job_that_slurm_took_without_saying_so_is_found(run: Run, fake_slurm: FakeSlurm) -> None:
    """By its comment, which the first job bears too."""
    fake_slurm.lose_answer("sbatch", err=LATE)
    with pytest.raises(RunError, match=r"did not say whether it took the job: .*\n`onramp runs show "):
        await resume(run, client(fake_slurm))
    assert (await look(run, client(fake_slurm))).state == "PENDING"
    assert (run.folder / files.JOB_ID).read_text() == "2\n"


async def test_a_full_home_is_said(run: Run, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> None:
    await look(run, client(fake_slurm))

    def full(*_: object) -> None:
        raise OSError(122, "Disk quota exceeded")

    monkeypatch.setattr("spawners.run_resume.put_by", full)
    with pytest.raises(RunError, match=r"Disk quota exceeded\. If your home folder is full"):
        await resume(run, client(fake_slurm))
    assert len(fake_slurm.calls("sbatch")) == 1


async def test_inside_a_run_nothing_is_resumed(
    run: Run, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(files.INSIDE, str(run.folder))
    with pytest.raises(RunError, match="already is a run"):
        await resume(run, client(fake_slurm))


async def test_by_itself_it_begins_when_the_job_before_is_over(run: Run, fake_slurm: FakeSlurm) -> None:
    said = await go_on(run, run.record, "1", client(fake_slurm))
    assert said == "Its time is up. It goes on in job 2, after its checkpoint (epoch)."
    assert "#SBATCH --dependency=afterany:1\n" in fake_slurm.calls("sbatch")[1]["stdin"]
    seen = await look(run, client(fake_slurm))
    assert (seen.state, seen.gpu_minutes) == ("PENDING", 2.0)  # accounting was asked about the first one


async def test_never_the_same_cells_twice_without_progress(run: Run, fake_slurm: FakeSlurm) -> None:
    end(run, fake_slurm, "1", after=3)  # it began after the checkpoint that still is the last one
    said = await go_on(run, run.record, "1", client(fake_slurm))
    assert "it reached no further checkpoint" in said
    assert said.endswith(f"To go on: onramp runs resume {run.name}")
    save(str(run.folder), 5, {"epoch": 2})
    assert "It goes on in job 2" in await go_on(run, run.record, "1", client(fake_slurm))


async def test_what_nobody_wants_or_the_site_forbids_does_not_go_on(
    run: Run, fake_slurm: FakeSlurm, tmp_path: Path
) -> None:
    fake_slurm.change("1", state="RUNNING")
    await cancel(run, client(fake_slurm))
    assert "it was cancelled." in await go_on(run, run.record, "1", client(fake_slurm))
    (run.folder / files.CANCELLED).unlink()

    site = load_site("local")
    forbids = site.model_copy(update={"policy": site.policy.model_copy(update={"unattended_submit": None})})
    (path := tmp_path / "site.yaml").write_text(yaml.safe_dump(forbids.model_dump(mode="json")))
    there = run.record.submitted.model_copy(update={"site": str(path)})
    elsewhere = run.record.model_copy(update={"submitted": there})
    assert "does not say that jobs may be submitted without a person" in await go_on(
        run, elsewhere, "1", client(fake_slurm)
    )
    (run.folder / "checkpoint.json").unlink()
    assert "it has no checkpoint." in await go_on(run, run.record, "1", client(fake_slurm))
    assert len(fake_slurm.calls("sbatch")) == 1
