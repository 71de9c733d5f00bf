"""Every notebook runs from top to bottom, on this machine's own kernel, and is stored as a reader should get it."""

import os
import re
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from notebooks import hardware
from notebooks.status import OUTSIDE
from tests.notebooks.job import CPU_JOB, GPU_JOB, ROOT

NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
TORCH = pytest.param((), id="torch", marks=pytest.mark.skipif(find_spec("torch") is None, reason="no PyTorch here"))
NUMPY = pytest.param(("torch",), id="numpy", marks=pytest.mark.skipif(find_spec("numpy") is None, reason="no NumPy"))
PYTHON = pytest.param(("torch", "numpy"), id="plain python")


@pytest.fixture
def execute(tmp_path: Path, kernel_path: Callable[..., str]) -> Callable[..., Any]:
    """Run a notebook as a learner does: their own home, `notebooks` in it, and the job's environment."""

    def run(notebook: Path, job: dict[str, str], *hidden: str) -> Any:
        home = tmp_path / "home"
        (home / "notebooks").mkdir(parents=True)
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("SLURM", "CUDA", "ONRAMP"))}
        environment = {**kept, **job, "HOME": str(home), "PYTHONPATH": kernel_path(*hidden)}
        executed = nbformat.read(notebook, as_version=4)
        resources = {"metadata": {"path": str(home)}}
        NotebookClient(executed, timeout=120, resources=resources).execute(env=environment)
        return executed

    return run


def outputs(notebook: Any) -> str:
    """All that was printed or shown as text."""
    said = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    plain = [output.get("text", "") + str(output.get("data", {}).get("text/plain", "")) for output in said]
    return "\n".join(plain)


def widgets(notebook: Any) -> str:
    """All that the widgets show."""
    states = notebook.metadata["widgets"]["application/vnd.jupyter.widget-state+json"]["state"].values()
    return "\n".join(str(state["state"].get("value", "")) for state in states)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
def test_it_runs_outside_a_job(notebook: Path, execute: Callable[..., Any]) -> None:
    executed = execute(notebook, {})

    assert OUTSIDE in widgets(executed)
    assert not re.search(r"\b(None|nan|Traceback)\b", outputs(executed) + widgets(executed))


def test_first_steps_in_a_job(execute: Callable[..., Any]) -> None:
    executed = execute(NOTEBOOKS[0], CPU_JOB)

    assert "Hello! This cell was run on cpu1" in outputs(executed)
    assert "home/hello-onramp.txt says: I was here." in outputs(executed)
    assert "17, in partition cpu." in widgets(executed)
    assert "No GPU: this job did not ask for one." in widgets(executed)


@pytest.mark.parametrize("hidden", [TORCH, NUMPY, PYTHON])
def test_your_first_gpu_in_a_job(hidden: tuple[str, ...], execute: Callable[..., Any]) -> None:
    """With or without PyTorch it measures something, and says what did the work."""
    said = outputs(execute(NOTEBOOKS[1], GPU_JOB, *hidden))

    rows = re.findall(r"^\d+ +\S+ +([\d,.]+)$", said, flags=re.MULTILINE)
    assert len(rows) in (3, 6)
    assert all(float(row.replace(",", "")) > 0 for row in rows)
    expected = hardware.NO_TORCH if hidden else "This ran on "
    assert expected.partition("{")[0] in said
    assert ("points per second on" in said) == (not hidden)
    assert ("Skipped: training needs PyTorch" in said) == bool(hidden)


@pytest.mark.parametrize("hidden", [TORCH])
def test_training_learns(hidden: tuple[str, ...], execute: Callable[..., Any]) -> None:
    said = outputs(execute(NOTEBOOKS[1], {}, *hidden))

    right = re.search(r"(\d+)% of the points are told apart", said)
    assert right
    assert int(right.group(1)) >= 95


def cells(notebook: Path, kind: str) -> Iterator[Any]:
    """The cells of one kind, as stored."""
    return (cell for cell in nbformat.read(notebook, as_version=4).cells if cell.cell_type == kind)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)
class TestStored:
    """What the file itself holds."""

    def test_without_outputs(self, notebook: Path) -> None:
        assert all(not cell.outputs and cell.execution_count is None for cell in cells(notebook, "code"))

    def test_without_traces_of_a_machine(self, notebook: Path) -> None:
        assert set(nbformat.read(notebook, as_version=4).metadata) == {"kernelspec", "language_info"}

    def test_headings_in_order(self, notebook: Path) -> None:
        """One title, at the top, and no level skipped: screen readers navigate by headings."""
        text = "\n".join(cell.source for cell in cells(notebook, "markdown"))
        levels = [len(marks) for marks in re.findall(r"^(#+) ", text, flags=re.MULTILINE)]

        assert levels[0] == 1
        assert levels.count(1) == 1
        assert all(later <= earlier + 1 for earlier, later in pairwise(levels))

    def test_images_have_alternative_text(self, notebook: Path) -> None:
        for cell in cells(notebook, "markdown"):
            assert not re.search(r"!\[\s*\]\(", cell.source)
            assert not re.search(r"<img(?![^>]*\balt=\"[^\"]+\")", cell.source)

    def test_links_lead_to_notebooks_beside_it(self, notebook: Path) -> None:
        """Learners' nodes may have no internet."""
        for cell in cells(notebook, "markdown"):
            for target in re.findall(r"\]\(([^)]+)\)", cell.source):
                assert (notebook.parent / target).exists(), target

    def test_link_texts_say_where_they_lead(self, notebook: Path) -> None:
        for cell in cells(notebook, "markdown"):
            for words in re.findall(r"\[([^\]]+)\]\(", cell.source):
                assert words.casefold() not in {"here", "link", "click here", "this"}
