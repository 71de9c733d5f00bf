"""A script on many GPUs: torchrun's real processes, on one node and on two, without Slurm between them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml

from spawners import run_record as files
from spawners.run_rank import note_failure
from spawners.run_record import Failure, Record, Reported
from spawners.run_torch import first_failure
from spawners.run_words import failure_sentence
from spawners.site import Site
from tests.spawners.a_run import submitted

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.skipif(find_spec("torch") is None, reason="no PyTorch here")
Folder = Callable[..., Path]
TELL = """
import json, os
told = {name: os.environ.get(name) for name in ("RANK", "LOCAL_RANK", "WORLD_SIZE", "OMP_NUM_THREADS")}
print("I am", json.dumps(told))
"""


@pytest.fixture
def folder(tmp_path: Path, site: Site) -> Folder:
    """Write the folder of a script's run that Slurm is about to start."""

    def write(source: str, *, values: Mapping[str, object] | None = None, gpus: int = 1, nodes: int = 1) -> Path:
        path = tmp_path / f"run-{len(list(tmp_path.iterdir()))}"
        path.mkdir(mode=0o700)
        (path / files.SCRIPT_INPUT).write_text(source)
        (path / files.PARAMETERS).write_text(yaml.safe_dump(dict(values or {})))
        told = submitted(site, tmp_path / "train.py", tmp_path, gpus=gpus, nodes=nodes)
        files.write_record(path, Record(submitted=told))
        return path

    return write


def srun(bin_: Path) -> Mapping[str, str]:
    """An environment whose `srun` runs the program once for each of two nodes, as Slurm's does, and ends them together.

    It is a program of its own, as the fake sbatch is; what it starts is real.
    """
    program = bin_ / "srun"
    program.write_text(
        "#!/bin/sh\nshift 2\n"
        'SLURM_NODEID=0 "$@" & first=$!\nSLURM_NODEID=1 "$@" & second=$!\n'
        "trap 'kill $first $second' TERM\nwait $first; one=$?\nwait $second; two=$?\nexit $((one + two))\n"
    )
    program.chmod(0o755)
    return {"PATH": f"{bin_}:{os.environ['PATH']}"}


def finish(folder: Path, environment: Mapping[str, str] | None = None) -> tuple[int, str, Reported]:
    """Run a job to its end: its code, its log, its report."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "OMP", "ONRAMP"))}
    done = subprocess.run(
        [sys.executable, "-m", "spawners.run_torch", str(folder)],
        cwd=ROOT,
        env={**kept, "SLURM_JOB_ID": "17", "SLURMD_NODENAME": "localhost", **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    reported = files.read_record(folder).reported
    assert reported is not None, done.stdout
    return done.returncode, done.stdout, reported


def test_each_gpu_has_a_process_that_knows_who_it_is(folder: Folder) -> None:
    source = f'# %% tags=["parameters"]\nepochs = 1\n# %%\n{TELL}\nimport beside\nprint(beside.WORD, __name__, epochs)'
    run = folder(source, values={"epochs": 7}, gpus=2)
    (run.parent / "beside.py").write_text("WORD = 'from beside the script'\n")
    code, log, reported = finish(run)

    assert (code, reported.outcome, reported.job_id) == (0, "completed", "17"), log
    told = [json.loads(text.partition("I am ")[2].splitlines()[0]) for text in (log, (run / "rank-1.log").read_text())]
    assert told == [
        {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"} for rank in (0, 1)
    ]
    assert "from beside the script __main__ 7" in log
    assert (run / files.SCRIPT_INPUT).read_text() == source
    assert "onramp: the script has run to its end." in log


def test_processes_on_two_nodes_find_each_other(folder: Folder, open_folder: Path) -> None:
    source = (
        "import torch, torch.distributed as dist\ndist.init_process_group('gloo')\n"
        "all = torch.tensor([10.0 ** dist.get_rank()])\ndist.all_reduce(all)\n"
        "print('together', int(all), dist.get_world_size())\ndist.destroy_process_group()\n"
    )
    run = folder(source, gpus=2, nodes=2)
    code, log, _ = finish(run, srun(open_folder))
    assert (code, "together 11 2" in log) == (0, True), log
    assert "together 11 2" in (run / "rank-1.log").read_text()


def test_the_rank_that_failed_first_is_named_with_its_last_lines(folder: Folder) -> None:
    """The other one fails for no other reason than that it has lost this one."""
    source = (
        "import torch, torch.distributed as dist\ndist.init_process_group('gloo')\n"
        "if dist.get_rank() == 1:\n    open('none.csv')\ndist.barrier()\n"
    )
    run = folder(source, gpus=2)
    code, log, reported = finish(run)
    assert (code, reported.outcome) == (1, "failed"), log
    assert reported.failure is not None
    assert (reported.failure.rank, reported.failure.ename) == (1, "FileNotFoundError")
    assert "onramp: Rank 1 of 2 failed: FileNotFoundError" in log
    assert "Its own log is rank-1.log" in log
    assert 'script.py", line 4, in <module>' in log.partition("the last lines of rank 1")[2]


def test_a_process_that_is_killed_is_named_too(folder: Folder) -> None:
    source = "import os, time\nif os.environ['RANK'] == '1':\n    os.kill(os.getpid(), 9)\ntime.sleep(600)\n"
    code, log, _ = finish(folder(source, gpus=2))
    assert (code, "Rank 1 of 2 failed: Killed: Python was ended by SIGKILL" in log) == (1, True), log


def test_that_it_lost_the_others_is_never_the_first_cause(tmp_path: Path) -> None:
    note_failure(tmp_path, 0, "RuntimeError", "[gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]")
    note_failure(tmp_path, 3, "ValueError", "bad")
    (tmp_path / "rank-9.json").write_text("{")
    assert first_failure(tmp_path) == Failure(rank=3, ename="ValueError", evalue="bad")
    assert first_failure(tmp_path / "empty") is None


def test_a_failed_rank_in_words(folder: Folder) -> None:
    record = files.read_record(folder("", gpus=4, nodes=2))
    said = failure_sentence(Failure(rank=3, ename="OutOfMemoryError", evalue="CUDA out of memory."), record)
    assert said.startswith("Rank 3 of 4 failed: OutOfMemoryError: CUDA out of memory. Its own log is rank-3.log. The")
