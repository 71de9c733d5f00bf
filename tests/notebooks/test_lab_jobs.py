"""jupyter-scheduler's own API over our runs: one truth with `onramp runs`, and a clear sentence for what is wrong."""

import asyncio
import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from jupyter_scheduler.exceptions import SchedulerError
from jupyter_scheduler.models import CountJobsQuery, CreateJob, ListJobsQuery, SortDirection, SortField, Status

from notebooks.lab_jobs import Jobs
from notebooks.lab_profiles import Profiles
from spawners import run_record as files
from spawners.run import find_run, runs
from spawners.scheduler import Scheduler
from tests.fake_slurm import FakeSlurm
from tests.notebooks.jupyter_here import jupyter
from tests.spawners.a_run import client, notebook, on_a_server

LATE = "sbatch: error: Unable to contact slurm controller (connect failure)"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a notebook, on a server of the local site."""
    notebook(on_a_server(tmp_path, monkeypatch) / "train.ipynb", ["1"])
    return tmp_path


@pytest.fixture
def jobs(home: Path, fake_slurm: FakeSlurm) -> Jobs:
    """The jobs of this server's person."""

    class Here(Jobs):
        def slurm(self) -> Scheduler:
            return client(fake_slurm)

    return Here(root_dir=str(home), environments_manager=Profiles(), db_url="")


@pytest.fixture
def profiles(home: Path, fake_slurm: FakeSlurm) -> Profiles:
    """What the dialog offers."""

    class Here(Profiles):
        def slurm(self) -> Scheduler:
            return client(fake_slurm)

    return Here()


def asked(**more: Any) -> CreateJob:
    """What the dialog sends."""
    first: dict[str, Any] = {
        "name": "My training",
        "input_uri": "train.ipynb",
        "runtime_environment_name": "One GPU (gpu-1)",
    }
    return CreateJob(**first | {"compute_type": "Time limit 5 min", "output_formats": ["ipynb"]} | more)


async def test_a_job_is_a_run_with_typed_parameters(jobs: Jobs, fake_slurm: FakeSlurm) -> None:
    name = await jobs.create_job(asked(parameters={"epochs": "5"}))
    run = find_run(name, whole=True)
    assert name.endswith("-my-training")
    assert yaml.safe_load((run.folder / files.PARAMETERS).read_text()) == {"epochs": 5}
    submitted = run.record.submitted
    assert (submitted.name, submitted.profile, submitted.resources.time) == ("My training", "gpu-1", 5)
    listed = await jobs.list_jobs(ListJobsQuery())
    (job,) = listed.jobs
    assert (job.job_id, job.status, job.parameters) == (name, Status.IN_PROGRESS, {"epochs": "5"})
    assert job.name == "My training · Other jobs are ahead in the queue. It starts when its turn comes."
    assert await jobs.get_job(name) == job


async def test_whatever_was_promoted_is_in_the_list(jobs: Jobs, home: Path, fake_slurm: FakeSlurm) -> None:
    """By name and by time, page by page; a new server's list is the same, since there is no other record."""
    from spawners.run_submit import submit

    for number in range(3):
        await submit(
            home / "train.ipynb", {"profile": "cpu"}, {"epochs": number}, client(fake_slurm), name=f"n{number}"
        )
    first = await jobs.list_jobs(ListJobsQuery(max_items=2))
    rest = await jobs.list_jobs(ListJobsQuery(max_items=2, next_token=first.next_token))
    assert (len(first.jobs), len(rest.jobs), rest.next_token, rest.total_count) == (2, 1, None, 3)
    names = SortField(name="name", direction=SortDirection.desc)
    sorted_ = await jobs.list_jobs(ListJobsQuery(sort_by=[names]))
    assert [job.name.partition(" ")[0] for job in sorted_.jobs] == ["n2", "n1", "n0"]
    assert [job.name.partition(" ")[0] for job in (await jobs.list_jobs(ListJobsQuery(name="n1"))).jobs] == ["n1"]
    assert await jobs.count_jobs(CountJobsQuery(status=Status.IN_PROGRESS)) == 3
    assert {job.job_id for job in sorted_.jobs} == {run.name for run in runs()}


async def test_one_that_is_over_has_its_report(jobs: Jobs, fake_slurm: FakeSlurm) -> None:
    name = await jobs.create_job(asked())
    assert "Report" not in [file.display_name for file in (await jobs.get_job(name)).job_files]
    fake_slurm.change("1", state="COMPLETED", start="1763640000", end="1763640060", node="gpu1", exit_code="0:0")
    job = await jobs.get_job(name)
    links = {file.display_name: file.file_path for file in job.job_files}
    assert (job.status, links["Report"]) == (Status.COMPLETED, f"runs/{name}/report.html")


async def test_a_double_click_is_one_job(jobs: Jobs, fake_slurm: FakeSlurm) -> None:
    made = await asyncio.gather(*(jobs.create_job(asked()) for _ in range(3)))
    assert (len(set(made)), len(fake_slurm.calls("sbatch"))) == (1, 1)


