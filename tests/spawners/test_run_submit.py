"""promote: what Slurm is asked for, what is written down before it is asked, and what is left when it refuses."""

import errno
import os
import stat
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml

from spawners import run_record as files
from spawners.run import Run, look
from spawners.run_environment import digest, environment_file
from spawners.run_record import RunError
from spawners.run_submit import submit
from spawners.site import load_site
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_run import client, notebook, on_a_server

GPU = {"profile": "gpu-1"}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, on a server of the local site."""
    return on_a_server(tmp_path, monkeypatch)


async def promoted(
    fake: FakeSlurm, home: Path, asked: Mapping[str, object] = GPU, parameters: Mapping[str, object] | None = None
) -> Run:
    """A run of a small notebook."""
    path = notebook(home / "My Train é.ipynb", ["print(1)"])
    return await submit(path, asked, parameters or {}, client(fake))


async def test_the_folder_is_the_record_and_slurm_gets_a_job(fake_slurm: FakeSlurm, home: Path) -> None:
    run = await promoted(fake_slurm, home, GPU | {"time": 10, "account": "sme"}, {"epochs": 5})

    assert run.folder.parent == home / "runs"
    assert run.name.endswith("-my-train")
    assert stat.S_IMODE(run.folder.stat().st_mode) == 0o700
    assert (run.folder / files.INPUT).read_bytes() == (home / "My Train é.ipynb").read_bytes()
    assert yaml.safe_load((run.folder / files.PARAMETERS).read_text()) == {"epochs": 5}
    assert (run.folder / files.JOB_ID).read_text() == "1\n"
    submitted = run.record.submitted
    assert (submitted.profile, submitted.resources.time, submitted.resources.account) == ("gpu-1", 10, "sme")
    assert submitted.cwd == str(home)

    (call,) = fake_slurm.calls("sbatch")
    assert f"#SBATCH --comment={run.comment}\n" in call["stdin"]
    assert "#SBATCH --gres=gpu:1\n" in call["stdin"]
    assert f"#SBATCH --output={run.folder}/job.log\n" in call["stdin"]
    assert call["stdin"].endswith(f"exec /srv/onramp/venv/bin/python -I -m spawners.run_node {run.folder}\n")


async def test_the_record_names_the_lock_of_the_environment(
    fake_slurm: FakeSlurm, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the job will run in the very environment that promotes it, as on the factory."""
    site = home / "here.yaml"
    text = (Path(__file__).parents[2] / "spawners/sites/local.yaml").read_text()
    site.write_text(text.replace("/srv/onramp/venv", sys.prefix))
    monkeypatch.setenv("ONRAMP_SITE", str(site))
    run = await promoted(fake_slurm, home)
    environment = run.record.submitted.resources.environment
    assert environment is not None
    assert environment.lock == digest(environment_file())


async def test_a_notebook_that_no_node_sees_is_not_submitted(
    fake_slurm: FakeSlurm, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = load_site("local")
    paths = site.paths.model_copy(update={"login_only": (str(home),)})
    file = home / "site.yaml"
    file.write_text(yaml.safe_dump(site.model_copy(update={"paths": paths}).model_dump(mode="json")))
    monkeypatch.setenv("ONRAMP_SITE", str(file))

    with pytest.raises(RunError, match=f"Compute nodes do not see {home}: .* Use a folder below /home/"):
        await promoted(fake_slurm, home)
    assert fake_slurm.calls("sbatch") == []
    assert not (home / "runs").exists()


async def test_parameters_never_reach_the_script(fake_slurm: FakeSlurm, home: Path, hostile: str) -> None:
    """They lie in a file; whatever they hold comes back from it as it was, or is refused."""
    if "\udcff" in hostile:
        return
    path = notebook(home / "n.ipynb", ["1"], parameters="epochs = ''")
    run = await submit(path, GPU, {"epochs": hostile}, client(fake_slurm))
    assert yaml.safe_load((run.folder / files.PARAMETERS).read_text()) == {"epochs": hostile}
    if len(hostile) > 3:
        assert hostile not in fake_slurm.calls("sbatch")[0]["stdin"]


@pytest.mark.parametrize("asked", [{"gpus": 4}, {"gpus": 8, "nodes": 2}, {"nodes": 2, "gpus": 0}])
async def test_a_script_has_its_gpus_over_its_nodes(
    fake_slurm: FakeSlurm, home: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, int]
) -> None:
    """Its job begins on the first node, and starts what runs on the others by itself, on the site's own network."""
    site = load_site("local").model_copy(update={"interface": "ib0"})
    (home / "site.yaml").write_text(yaml.safe_dump(site.model_dump(mode="json")))
    monkeypatch.setenv("ONRAMP_SITE", str(home / "site.yaml"))
    (home / "train.py").write_text('# %% tags=["parameters"]\nepochs = 1\n# %%\n')
    run = await submit(home / "train.py", {"profile": "gpu-1", **asked}, {"epochs": 2}, client(fake_slurm))

    assert (run.folder / files.SCRIPT_INPUT).read_bytes() == (home / "train.py").read_bytes()
    submitted = run.record.submitted
    nodes = asked.get("nodes", 1)
    assert submitted.is_script
    assert (submitted.resources.nodes, submitted.ranks_per_node) == (nodes, max(1, asked["gpus"] // nodes))
    (call,) = fake_slurm.calls("sbatch")
    assert f"#SBATCH --nodes={nodes}\n" in call["stdin"]
    assert call["stdin"].endswith(f"exec /srv/onramp/venv/bin/python -I -m spawners.run_torch {run.folder} ib0\n")
    assert "srun" not in call["stdin"]


async def test_two_runs_in_one_second_have_folders_of_their_own(fake_slurm: FakeSlurm, home: Path) -> None:
    assert len({(await promoted(fake_slurm, home, GPU, {"epochs": n})).name for n in range(3)}) == 3


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"profile": "gpu-99"}, "Choose from: cpu, gpu-1, gpu-4, gpu-8."),
        ({"profile": "gpu-8"}, "A notebook runs on one node, and this asks for 2. Choose from: cpu, gpu-1, gpu-4. Or"),
        ({"profile": "gpu-1", "time": 9999}, "profile 'gpu-1' allows 1 to 240"),
        ({"profile": "gpu-1", "mem_per_cpu": 1}, "Unknown option 'mem_per_cpu'"),
        ({"profile": "gpu-1", "account": "a b"}, "It takes one word"),
        ({"profile": "gpu-1", "purpose": "grading"}, "Choose from: run."),
    ],
)
async def test_what_cannot_be_had_is_refused_before_anything_is_written(
    fake_slurm: FakeSlurm, home: Path, asked: dict[str, object], words: str
) -> None:
    with pytest.raises(RunError) as error:
        await promoted(fake_slurm, home, asked)
    assert words in str(error.value)
    assert not (home / "runs").exists()
    assert fake_slurm.calls("sbatch") == []


