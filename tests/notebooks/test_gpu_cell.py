"""`%%gpu` in a real IPython: what it asks Slurm for, and what is shown as the job goes on."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import cloudpickle
import pytest
from IPython.core.interactiveshell import InteractiveShell
from IPython.utils.capture import capture_output

from notebooks import gpu_cell
from spawners import run_record as files
from spawners.process import alone
from spawners.run import Run, View, look, runs
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_run import client, on_a_server

Step = Callable[[Run], None]


@pytest.fixture
def shell(tmp_path: Path, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> Iterator[InteractiveShell]:
    """A shell on a server, whose Slurm is the fake one; while it lives it takes the place of __main__."""
    monkeypatch.setitem(sys.modules, "__main__", sys.modules["__main__"])
    on_a_server(tmp_path, monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(gpu_cell, "LOOK", 0)
    monkeypatch.setattr("spawners.run.Slurm", lambda: client(fake_slurm))
    monkeypatch.setattr(gpu_cell, "Slurm", lambda: client(fake_slurm))
    shell = InteractiveShell.instance()
    gpu_cell.load_ipython_extension(shell)
    yield shell
    InteractiveShell.clear_instance()


def play(monkeypatch: pytest.MonkeyPatch, fake: FakeSlurm, *steps: Step) -> None:
    """Let one thing happen to the run before each look at it."""
    left = iter(steps)

    def looks(run: Run) -> View:
        next(left)(run)
        return alone(look(run, client(fake)))

    monkeypatch.setattr(Run, "look", looks)


def saves(output: Mapping[str, object]) -> Step:
    """The job saves its notebook, whose own cell has this output."""
    cells = [{"cell_type": "code", "metadata": {}, "outputs": outputs} for outputs in ([], [output], [])]

    def step(run: Run) -> None:
        (run.folder / files.OUTPUT).write_text(json.dumps({"cells": cells}))

    return step


def logs(text: str) -> Step:
    """The job prints this."""

    def step(run: Run) -> None:
        with (run.folder / files.LOG).open("a") as log:
            log.write(text)

    return step


def ends(fake: FakeSlurm, state: str, **left: object) -> Step:
    """The job ends."""

    def step(run: Run) -> None:
        if left:
            (run.folder / "outputs.pickle").write_bytes(cloudpickle.dumps(left))
        fake.change("1", state=state, node="gpu1", start="1763640000", end="1763640060")

    return step


def nothing(_: Run) -> None:
    """Time passes."""


def test_from_the_queue_to_what_comes_back(
    shell: InteractiveShell, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    figure = {"output_type": "display_data", "data": {"text/plain": "<a figure>"}, "metadata": {}}
    done = ends(fake_slurm, "COMPLETED", z=7)
    play(monkeypatch, fake_slurm, nothing, logs("epoch 1\n"), saves(figure), logs("epoch 2\nonramp: over.\n"), done)
    shell.user_ns["x"] = 3
    with capture_output() as shown:
        assert shell.run_cell("%%gpu --profile gpu-1 --in x --out z --time 5\nz = x + 4").success
    assert shown.stdout == "epoch 1\nepoch 2\n"
    said = [output.data["text/plain"] for output in shown.outputs]
    assert "Other jobs are ahead in the queue" in said[1]
    assert said[-1].startswith("Job 1 ran on gpu1, for 1.0 GPU minutes. Its record: ")
    assert said.count("<a figure>") == 1
    assert shell.user_ns["z"] == 7
    (run,) = runs()
    resources = run.record.submitted.resources
    assert (resources.gpus, resources.time, run.record.submitted.cwd) == (1, 5, str(Path.cwd()))
    assert cloudpickle.loads((run.folder / "inputs.pickle").read_bytes()) == {"x": 3}


def test_an_error_is_shown_as_it_was_there(
    shell: InteractiveShell, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = {"output_type": "error", "ename": "ValueError", "evalue": "bad", "traceback": ["line 1 of the cell"]}
    play(monkeypatch, fake_slurm, saves(error), ends(fake_slurm, "FAILED"))
    with capture_output():
        result = shell.run_cell("%%gpu\nraise ValueError('bad')")
    assert isinstance(result.error_in_exec, gpu_cell.CellError)
    assert result.error_in_exec._render_traceback_()[0] == "line 1 of the cell"
    assert runs()[0].record.submitted.profile == "gpu-1"


def test_what_ended_without_an_error_is_explained(
    shell: InteractiveShell, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    play(monkeypatch, fake_slurm, ends(fake_slurm, "TIMEOUT"))
    with capture_output():
        result = shell.run_cell("%%gpu\npass")
    assert "time was up" in str(result.error_in_exec)


def test_an_interrupt_cancels_the_job(
    shell: InteractiveShell, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("notebooks.gpu_cell.time.sleep", interrupted)
    with capture_output() as shown:
        result = shell.run_cell("%%gpu\npass")
    assert isinstance(result.error_in_exec, KeyboardInterrupt)
    assert fake_slurm.job("1")["state"] == "CANCELLED"
    assert "is cancelled" in shown.outputs[-1].data["text/plain"]


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("--in x,y", "There is no 'x', 'y' in this notebook"),
        ("--in 1x", "'1x' is no name"),
        ("--profile gpu-99", "Choose from: cpu, gpu-1"),
        ("--time soon", "invalid int value: 'soon'"),
        ("--speed 9", "unrecognized arguments: --speed 9"),
        ("--time 99999", "time"),
    ],
)
def test_what_is_wrong_is_one_sentence(shell: InteractiveShell, fake_slurm: FakeSlurm, line: str, words: str) -> None:
    with capture_output():
        result = shell.run_cell(f"%%gpu {line}\npass")
    assert words in str(result.error_in_exec)
    assert fake_slurm.calls("sbatch") == []


def test_it_is_there_after_load_ext(shell: InteractiveShell) -> None:
    del shell.magics_manager.magics["cell"]["gpu"]
    with capture_output():
        assert shell.run_cell("%load_ext onramp").success
    assert "gpu" in shell.magics_manager.magics["cell"]
