"""A checkpoint: which lines name variables, what comes back by itself, and that a file is whole or not used."""

import os
import pickle
from pathlib import Path

import pytest

from spawners.run_checkpoint import definitions, last, load, loading, names, save, saving
from spawners.run_record import RunError
from tests.spawners.a_run import cell


@pytest.mark.parametrize(
    ("source", "named"),
    [
        ("weights", ("weights",)),
        ("weights, epoch;", ("weights", "epoch")),
        ("print(1)\n(a, b)  # both", ("a", "b")),
        ("%matplotlib inline\na,", ("a",)),
    ],
)
def test_the_last_line_names_variables(source: str, named: tuple[str, ...]) -> None:
    assert names(source) == named


@pytest.mark.parametrize(
    "source", ["", "# weights", "weights = 1", "a.b", "a, 1", "()", "train(", "'weights'", "a, *b"]
)
def test_any_other_line_is_refused_with_an_example(source: str) -> None:
    with pytest.raises(RunError, match="for example `weights, epoch;`"):
        names(source)


def test_parameters_imports_functions_and_classes_come_back(tmp_path: Path) -> None:
    cells = [
        cell("epochs = 3", "parameters"),
        cell("epochs = 5", "injected-parameters"),
        cell("%matplotlib inline\nimport math\nslow = print('never')\ndef area(r):\n    return math.pi * r"),
        cell("not python at all("),
        {"cell_type": "markdown", "metadata": {}, "source": "import none"},
        cell("class Net:\n    pass\nnet = Net()"),
    ]
    namespace: dict[str, object] = {}
    exec(definitions(cells), namespace)
    assert namespace["epochs"] == 5
    assert {"math", "area", "Net"} <= namespace.keys()
    assert not {"slow", "net"} & namespace.keys()


def test_what_is_saved_is_loaded_and_the_one_before_is_gone(tmp_path: Path) -> None:
    save(str(tmp_path), 2, {"epoch": 1})
    save(str(tmp_path), 4, {"epoch": 2, "words": ["é"]})
    namespace: dict[str, object] = {"epoch": 0}
    load(str(tmp_path), namespace)
    assert namespace == {"epoch": 2, "words": ["é"]}
    kept = last(tmp_path)
    assert kept is not None
    assert (kept.cell, kept.variables) == (4, ("epoch", "words"))
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([kept.file, "checkpoint.json"])


def test_what_cannot_be_saved_leaves_the_one_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save(str(tmp_path), 2, {"epoch": 1})
    with pytest.raises((AttributeError, pickle.PicklingError)):
        save(str(tmp_path), 4, {"rows": lambda: 1})

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        save(str(tmp_path), 4, {"epoch": 2})
    namespace: dict[str, object] = {}
    load(str(tmp_path), namespace)
    assert (namespace, len(list(tmp_path.iterdir()))) == ({"epoch": 1}, 2)


def test_a_changed_file_is_not_loaded(tmp_path: Path) -> None:
    save(str(tmp_path), 2, {"epoch": 1})
    kept = last(tmp_path)
    assert kept is not None
    (tmp_path / kept.file).write_bytes(pickle.dumps({"epoch": 9}))
    namespace: dict[str, object] = {}
    with pytest.raises(RunError, match="its sha256 is another"):
        load(str(tmp_path), namespace)
    assert namespace == {}
    (tmp_path / "checkpoint.json").write_text("{")
    assert last(tmp_path) is None


def test_the_kernels_code_names_nothing_of_its_own(tmp_path: Path) -> None:
    namespace: dict[str, object] = {"epoch": 7, "get_ipython": lambda: pytest}
    before = set(namespace)
    exec(saving(tmp_path, 1, ("epoch",)), namespace)
    namespace["epoch"] = 0
    exec(loading(tmp_path, 3).partition("\n")[0], namespace)
    assert namespace["epoch"] == 7
    assert set(namespace) - before == {"__builtins__"}
