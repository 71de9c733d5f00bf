"""What may become a run, and the sentence for each thing that may not."""

import threading
import time
from pathlib import Path

import pytest
from jupyter_server.services.contents.fileio import atomic_writing

from spawners import run_notebook
from spawners.run_notebook import LARGEST, Notebook, check_parameters, read_notebook
from spawners.run_record import RunError
from tests.spawners.a_run import notebook


def test_a_notebook_is_read_with_the_names_its_parameters_cell_sets(tmp_path: Path) -> None:
    source = "epochs = 3\nrate: float = 0.1\n# old = 1\nif epochs == 3:\n    inner = 1\n"
    found = read_notebook(notebook(tmp_path / "n.ipynb", ["print(1)"], parameters=source))
    assert found.parameters == ("epochs", "rate")
    check_parameters(found, {"epochs": 5, "rate": 1e-3})
    check_parameters(found, {})


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("hello", "is not a notebook: it is not JSON"),
        ("", "is not a notebook: it is not JSON"),
        ("[]", "has no list of cells"),
        ('{"cells": 7}', "has no list of cells"),
        ('{"cells": [{}]}', "has no list of cells"),
        ('{"cells": []}', "has no code to run"),
        ("[" * 100_000, "is not a notebook: it is not JSON"),
    ],
)
def test_what_is_no_notebook_is_said(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text(content)
    with pytest.raises(RunError, match=r"^n\.ipynb") as error:
        read_notebook(path)
    assert words in str(error.value)


def test_a_notebook_that_is_being_saved_is_read_when_that_is_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JupyterLab's own writer, stopped in the middle: the file is empty, and what was in it stands beside it."""
    path = notebook(tmp_path / "n.ipynb", ["print(1)"])
    whole = path.read_text()
    read: list[bytes] = []
    with atomic_writing(path) as file:
        reader = threading.Thread(target=lambda: read.append(read_notebook(path).content))
        reader.start()
        time.sleep(0.1)
        assert (path.read_bytes(), read) == (b"", [])
        file.write(whole)
    reader.join()
    assert read == [whole.encode()]

    monkeypatch.setattr(run_notebook, "SAVING", 0.05)
    (tmp_path / ".~n.ipynb").write_text("left behind")
    assert read_notebook(path).content == whole.encode()


def test_bytes_that_are_no_text_are_no_notebook(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    path.write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(RunError, match="is not JSON"):
        read_notebook(path)


def test_another_language_is_said(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="is written in R; runs execute notebooks in Python only"):
        read_notebook(notebook(tmp_path / "n.ipynb", ["x <- 1"], language="R"))


def test_a_missing_notebook_names_those_there_are(tmp_path: Path) -> None:
    notebook(tmp_path / "train.ipynb", ["1"])
    with pytest.raises(RunError, match=r"There is no notebook .*trian\.ipynb.*: train\.ipynb\."):
        read_notebook(tmp_path / "trian.ipynb")


def test_a_folder_is_no_notebook(tmp_path: Path) -> None:
    with pytest.raises(RunError, match="cannot be read: Is a directory"):
        read_notebook(tmp_path)


def test_a_huge_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "n.ipynb"
    with path.open("wb") as file:
        file.truncate(LARGEST * 10)
    with pytest.raises(RunError, match=r"has 1000 MiB; .* at most 100 MiB"):
        read_notebook(path)


def test_parameters_need_a_parameters_cell(tmp_path: Path) -> None:
    found = read_notebook(notebook(tmp_path / "n.ipynb", ["epochs = 3"], parameters=None))
    check_parameters(found, {})
    with pytest.raises(RunError, match=r"has no parameters cell, so 'epochs' cannot be set.*cell tag `parameters`"):
        check_parameters(found, {"epochs": 5})


def test_an_unknown_parameter_is_refused_with_the_choices(tmp_path: Path) -> None:
    found = read_notebook(notebook(tmp_path / "n.ipynb", ["1"]))
    with pytest.raises(RunError, match=r"no parameter 'epoch'\. Choose from: epochs, rate\."):
        check_parameters(found, {"epoch": 5})


@pytest.mark.parametrize("value", [object(), {1: 2}, [object()], (1, 2), b"x", {"a": {1, 2}}])
def test_a_value_that_cannot_be_written_down_is_refused(tmp_path: Path, value: object) -> None:
    found = read_notebook(notebook(tmp_path / "n.ipynb", ["1"]))
    with pytest.raises(RunError, match="Parameter 'epochs' is a "):
        check_parameters(found, {"epochs": value})
    check_parameters(notebook_with(tmp_path, "epochs = []"), {"epochs": [1, None, {"a": "b"}, 1.5, True]})


def notebook_with(tmp_path: Path, parameters: str) -> Notebook:
    """A notebook whose parameters cell is this."""
    return read_notebook(notebook(tmp_path / "p.ipynb", ["1"], parameters=parameters))


@pytest.mark.parametrize(
    ("cell", "value", "words"),
    [
        ("epochs = 3", "abc", "is 3, a number, and 'abc' is a text. Give a number"),
        ("epochs: int = 3", True, "is 3, a number, and True is True or False"),
        ("epochs = False", 1, "is False, True or False, and 1 is a number"),
        ("epochs = 'a'", 1, "is 'a', a text, and 1 is a number"),
        ("epochs = [1]", "1,2", "is [1], a list, and '1,2' is a text"),
    ],
)
def test_a_value_of_another_kind_than_the_default_is_refused(
    tmp_path: Path, cell: str, value: object, words: str
) -> None:
    with pytest.raises(RunError) as error:
        check_parameters(notebook_with(tmp_path, cell), {"epochs": value})
    assert words in str(error.value)


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("epochs = 3", 0.5),
        ("epochs = 0.5", 3),
        ("epochs = 3", None),
        ("epochs = None", "all"),
        ("epochs = 2 * 3", "abc"),
        ("epochs = (1, 2)", [1]),
        ("epochs = 3\nbroken(", "abc"),
        ("epochs = {1: 2}", {"a": 1}),
    ],
)
def test_a_value_that_may_well_be_meant_is_taken(tmp_path: Path, cell: str, value: object) -> None:
    check_parameters(notebook_with(tmp_path, cell), {"epochs": value})
