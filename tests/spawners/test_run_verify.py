"""A run is verified: a real hub signs what accounting says, and afterwards the folder and a key are enough."""

import json
import pwd
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import pytest

from spawners import run_record as files
from spawners.run import Run
from spawners.run_record import Record, Reported, RunError
from spawners.run_submit import submit
from spawners.run_verify import Finding, findings, key_of, sealed
from tests.fake_slurm import FakeSlurm
from tests.hub_config.running_hub import ORDINARY, RunningHub, hub
from tests.spawners.a_run import client, notebook, on_a_server

__all__ = ["hub"]
ENDED = {"state": "COMPLETED", "node": "gpu1", "start": "1763640000", "end": "1763640120", "exit_code": "0:0"}


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


async def test_only_a_run_of_ones_own_that_is_over_is_signed(run: Run, hub: RunningHub, server: dict[str, str]) -> None:
    job_id = (run.folder / files.JOB_ID).read_text().strip()
    token = server["JUPYTERHUB_API_TOKEN"]
    path = f"onramp/runs/{job_id}"
    assert [hub.api("GET", path, token=other).status for other in (hub.user_token("alice"), hub.token)] == [403, 403]
    assert hub.api("GET", "onramp/runs/999999", token=token).status == 404
    for change, status in (
        ({"user": pwd.getpwuid(0).pw_name}, 404),
        ({"user": ORDINARY.pw_name, "comment": "onramp:grade:x"}, 404),
        ({"comment": run.comment, "state": "RUNNING"}, 409),
        ({"state": "FAILED"}, 200),
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
