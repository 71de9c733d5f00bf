"""Many GPUs and many members under a real Slurm: a script on two nodes, and a sweep by two jobs of one array."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from tests.end_to_end.factory import Factory, until
from tests.end_to_end.test_promote import cli, over, put, read, runs, text
from tests.spawners.a_run import notebook

USER = "student2"
SCRIPT = """
import torch, torch.distributed as dist
dist.init_process_group("gloo")
both = torch.tensor([float(open("data/base.txt").read()) ** dist.get_rank()])
dist.all_reduce(both)
print("together", int(both), "of", dist.get_world_size(), flush=True)
dist.destroy_process_group()
"""


@pytest.mark.skipif(find_spec("torch") is None, reason="no PyTorch here")
def test_a_script_on_two_nodes(factory: Factory) -> None:
    """One process on each; they meet by nothing but what its job has told them, and have what their bundle brought."""
    put(factory, USER, "together.py", SCRIPT)
    factory.exec("sh", "-c", "rm -rf data *-bundle; mkdir data; echo 10 > data/base.txt", user=USER)
    assert "Packages: none beyond" in cli(factory, USER, "bundle", "together.py", "--data", "data")
    factory.exec("rm", "-r", f"/home/{USER}/data", user=USER)
    script = "together-bundle/together.py"
    run = cli(factory, USER, "promote", script, "--profile", "gpu-1", "--gpus", "2", "--nodes", "2").split()[0]
    until("it is over", lambda: over(factory, run), seconds=180)
    assert "together 11 of 2" in cli(factory, USER, "logs", run), text(factory, USER, run, "job.log")
    assert "together 11 of 2" in text(factory, USER, run, "rank-1.log")
    job = factory.ended(read(factory, USER, run, "run.json")["reported"]["job_id"])
    assert (job["State"], job["NodeList"]) == ("COMPLETED", "gpu[1-2]")
    assert "gres/gpu=2" in job["AllocTRES"].split(",")


def test_a_sweep_is_one_array_and_a_retry_runs_what_failed(factory: Factory, tmp_path: Path) -> None:
    source = "import onramp, os\nonramp.report(loss=seed / 10)\nassert seed < 4 or os.path.exists('mended')"
    put(factory, USER, "swept.ipynb", notebook(tmp_path / "n.ipynb", [source], parameters="seed = 0\n").read_text())
    sweep = cli(factory, USER, "sweep", "swept.ipynb", "--profile", "cpu", "-g", "seed=1,2,3,4", "--jobs", "2").split()[
        0
    ]
    until("it is over", lambda: "3 of 4 members" in cli(factory, USER, "show", sweep), seconds=180)
    shown = cli(factory, USER, "show", sweep)
    assert shown.count("COMPLETED") == 3
    assert "AssertionError" in shown
    assert "loss=0.1" in shown
    assert "3/4 members" in cli(factory, USER, "list")
    put(factory, USER, "mended", "")
    cli(factory, USER, "retry", sweep)
    until("it is mended", lambda: "4 of 4 members" in cli(factory, USER, "show", sweep), seconds=180)
    arrays = text(factory, USER, sweep, "job.id").split()
    assert [len(factory.exec("sacct", "-nPX", "-j", one, "--format=JobID").split()) for one in arrays] == [2, 1]
    assert sweep in runs(factory, USER)
