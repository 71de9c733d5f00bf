"""Scripts with a parameters cell: read, given values, made of a notebook."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from spawners.run_notebook import check_parameters
from spawners.run_record import RunError
from spawners.run_script import read_script, to_script, with_parameters
from tests.spawners.a_run import notebook

SCRIPT = '"""Train."""\n# %% tags=["parameters"]\nepochs = 2\nrate: float = 0.1\n\n# %%\nprint(epochs, rate)\n'


def script(path: Path, text: str = SCRIPT) -> Path:
    path.write_text(text)
    return path


def test_its_parameters_are_found_with_their_defaults(tmp_path: Path) -> None:
    found = read_script(script(tmp_path / "train.py"))
    assert (found.parameters, found.defaults) == (("epochs", "rate"), {"epochs": 2, "rate": 0.1})
    check_parameters(found, {"epochs": 3})
    with pytest.raises(RunError, match=r"train\.py has no parameter 'epoch'\. Choose from: epochs, rate\."):
        check_parameters(found, {"epoch": 3})


@pytest.mark.parametrize(
    "values", [{}, {"epochs": 5}, {"epochs": 5, "rate": 1e-9}, {"rate": "a 'quoted'\n\"text\" # %%"}]
)
def test_given_values_stand_in_for_defaults(values: dict[str, object], capfd: pytest.CaptureFixture[str]) -> None:
    subprocess.run([sys.executable, "-c", with_parameters(SCRIPT, values)], check=True)
    wanted = {"epochs": 2, "rate": 0.1} | values
    assert capfd.readouterr().out == f"{wanted['epochs']} {wanted['rate']}\n"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("def f(:\n", "is no Python as it stands: line 1"),
        ("x = '\0'\n", "is no Python as it stands"),
        ('# %% tags=["parameters"]\nepochs = 1\nprint(epochs)\n', "has no end. Put a line `# %%` below"),
    ],
)
def test_what_is_no_script_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(RunError) as error:
        read_script(script(tmp_path / "train.py", text))
    assert words in str(error.value)


def test_bytes_that_are_no_text_and_a_file_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "train.py").write_bytes(b"\xff\xfe")
    with pytest.raises(RunError, match="not text in UTF-8"):
        read_script(tmp_path / "train.py")
    with pytest.raises(RunError, match=r"There is no script .*other\.py\. Scripts in that folder: train\.py\."):
        read_script(tmp_path / "other.py")


def test_without_a_parameters_cell_nothing_can_be_set(tmp_path: Path) -> None:
    found = read_script(script(tmp_path / "train.py", "epochs = 2\n"))
    check_parameters(found, {})
    with pytest.raises(RunError, match="Put the lines with the defaults between a line `# %% tags="):
        check_parameters(found, {"epochs": 3})


def test_a_notebook_becomes_a_script_with_its_parameters(tmp_path: Path) -> None:
    made = to_script(notebook(tmp_path / "Train.ipynb", ["print('epochs', epochs)"]))
    assert made == tmp_path / "Train.py"
    assert read_script(made).defaults == {"epochs": 3, "rate": 0.1}
    ast.parse(with_parameters(made.read_text(), {"epochs": 9}))
    with pytest.raises(RunError, match=r"Train\.py is there already\. Give another name"):
        to_script(tmp_path / "Train.ipynb")


def test_a_notebook_whose_parameters_are_all_it_has(tmp_path: Path) -> None:
    """Nothing follows the parameters cell, whose end is written all the same."""
    made = to_script(notebook(tmp_path / "n.ipynb", []), tmp_path / "s.py")
    assert read_script(made).parameters == ("epochs", "rate")


@pytest.mark.parametrize("line", ["%matplotlib inline", "!pip install x", "y = !ls"])
def test_what_only_a_notebook_understands_is_named(tmp_path: Path, line: str) -> None:
    with pytest.raises(RunError, match="a line that only a notebook understands: `"):
        to_script(notebook(tmp_path / "n.ipynb", [line]))
    assert not (tmp_path / "n.py").exists()
