"""A cell as a run: a real kernel runs the notebook around it, and values go in and come out."""

from pathlib import Path
from threading import Lock

import numpy as np
import pytest

from spawners import run_cell
from spawners import run_record as files
from spawners.run_cell import cell_notebook, leave, left
from spawners.run_record import INSIDE, RunError
from tests.spawners.test_run_node import Folder, finish, folder

__all__ = ["folder"]


def run(folder: Folder, tmp_path: Path, source: str, values: dict[str, object], *wanted: str) -> tuple[int, str, Path]:
    """Run a cell as its job does: the exit code, the log, the run's folder."""
    notebook = cell_notebook(source, values, wanted, tmp_path)
    path = folder()
    (path / files.INPUT).write_bytes(notebook.content)
    for name, content in notebook.beside.items():
        (path / name).write_bytes(content)
    code, log, _ = finish(path)
    return code, log, path


def test_values_of_every_kind_go_in_and_come_out(folder: Folder, tmp_path: Path) -> None:
    """Also a function that was made in the notebook itself, which pickle alone cannot carry."""
    values = {"x": np.arange(3), "double": lambda value: 2 * value}
    code, log, path = run(folder, tmp_path, "y = double(x)\nprint('here', y.sum())", values, "y", "x")
    assert (code, log.splitlines()[0]) == (0, "here 6"), log
    found = left(path)
    assert {name: list(value) for name, value in found.items()} == {"y": [0, 2, 4], "x": [0, 1, 2]}  # type: ignore[call-overload]


def test_a_name_that_the_cell_did_not_make_is_said(folder: Folder, tmp_path: Path) -> None:
    code, log, path = run(folder, tmp_path, "y = 1", {}, "y", "z")
    assert code == 1
    assert "The cell has made no 'z', which --out names." in log
    with pytest.raises(RunError, match="cannot be had here: FileNotFoundError"):
        left(path)


def test_what_cannot_be_carried_is_named(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="'held', a lock, cannot be carried to another process"):
        cell_notebook("1", {"x": 1, "held": Lock()}, (), tmp_path)


def test_what_is_too_much_to_carry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_cell, "MOST", 1024**2)
    with pytest.raises(RunError, match="x have 2 MiB; a cell carries at most 1 MiB"):
        cell_notebook("1", {"x": bytes(2 * 1024**2)}, (), tmp_path)


def test_other_values_are_another_run(tmp_path: Path) -> None:
    one, same, other = (cell_notebook("1", {"x": value}, (), tmp_path).sha256 for value in (1, 1, 2))
    assert one == same != other


def test_what_was_left_and_cannot_be_read_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(INSIDE, str(tmp_path))
    leave({"x": 1}, ["x"])
    assert left(tmp_path) == {"x": 1}
    (tmp_path / "outputs.pickle").write_bytes(b"no pickle")
    with pytest.raises(RunError, match=r"x = x.cpu\(\)"):
        left(tmp_path)
