"""A job that Slurm puts back: when it may be, and what a second start of it is told and keeps."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from spawners import run_record as files
from spawners.run import Run, look, look_at
from spawners.run_attempts import earlier
from spawners.run_record import Reported
from spawners.run_requeue import Queue, begun_again
from spawners.run_submit import submit
from spawners.site import Site, load_site
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_run import client, notebook, on_a_server


@pytest.fixture
async def run(tmp_path: Path, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run whose job is to begin."""
    path = notebook(on_a_server(tmp_path, monkeypatch) / "train.ipynb", ["1"])
    return await submit(path, {"profile": "gpu-1"}, {}, client(fake_slurm))


def queue(run: Run, fake: FakeSlurm, said: list[str]) -> Queue:
    return Queue(run.record, "1", client(fake), said.append)


def begin(run: Run) -> None:
    """Have the job say that it runs."""
    reported = Reported(job_id="1", started=datetime.now(UTC))
    files.write_record(run.folder, run.record.model_copy(update={"reported": reported}))


def told(fake: FakeSlurm) -> list[str]:
    """What Slurm was told of it."""
    return [call["argv"][-1] for call in fake.calls("scontrol") if call["argv"][:2] == ["update", "jobid=1"]]


def test_it_may_be_put_back_once_it_has_a_checkpoint(run: Run, fake_slurm: FakeSlurm) -> None:
    assert "#SBATCH --no-requeue\n" in fake_slurm.calls("sbatch")[0]["stdin"]
    first = queue(run, fake_slurm, [])
    first.begin()
    assert told(fake_slurm) == []
    first.saved()
    first.saved()
    assert told(fake_slurm) == ["Requeue=1"]


def test_a_second_start_may_be_put_back_only_after_a_further_checkpoint(run: Run, fake_slurm: FakeSlurm) -> None:
    begin(run)
    second = queue(run, fake_slurm, [])
    second.begin()
    assert told(fake_slurm) == ["Requeue=0"]
    second.saved()
    assert told(fake_slurm) == ["Requeue=0", "Requeue=1"]


@pytest.mark.parametrize("policy", [False, None])
def test_where_the_site_puts_nothing_back_slurm_is_told_nothing(
    run: Run, fake_slurm: FakeSlurm, site: Site, tmp_path: Path, policy: bool | None
) -> None:
    other = site.model_copy(update={"policy": site.policy.model_copy(update={"requeue": policy})})
    (path := tmp_path / "site.yaml").write_text(yaml.safe_dump(other.model_dump(mode="json")))
    record = run.record
    there = record.model_copy(update={"submitted": record.submitted.model_copy(update={"site": str(path)})})
    Queue(there, "1", client(fake_slurm), print).saved()
    assert told(fake_slurm) == []


def test_slurm_that_refuses_is_heard_and_the_run_goes_on(run: Run, fake_slurm: FakeSlurm) -> None:
    said: list[str] = []
    fake_slurm.answer("scontrol", err="slurm_update error: Access/permission denied", code=1)
    queue(run, fake_slurm, said).saved()
    (words,) = said
    assert words.startswith("Slurm does not let it say whether it may be put back into the queue: ")
    assert words.endswith("Access/permission denied")


async def test_a_second_start_is_an_attempt_of_its_own(run: Run, fake_slurm: FakeSlurm) -> None:
    """The first one's report is kept, and gets the accounting of the first start; minutes add up."""
    assert begun_again(run.folder, run.record) == run.record
    begun = int(datetime.now(UTC).timestamp())
    begin(run)
    fake_slurm.put_back("1", state="NODE_FAIL", start=str(begun), end=str(begun + 120), node="gpu1")
    waiting = await look(run, client(fake_slurm))
    assert waiting.sentence.startswith(
        "Its node failed; this was not your fault. Slurm put it back into the queue; it goes on after its last "
    )
    (run.folder / files.REPORT).touch()
    assert begun_again(run.folder, run.record).reported is None
    assert not (run.folder / files.REPORT).exists()
    fake_slurm.change("1", state="COMPLETED", start=str(begun + 300), end=str(begun + 360), node="gpu2")
    seen = await look(run, client(fake_slurm))
    (before,) = earlier(run.folder)
    assert before.accounting is not None
    assert (before.accounting.state, before.accounting.node) == ("NODE_FAIL", "gpu1")
    assert (seen.state, seen.gpu_minutes) == ("COMPLETED", 3.0)


@pytest.mark.parametrize(
    ("state", "words"),
    [("PREEMPTED", "It made room for a more urgent job."), ("REQUEUED", "Slurm took it off its node.")],
)
async def test_while_it_waits_again_it_says_why(run: Run, fake_slurm: FakeSlurm, state: str, words: str) -> None:
    """Accounting is asked of those alone that wait again; where it does not answer, the rest is said all the same."""
    assert "Slurm put" not in (await look(run, client(fake_slurm))).sentence
    assert fake_slurm.calls("sacct") == []
    begin(run)
    fake_slurm.put_back("1", state=state, start="1763640000", end="1763640060", node="gpu1")
    told = "Slurm put it back into the queue; it goes on after its last checkpoint. "
    (seen,) = await look_at([run], client(fake_slurm))
    assert seen is not None
    assert seen.sentence == f"{words} {told}Slurm lets about two minutes pass first."
    fake_slurm.answer("sacct", err="sacct: error: Problem talking to the database: Connection refused", code=1)
    fake_slurm.change("1", reason="Resources")
    seen = await look(run, client(fake_slurm))
    assert seen.sentence.startswith(f"Slurm took it off its node. {told}It starts when enough of the partition is")


def test_the_site_on_this_machine_puts_back() -> None:
    assert load_site("local").policy.requeue is True