async def test_a_run_promotes_nothing(fake_slurm: FakeSlurm, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(files.INSIDE, str(home))
    with pytest.raises(RunError, match="already is a run"):
        await promoted(fake_slurm, home)


async def test_outside_a_server_there_is_no_site(
    fake_slurm: FakeSlurm, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ONRAMP_SITE")
    with pytest.raises(RunError, match="from a server that was started from the hub"):
        await promoted(fake_slurm, home)


async def test_slurmctld_down_is_said_and_the_folder_keeps_what_was_asked(fake_slurm: FakeSlurm, home: Path) -> None:
    fake_slurm.answer("sbatch", err="sbatch: error: Unable to contact slurm controller (connect failure)", code=1)
    with pytest.raises(RunError, match="Slurm is away just now: promote the notebook again in a few minutes"):
        await promoted(fake_slurm, home, GPU, {"epochs": 4})
    (folder,) = (home / "runs").iterdir()
    assert "Unable to contact" in (Run(folder).record.refused or "")
    assert yaml.safe_load((folder / files.PARAMETERS).read_text()) == {"epochs": 4}


LATE = "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation"


async def test_a_job_that_slurm_took_without_saying_so_is_found_by_its_comment(
    fake_slurm: FakeSlurm, home: Path
) -> None:
    fake_slurm.lose_answer("sbatch", err=LATE)
    run = await promoted(fake_slurm, home)
    assert ((run.folder / files.JOB_ID).read_text(), run.record.refused) == ("1\n", None)
    assert len(fake_slurm.calls("sbatch")) == 1


async def test_a_job_that_is_not_there_yet_is_looked_for_later(fake_slurm: FakeSlurm, home: Path) -> None:
    fake_slurm.lose_answer("sbatch", err=LATE)
    fake_slurm.answer("squeue", err="slurm_load_jobs error: Socket timed out on send/recv operation", code=1)
    with pytest.raises(RunError, match=r"Slurm did not say whether it took the job: .*\n`onramp runs show ") as error:
        await promoted(fake_slurm, home)
    run = Run(next((home / "runs").iterdir()))
    assert run.name in str(error.value)
    assert run.record.refused is None
    fake_slurm.heal("squeue")
    assert (await look(run, client(fake_slurm))).state == "PENDING"


async def test_a_job_that_never_came_is_said_once_slurm_would_show_it(
    fake_slurm: FakeSlurm, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_slurm.answer("sbatch", err=LATE, code=1)
    with pytest.raises(RunError, match="did not say whether"):
        await promoted(fake_slurm, home)
    run = Run(next((home / "runs").iterdir()))
    assert (await look(run, client(fake_slurm))).state == "UNKNOWN"
    monkeypatch.setattr("spawners.run_jobs.SHOWN_BY", timedelta(0))
    seen = await look(run, client(fake_slurm))
    assert (seen.state, seen.over, "promote the notebook again" in seen.sentence) == ("NOT_SUBMITTED", True, True)


async def test_a_wrong_account_is_told_the_right_ones(fake_slurm: FakeSlurm, home: Path) -> None:
    fake_slurm.answer("sbatch", err="sbatch: error: Invalid account or account/partition combination", code=1)
    fake_slurm.answer("sacctmgr", out="onboarding|onboarding\n")
    with pytest.raises(RunError, match=r"Choose from your accounts: onboarding\."):
        await promoted(fake_slurm, home, GPU | {"account": "sme"})


async def test_a_full_home_folder_is_said_and_nothing_is_left(
    fake_slurm: FakeSlurm, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system says that the disk is full when the notebook is to be copied."""

    def full(*_: Any) -> int:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(RunError, match=r"Disk quota exceeded\. If your home folder is full, delete"):
        await promoted(fake_slurm, home)
    assert list((home / "runs").iterdir()) == []
    assert fake_slurm.calls("sbatch") == []
