"""`onramp runs` in a learner's terminal: where there are no runs, no Slurm, or no such run, a sentence says so."""

import subprocess
import sys
from pathlib import Path

import pytest

from hub_config.cli.runs import _facts
from spawners.run import look
from spawners.run_submit import submit
from tests.fake_slurm import FakeSlurm
from tests.notebooks.job import ROOT
from tests.spawners.a_run import client, notebook, on_a_server

# What a learner's environment may lack: everything that only a hub needs.
HIDE = """
import sys
for name in ("argon2", "supervisor", "limits", "oauthenticator"):
    sys.modules[name] = None
from hub_config.cli.main import main
main(prog_name="onramp")
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home folder with one notebook."""
    notebook(tmp_path / "train.ipynb", ["1"])
    return tmp_path


def onramp(home: Path, *arguments: str, site: str = "local") -> "subprocess.CompletedProcess[str]":
    """Run the command as a learner has it: in a server, without a hub's packages, and here without Slurm."""
    environment = {"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(ROOT), "ONRAMP_SITE": site}
    command = [sys.executable, "-c", HIDE, "runs", *arguments]
    return subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, check=False)


def test_no_runs_yet(home: Path) -> None:
    listed = onramp(home, "list")
    assert (listed.returncode, listed.stdout[:12]) == (0, "No runs yet.")
    for command in (("show",), ("logs",), ("verify",), ("cancel", "x")):
        done = onramp(home, *command)
        assert (done.returncode, done.stdout) == (1, "")
        assert "There are no runs in" in done.stderr


def test_a_notebook_that_fetches_something_is_refused_where_no_node_could(home: Path) -> None:
    text = (ROOT / "spawners/sites/local.yaml").read_text().replace("login: null, compute: null", "compute: false")
    (home / "site.yaml").write_text(text)

    done = onramp(home, "promote", "train.ipynb", "--profile", "gpu-1", "--internet", site=str(home / "site.yaml"))
    assert done.returncode == 1
    assert "Compute nodes of A factory on this machine have no internet." in done.stderr
    assert not (home / "runs").exists()


def test_what_it_costs_is_said_before(home: Path) -> None:
    done = onramp(home, "promote", "train.ipynb", "--profile", "gpu-1", "--time", "7", "--test")
    assert (done.returncode, (home / "runs").exists()) == (0, False)
    said = "It gets 2 CPUs, 4 GB of memory, 1 GPU, for up to 7 minutes. Uses up to 7 GPU minutes.\n"
    assert done.stdout == said
    assert onramp(home, "promote", "train.ipynb", "--profile", "gpu-1", "--time", "7").stderr.startswith(said)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("none.ipynb", "--profile", "gpu-1"), "There is no notebook"),
        (("train.ipynb", "--profile", "gpu-99"), "Choose from: cpu, gpu-1"),
        (("train.ipynb", "--profile", "gpu-1", "-p", "epochs"), "write it as NAME=VALUE"),
        (("train.ipynb", "--profile", "gpu-1", "-p", "epoch=1"), "Choose from: epochs, rate"),
        (("train.ipynb",), "Missing option '--profile'"),
    ],
)
def test_what_cannot_be_promoted_is_one_sentence(home: Path, arguments: tuple[str, ...], words: str) -> None:
    done = onramp(home, "promote", *arguments)
    assert done.returncode != 0
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_a_bundle_is_made_and_may_be_promoted(home: Path) -> None:
    (home / "in.txt").write_text("1")
    done = onramp(home, "bundle", "train.ipynb", "--data", "in.txt")
    assert "Packages: none beyond the environment's.\nRun it: onramp runs promote train-bundle/train.py" in done.stdout
    assert (home / "train-bundle/in.txt").read_text() == "1"
    said = onramp(home, "promote", "train-bundle/train.py", "--profile", "gpu-1", "-p", "epochs=7", "--test").stdout
    assert said.startswith("It gets 2 CPUs, 4 GB of memory, 1 GPU")
    again = onramp(home, "bundle", "train.ipynb")
    assert (again.returncode, "train-bundle is there already. Delete it" in again.stderr) == (1, True)


def test_without_slurm_a_refused_run_is_listed_as_such(home: Path) -> None:
    done = onramp(home, "promote", "train.ipynb", "--profile", "gpu-1", "-p", "epochs=7")
    assert "Slurm did not take the job" in done.stderr
    assert "NOT_SUBMITTED" in onramp(home, "list").stdout
    assert "Slurm did not take it" in onramp(home, "show", "train").stdout
    assert "Slurm did not take it" in onramp(home, "logs").stdout
    assert "ONRAMP_RUN_KEY is not set" in onramp(home, "verify").stderr
    assert "is over already" in onramp(home, "cancel", "train").stdout
    (name,) = (path.name for path in (home / "runs").iterdir())
    done = onramp(home, "delete", "train", name, "none")
    assert (done.returncode, done.stdout) == (1, f"{name} is deleted: its result, its log and its record.\n")
    assert done.stderr.count("No run is called") + done.stderr.count("There are no runs") == 2
    assert onramp(home, "list").stdout.startswith("No runs yet.")
    assert onramp(home, "delete").returncode == 2


def test_a_record_that_cannot_be_read_is_listed_as_such(home: Path) -> None:
    onramp(home, "promote", "train.ipynb", "--profile", "gpu-1")
    (record,) = (home / "runs").glob("*/run.json")
    record.write_text("{")
    assert "UNREADABLE" in onramp(home, "list").stdout
    assert "cannot be read" in onramp(home, "show").stderr


async def test_a_job_that_waits_is_on_no_node(
    tmp_path: Path, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = notebook(on_a_server(tmp_path, monkeypatch) / "train.ipynb", ["1"])
    run = await submit(path, {"profile": "gpu-1"}, {}, client(fake_slurm))
    waiting = dict(_facts(run, await look(run, client(fake_slurm)), ()))
    assert waiting["Accounting"].startswith("job 1, PENDING, ")
    assert ", on " not in waiting["Accounting"]
    fake_slurm.change("1", state="RUNNING", node="gpu1")
    running = dict(_facts(run, await look(run, client(fake_slurm)), ()))
    assert ", on gpu1" in running["Accounting"]
