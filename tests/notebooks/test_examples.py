"""The scripts that a learner promotes: they learn the same, on however many GPUs."""

import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from spawners.run_script import read_script
from spawners.run_values import reported_values
from tests.notebooks.job import ROOT

EXAMPLE = ROOT / "notebooks/examples/many_gpus.py"


@pytest.mark.skipif(find_spec("torch") is None, reason="no PyTorch here")
def test_ddp_and_fsdp_learn_the_same_with_one_two_and_four(tmp_path: Path) -> None:
    """Judged by what was reported, and not by how the processes ended: what they do then is PyTorch's."""
    program = [sys.executable, "-m", "tests.notebooks.forked_ranks", str(EXAMPLE), str(tmp_path)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    found = {path.name: reported_values(path) for path in tmp_path.iterdir()}
    assert set(found) == {f"{way}-{size}" for way in ("ddp", "fsdp") for size in (1, 2, 4)}, done.stderr
    assert all(found.values()), f"{found}\n{done.stdout}\n{done.stderr}"
    assert found["ddp-1"]["accuracy"] > 0.5
    for values in found.values():
        assert values == pytest.approx(found["ddp-1"], rel=1e-3)


def test_it_is_a_script_with_parameters() -> None:
    script = read_script(EXAMPLE)
    assert script.defaults == {"epochs": 3, "learning_rate": 0.003, "sharded": False}
