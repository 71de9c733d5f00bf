"""One cell as a run: a small notebook around it, and its values, which lie pickled in the run's folder.

The folder is its owner's alone, and so is what they unpickle.
"""

import json
import os
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

import cloudpickle

from spawners.run_fit import size
from spawners.run_notebook import Notebook
from spawners.run_record import INSIDE, RunError

INPUTS, OUTPUTS = "inputs.pickle", "outputs.pickle"
# What a cell may take along: more than this is quicker as a file, which is not read and written twice.
MOST = 1024**3
# Which of the notebook's cells is the person's own: the first fetches its values, the last leaves what came of it.
OWN = 1
_TAKE = "from spawners.run_cell import take\n\nglobals().update(take())"
_LEAVE = "from spawners.run_cell import leave\n\nleave(globals(), {names!r})"


def cell_notebook(source: str, values: Mapping[str, object], wanted: Sequence[str], folder: Path) -> Notebook:
    """The notebook that runs `source` in `folder` with these values, and leaves those that are `wanted`; RunError."""
    carried = _pickled(values)
    cells = [_code("take", _TAKE), _code("cell", source), _code("leave", _LEAVE.format(names=tuple(wanted)))]
    # With other values it is another run, also within seconds.
    metadata = {"onramp": {"inputs_sha256": sha256(carried).hexdigest()}}
    content = {"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells}
    return Notebook(
        path=folder / "gpu-cell.ipynb",
        content=json.dumps(content).encode(),
        parameters=None,
        beside={INPUTS: carried},
    )


def take() -> dict[str, object]:
    """In the run: the values that the cell was given."""
    values: dict[str, object] = cloudpickle.loads((_folder() / INPUTS).read_bytes())
    return values


def leave(names: Mapping[str, object], wanted: Sequence[str]) -> None:
    """In the run: leave the values that are wanted of it."""
    missing = [name for name in wanted if name not in names]
    if missing:
        raise NameError(f"The cell has made no {', '.join(map(repr, missing))}, which --out names.")
    (_folder() / OUTPUTS).write_bytes(_pickled({name: names[name] for name in wanted}))


def left(folder: Path) -> dict[str, object]:
    """The values that a cell has left in its run's folder; RunError where they cannot be had here."""
    try:
        values: dict[str, object] = cloudpickle.loads((folder / OUTPUTS).read_bytes())
    except Exception as error:
        raise RunError(
            f"What the cell has made cannot be had here: {type(error).__name__}: {error} "
            "Where it lies on a GPU, bring it to the CPU in the cell, for example with x = x.cpu()."
        ) from error
    return values


def _pickled(values: Mapping[str, object]) -> bytes:
    """Values as bytes; RunError names the first that cannot be carried, or says that they are too large."""
    for name, value in values.items():
        try:
            cloudpickle.dumps(value)
        except Exception as error:
            raise RunError(
                f"'{name}', a {type(value).__name__}, cannot be carried to another process: {error}. "
                "Make it in the cell, or write it to a file and give the path."
            ) from error
    carried: bytes = cloudpickle.dumps(dict(values))
    if len(carried) > MOST:
        raise RunError(
            f"{', '.join(values)} have {size(len(carried))}; a cell carries at most {size(MOST)}. Write them to a "
            "file, and give its path."
        )
    return carried


def _folder() -> Path:
    return Path(os.environ[INSIDE])


def _code(name: str, source: str) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "id": name,
        "execution_count": None,
        "metadata": {},
        "outputs": [],
        "source": source,
    }
