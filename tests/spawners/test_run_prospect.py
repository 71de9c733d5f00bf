"""Before a run is submitted: when it would start, what it costs of what is left; and what would fetch in vain."""

import os
from pathlib import Path

import pytest

from spawners.run_prospect import Prospect
from spawners.run_record import RunError
from spawners.run_submit import foreseen, submit
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_run import client, notebook, on_a_server
from tests.spawners.test_room import program

ROOT = Path(__file__).parents[2]
GPU = {"profile": "gpu-1", "time": 10}


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder, on a server of the local site."""
    return on_a_server(tmp_path, monkeypatch)


async def told(fake: FakeSlurm, home: Path, **asked: object) -> Prospect:
    """What is said before a small notebook is submitted."""
    return await foreseen(notebook(home / "train.ipynb", ["1"]), GPU | asked, {}, client(fake))


async def test_when_it_starts_and_what_it_costs_and_nothing_is_submitted(fake_slurm: FakeSlurm, home: Path) -> None:
    fake_slurm.starts(gpu=0)
    fake_slurm.answer("sacctmgr", out="onboarding|onboarding\n")
    fake_slurm.answer("sshare", out="onboarding||gres/gpu=6000|gres/gpu=60\n")
    assert str(await told(fake_slurm, home)) == (
        "It gets 2 CPUs, 4 GB of memory, 1 GPU, for up to 10 minutes. It starts at once. "
        "Uses up to 10 of 5\N{NARROW NO-BREAK SPACE}940 GPU minutes left."
    )
    assert all("--test-only" in call["argv"] for call in fake_slurm.calls("sbatch"))
    assert not (home / "runs").exists()


async def test_a_queue_is_foreseen_as_a_range(fake_slurm: FakeSlurm, home: Path) -> None:
    fake_slurm.starts(gpu=60)
    assert (await told(fake_slurm, home)).starts == "It starts within about 2 hours."


async def test_whoever_may_not_is_told_in_slurms_words(fake_slurm: FakeSlurm, home: Path) -> None:
    fake_slurm.refuse(gpu="Invalid qos specification")
    assert (await told(fake_slurm, home)).starts == "Slurm would not take it: Invalid qos specification."


async def test_where_slurm_is_away_what_is_known_is_said(fake_slurm: FakeSlurm, home: Path) -> None:
    for command in ("sbatch", "sacctmgr", "sshare", "sacct"):
        fake_slurm.answer(command, err="Unable to contact slurm controller", code=1)
    said = await told(fake_slurm, home)
    assert (said.starts, said.costs) == ("", "Uses up to 10 GPU minutes.")


async def test_a_home_that_is_nearly_full_is_said_before(
    fake_slurm: FakeSlurm, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(home), prepend=os.pathsep)
    program(home, "quota", "nas1:/home 10485750 0 10485760 0 12 0 0 0\n")
    said = str(await told(fake_slurm, home))
    assert "Its record may not fit into your home: 50 MiB needed, and only 10 KiB left. 10 GiB of your quota" in said
    program(home, "quota", "nas1:/home 1048576 0 10485760 0 12 0 0 0\n")
    assert (await told(fake_slurm, home)).room == ""


async def test_what_is_wrong_is_refused_as_by_promote(fake_slurm: FakeSlurm, home: Path) -> None:
    with pytest.raises(RunError, match="Choose from: cpu, gpu-1"):
        await told(fake_slurm, home, profile="gpu-99")


async def test_what_fetches_is_refused_where_nodes_have_no_internet(
    fake_slurm: FakeSlurm, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fetching = notebook(home / "fetch.ipynb", ["!pip install einops"])
    assert (await submit(fetching, GPU, {}, client(fake_slurm))).folder.exists()
    site = (ROOT / "spawners/sites/local.yaml").read_text().replace("login: null, compute: null", "compute: false")
    (home / "site.yaml").write_text(site)
    monkeypatch.setenv("ONRAMP_SITE", str(home / "site.yaml"))
    with pytest.raises(RunError, match="Code cell 2 seems to fetch something: `!pip install einops`"):
        await submit(fetching, GPU | {"time": 11}, {}, client(fake_slurm))
    assert (await submit(fetching, GPU | {"internet": False}, {}, client(fake_slurm))).folder.exists()
    assert (await submit(notebook(home / "not.ipynb", ["1"]), GPU, {}, client(fake_slurm))).folder.exists()
