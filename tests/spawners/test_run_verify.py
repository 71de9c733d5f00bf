"""A run is verified: a real hub signs what accounting says, and afterwards the folder and a key are enough."""

import json
import pwd
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from spawners import run_record as files
from spawners.run import Run
from spawners.run_attempts import earlier, rewrite
from spawners.run_evidence import told
from spawners.run_record import Record, Reported, RunError
from spawners.run_requeue import begun_again
from spawners.run_resume import resume
from spawners.run_submit import submit
from spawners.run_verify import Finding, findings, key_of, sealed
from spawners.sweep_record import arrays, member_folders, write_sweep
from spawners.sweep_submit import submit as sweep
from spawners.sweep_verify import sealed_sweep, sweep_findings
from tests.fake_slurm import FakeSlurm
from tests.hub_config.running_hub import ORDINARY, RunningHub, hub
from tests.spawners.a_run import client, notebook, on_a_server

__all__ = ["hub"]
TIMES = {"start": "1763640000", "end": "1763640120"}
ENDED = {"state": "COMPLETED", "node": "gpu1", "exit_code": "0:0"} | TIMES


@pytest.fixture(scope="module")
def server(hub: RunningHub) -> dict[str, str]:
    """What a server of alice's is told; its job is the hub's first."""
    hub.start_server("alice", profile="cpu")
    told: dict[str, str] = json.loads(hub.secrets().read_text())
    return told | {"JUPYTERHUB_API_URL": f"{hub.base}api"}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, on a server of the local site."""
    return on_a_server(tmp_path, monkeypatch)


@pytest.fixture
async def run(home: Path, hub: RunningHub) -> Run:
    """A run that has ended, as Slurm and the job noted it."""
    run = await submit(notebook(home / "train.ipynb", ["1"]), {"profile": "cpu"}, {"epochs": 5}, client(hub.slurm))
    job_id = (run.folder / files.JOB_ID).read_text().strip()
    hub.slurm.change(job_id, **ENDED, user=ORDINARY.pw_name, tres="cpu=2,node=1")
    (run.folder / files.OUTPUT).write_text("{}")
    reported = Reported(started=datetime.now(UTC), output_sha256=sha256(b"{}").hexdigest())
    files.write_record(run.folder, Record(submitted=run.record.submitted, reported=reported))
    return run


def found(run: Run, server: dict[str, str]) -> dict[str, Finding]:
    """What is found, by what was looked at."""
    return {one.what: one for one in findings(run, run.record, key_of(server))}


async def test_the_platform_signs_and_then_the_folder_is_enough(
    run: Run, hub: RunningHub, server: dict[str, str], tmp_path: Path
) -> None:
    record = await sealed(run, client(hub.slurm), server)
    assert record.accounting is not None
    assert (record.accounting.user, record.accounting.tres) == (ORDINARY.pw_name, "cpu=2,node=1")
    told = found(run, server)
    names = ("accounting", files.INPUT, files.PARAMETERS, files.OUTPUT)
    assert [told[name].holds for name in names] == [True] * 4
    assert [told[name].holds for name in ("reported", files.ENVIRONMENT)] == [None] * 2
    assert told["accounting"].sentence.startswith("Genuine: job ")
    assert await sealed(run, client(FakeSlurm(tmp_path / "another")), {}) == record


async def test_each_change_is_told(run: Run, hub: RunningHub, server: dict[str, str]) -> None:
    record = await sealed(run, client(hub.slurm), server)
    assert record.accounting is not None
    for name in (files.INPUT, files.PARAMETERS, files.OUTPUT):
        (run.folder / name).write_text("changed")
        assert found(run, server)[name].sentence.startswith("Changed: its sha256 is ")
    (run.folder / files.OUTPUT).unlink()
    assert found(run, server)[files.OUTPUT].holds is False
    forged = record.accounting.model_copy(update={"tres": "cpu=2,gres/gpu=8"})
    files.write_record(run.folder, record.model_copy(update={"accounting": forged}))
    assert found(run, server)["accounting"] == (
        "accounting",
        False,
        "Not genuine: it is not what this platform signed.",
    )
    files.write_record(run.folder, record)
    copied = Run(run.folder.rename(run.folder.with_name("20990101-000000-mine")))
    assert "but of another run" in found(copied, server)["accounting"].sentence


async def test_each_attempt_has_a_seal_of_its_own(run: Run, hub: RunningHub, server: dict[str, str]) -> None:
    job_id = (run.folder / files.JOB_ID).read_text().strip()
    hub.slurm.change(job_id, state="TIMEOUT")
    await resume(run, client(hub.slurm))
    second = (run.folder / files.JOB_ID).read_text().strip()
    hub.slurm.change(second, **ENDED, user=ORDINARY.pw_name, tres="cpu=2,node=1")
    await sealed(run, client(hub.slurm), server)
    told = found(run, server)
    assert (told["attempt 1"].holds, told["accounting"].holds) == (True, True)
    assert (job_id in told["attempt 1"].sentence, second in told["accounting"].sentence) == (True, True)
    (before,) = earlier(run.folder)
    assert before.accounting is not None
    cheaper = before.accounting.model_copy(update={"end": before.accounting.start})
    rewrite(run.folder, 1, before.model_copy(update={"accounting": cheaper}))
    assert found(run, server)["attempt 1"].holds is False


async def test_an_attempt_that_was_removed_is_missed(run: Run, hub: RunningHub, server: dict[str, str]) -> None:
    """By the number in the signed accounting of a later one, whatever else its owner changes."""
    for _ in range(2):
        hub.slurm.change(
            (run.folder / files.JOB_ID).read_text().strip(), state="TIMEOUT", user=ORDINARY.pw_name, **TIMES
        )
        await resume(run, client(hub.slurm))
    hub.slurm.change((run.folder / files.JOB_ID).read_text().strip(), **ENDED, user=ORDINARY.pw_name)
    record = await sealed(run, client(hub.slurm), server)
    assert [what for what in found(run, server) if "attempt" in what] == ["attempt 1", "attempt 2"]
    first, second = (run.folder / f"attempt-{number}.json" for number in (1, 2))
    second.rename(first)
    files.write_record(run.folder, record.model_copy(update={"resumed": None}))
    told = found(run, server)["attempt 1"]
    assert (told.holds, "Missing: nothing of it is here" in told.sentence) == (False, True)
    first.unlink()
    assert [found(run, server)[f"attempt {number}"].holds for number in (1, 2)] == [False, False]


async def test_each_start_of_a_job_that_was_put_back_is_sealed(
    run: Run, hub: RunningHub, server: dict[str, str]
) -> None:
    """And the last one says how many there were before it."""
    job_id = (run.folder / files.JOB_ID).read_text().strip()
    begun = datetime.fromtimestamp(int(TIMES["start"]), UTC)
    reported = Reported(job_id=job_id, started=begun + timedelta(seconds=2), outcome="stopped")
    files.write_record(run.folder, run.record.model_copy(update={"reported": reported}))
    hub.slurm.change(job_id, user=ORDINARY.pw_name, comment=run.comment)
    hub.slurm.put_back(job_id, state="NODE_FAIL", **TIMES)
    begun_again(run.folder, run.record)
    hub.slurm.change(job_id, **ENDED | {"start": "1763650000", "end": "1763650060"})
    await sealed(run, client(hub.slurm), server)
    (before,) = earlier(run.folder)
    assert (before.accounting and before.accounting.state, before.accounting and before.accounting.start) == (
        "NODE_FAIL",
        begun,
    )
    now = run.record.accounting
    assert (now and now.state, now and now.restarts) == ("COMPLETED", 1)
    told = found(run, server)
    assert (told["attempt 1"].holds, told["accounting"].holds) == (True, True)
    (run.folder / "attempt-1.json").unlink()
    assert found(run, server)["attempt 1"].holds is False


async def test_a_sweeps_jobs_are_sealed_and_its_members_files_compared(
    home: Path, hub: RunningHub, server: dict[str, str]
) -> None:
    one = await sweep(notebook(home / "n.ipynb", ["1"]), {"profile": "cpu"}, {"epochs": [1, 2]}, client(hub.slurm))
    (job_id,) = arrays(one.folder)
    with pytest.raises(RunError, match="has no accounting to be signed yet"):
        await sealed_sweep(one, client(hub.slurm), server)
    first, second = member_folders(one.folder)
    for member, job in ((first, job_id), (second, "999")):
        (member / files.OUTPUT).write_text("{}")
        said = Reported(job_id=job, started=datetime.now(UTC), output_sha256=sha256(b"{}").hexdigest())
        files.write_record(member, files.read_record(member).model_copy(update={"reported": said}))
    hub.slurm.change(job_id, **ENDED, user=ORDINARY.pw_name)
    record = await sealed_sweep(one, client(hub.slurm), server)
    assert (await sealed_sweep(one, client(hub.slurm), {})) == record
    assert len((await told(one, client(hub.slurm), {})).split()) == 1

    def look() -> dict[str, Finding]:
        return {found.what: found for found in sweep_findings(one, one.record, key_of(server))}

    seen = look()
    assert [seen[what].holds for what in (f"job {job_id}", files.INPUT, "member 0001")] == [True] * 3
    assert seen["member 0002"].sentence == "It names job 999, and no such job of this sweep was signed."
    assert (seen["reported"].holds, "Slurm knows the jobs that members share" in seen["reported"].sentence) == (
        None,
        True,
    )
    (first / files.PARAMETERS).write_text("epochs: 9\n")
    assert look()["member 0001"].sentence.startswith("parameters.yaml: Changed: its sha256 is ")
    forged = record.sealed[0].accounting.model_copy(update={"tres": "gres/gpu=8"})
    write_sweep(
        one.folder, record.model_copy(update={"sealed": (record.sealed[0].model_copy(update={"accounting": forged}),)})
    )
    assert (look()[f"job {job_id}"].holds, look()["member 0001"].holds) == (False, False)


async def test_only_a_run_of_ones_own_that_is_over_is_signed(run: Run, hub: RunningHub, server: dict[str, str]) -> None:
    job_id = (run.folder / files.JOB_ID).read_text().strip()
    token = server["JUPYTERHUB_API_TOKEN"]
    path = f"onramp/runs/{job_id}"
    assert [hub.api("GET", path, token=other).status for other in (hub.user_token("alice"), hub.token)] == [403, 403]
    assert hub.api("GET", "onramp/runs/999999", token=token).status == 404
    for change, status in (
        ({"user": pwd.getpwuid(0).pw_name}, 404),
        ({"user": ORDINARY.pw_name, "state": "RUNNING"}, 409),
        ({"state": "FAILED", "comment": "onramp:grade:x"}, 404),
        ({"comment": run.comment}, 200),
    ):
        hub.slurm.change(job_id, **change)
        assert hub.api("GET", path, token=token).status == status


async def test_what_cannot_be_signed_now_is_said(run: Run, hub: RunningHub, server: dict[str, str]) -> None:
    with pytest.raises(RunError, match="a server that was started from the hub; this is none"):
        await sealed(run, client(hub.slurm), {})
    with pytest.raises(RunError, match="is not set, so nobody can tell who signed"):
        key_of({})
    with pytest.raises(RunError, match="The hub cannot be asked just now"):
        await sealed(run, client(hub.slurm), server | {"JUPYTERHUB_API_URL": "http://127.0.0.1:1"})
    key = hub.state / "run_key"
    key.chmod(0o644)
    with pytest.raises(RunError, match="The platform does not sign it: The accounting of job"):
        await sealed(run, client(hub.slurm), server)
    key.chmod(0o600)
    assert run.record.seal is None