async def test_stop_then_delete(jobs: Jobs, fake_slurm: FakeSlurm) -> None:
    name = await jobs.create_job(asked())
    with pytest.raises(SchedulerError, match=r"is not over: its job 1 is PENDING\. Cancel it first"):
        await jobs.delete_job(name)
    await jobs.stop_job(name)
    assert (await jobs.get_job(name)).status == Status.STOPPED
    await jobs.delete_job(name)
    assert runs() == []
    with pytest.raises(SchedulerError, match="There are no runs"):
        await jobs.get_job(name)


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"input_uri": "none.ipynb"}, r"There is no notebook .*none.ipynb. Notebooks in that folder: bare.ipynb"),
        ({"input_uri": "text.ipynb"}, "is not a notebook: it is not JSON"),
        ({"input_uri": "bare.ipynb", "parameters": {"x": "1"}}, "has no parameters cell"),
        ({"parameters": {"epoch": "1"}}, "has no parameter 'epoch'. Choose from: epochs, rate"),
        ({"parameters": {"epochs": "many"}}, "'epochs' of train.ipynb is 3, a number, and 'many' is a text"),
        ({"compute_type": "Time limit 99 h"}, "choose from: Time limit 5 min"),
        ({"runtime_environment_name": "gpu-99"}, "Choose from: cpu, gpu-1, gpu-4"),
        ({"runtime_environment_name": "gpu-8", "compute_type": None}, "A notebook runs on one node"),
    ],
)
async def test_what_is_wrong_is_a_sentence(
    jobs: Jobs, home: Path, fake_slurm: FakeSlurm, more: dict[str, Any], words: str
) -> None:
    (home / "text.ipynb").write_text("hello")
    notebook(home / "bare.ipynb", ["1"], parameters=None)
    with pytest.raises(SchedulerError, match=words):
        await jobs.create_job(asked(**more))
    assert fake_slurm.calls("sbatch") == []


async def test_slurm_away_and_a_full_home_are_sentences(
    jobs: Jobs, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_slurm.answer("sbatch", err=LATE, code=1)
    with pytest.raises(SchedulerError, match="Slurm is away just now: promote the notebook again"):
        await jobs.create_job(asked())
    (job,) = (await jobs.list_jobs(ListJobsQuery())).jobs
    assert (job.status, "did not take it" in (job.status_message or "")) == (Status.FAILED, True)

    def full(*_: object) -> int:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    fake_slurm.heal("sbatch")
    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(SchedulerError, match="If your home folder is full, delete"):
        await jobs.create_job(asked())


@pytest.mark.parametrize(
    "refused",
    [
        lambda jobs: jobs.create_job_definition(None),
        lambda jobs: jobs.update_job_definition("a-b", None),
        lambda jobs: jobs.create_job_from_definition("a-b", model=None),
    ],
)
def test_there_are_no_schedules(jobs: Jobs, refused: Callable[[Jobs], object]) -> None:
    with pytest.raises(SchedulerError, match="choose 'Run now'"):
        refused(jobs)


async def test_the_dialog_says_when_it_starts_and_what_it_costs(profiles: Profiles, fake_slurm: FakeSlurm) -> None:
    """Before anything is created, and as promote says it; what is chosen then is what was meant."""

    fake_slurm.starts(gpu=60)
    fake_slurm.answer("sacctmgr", out="onboarding|onboarding\n")
    fake_slurm.answer("sshare", out="onboarding||gres/gpu=6000|gres/gpu=60\n")
    gpu = (await profiles.list_environments())[1]
    assert gpu.name == "One GPU (gpu-1) · starts within about 2 hours"
    assert gpu.compute_types[0] == "Time limit 5 min · uses up to 5 of 5\N{NARROW NO-BREAK SPACE}940 GPU minutes left"
    assert all("--test-only" in call["argv"] for call in fake_slurm.calls("sbatch"))


async def test_what_was_shown_in_the_dialog_may_be_sent_back(jobs: Jobs) -> None:
    shown = {"runtime_environment_name": "One GPU (gpu-1) · starts at once", "compute_type": "Time limit 5 min · free"}
    submitted = find_run(await jobs.create_job(asked(**shown)), whole=True).record.submitted
    assert (submitted.profile, submitted.resources.time) == ("gpu-1", 5)


async def test_a_slurm_that_is_away_closes_no_dialog(profiles: Profiles, fake_slurm: FakeSlurm) -> None:
    for command in ("sbatch", "sacctmgr", "sshare", "sacct"):
        fake_slurm.answer(command, err=LATE, code=1)
    gpu = (await profiles.list_environments())[1]
    assert (gpu.name, gpu.compute_types[0]) == ("One GPU (gpu-1)", "Time limit 5 min · uses up to 5 GPU minutes")


def test_a_server_with_our_configuration_answers_its_page(tmp_path: Path) -> None:
    """Over HTTP, in a real Jupyter Server: what is offered, what is refused, and no file of a database."""
    with jupyter(tmp_path, ONRAMP_SITE="local") as page:
        offered = page.get("/scheduler/runtime_environments").raise_for_status().json()
        names = [one["name"].partition(" · ")[0] for one in offered]
        assert names == ["CPU notebook (cpu)", "One GPU (gpu-1)", "A whole GPU node (gpu-4)"]
        assert offered[1]["output_formats"] == [{"name": "ipynb", "label": "Notebook"}]
        assert page.get("/scheduler/config").json()["supported_features"]["job_definition"] is False
        assert page.get("/scheduler/jobs").json() == {"jobs": [], "total_count": 0}
        assert page.get("/scheduler/job_definitions").json()["job_definitions"] == []
        definition = {"input_uri": "n.ipynb", "name": "n", "runtime_environment_name": "cpu"}
        for address, words in (("jobs", "There is no notebook"), ("job_definitions", "choose 'Run now'")):
            answer = page.post(f"/scheduler/{address}", json=definition)
            assert (answer.status_code, words in answer.json()["message"]) == (500, True)
        assert page.patch("/scheduler/jobs/a-b", json={"name": "c"}).status_code == 500
    assert not list(tmp_path.rglob("*.sqlite"))
