"""What a learner wrote: the answers in a submitted notebook, as text and never as anything else. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

TEXT = 20_000  # characters of one cell that are looked at; nobody writes, or reads, more in one answer


class Written(BaseModel, frozen=True):
    """The source of one cell; `code` tells a program from Markdown. `cut` where only its beginning is here."""

    source: str
    code: bool = True
    cut: bool = False


def answers(content: bytes) -> Mapping[str, Written]:
    """Return the solution cells of a notebook by their grade_id; of a cell that was copied, the last, as it is graded.

    Whatever else the file holds is passed over: it was written by anybody.
    """
    return {name: _written(cell) for name, cell, about in _known(content) if about.get("solution") is True}


def questions(content: bytes) -> Mapping[str, str]:
    """Return, by the grade_id of each solution cell of a source notebook, the Markdown that stands before it."""
    found, text = {}, ""
    for cell in _cells(content):
        about = _about(cell)
        if about.get("solution") is True:
            found[str(about.get("grade_id"))] = text
        elif cell.get("cell_type") == "markdown":
            text = _written(cell).source
    return found


def points(content: bytes) -> Mapping[str, float]:
    """Return what each graded cell of a source notebook is worth, by its grade_id."""
    found = ((name, about.get("points")) for name, _, about in _known(content) if about.get("grade") is True)
    return {name: float(worth) for name, worth in found if isinstance(worth, int | float)}


def printable(text: str) -> str:
    """Return text without what would steer a terminal; its lines stay."""
    return "".join(one if one.isprintable() or one in "\n\t" else "\ufffd" for one in text)


def _known(content: bytes) -> list[tuple[str, dict[str, Any], dict[str, Any]]]:
    cells = [(cell, _about(cell)) for cell in _cells(content)]
    return [(str(about["grade_id"]), cell, about) for cell, about in cells if "grade_id" in about]


def _cells(content: bytes) -> list[dict[str, Any]]:
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):
        return []
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    return [cell for cell in cells if isinstance(cell, dict)] if isinstance(cells, list) else []


def _about(cell: Mapping[str, Any]) -> dict[str, Any]:
    """Return what nbgrader knows of a cell."""
    metadata = cell.get("metadata")
    about = metadata.get("nbgrader") if isinstance(metadata, dict) else None
    return about if isinstance(about, dict) else {}


def _written(cell: Mapping[str, Any]) -> Written:
    source = cell.get("source", "")
    lines = source if isinstance(source, list) else [source]
    text = "".join(line for line in lines if isinstance(line, str))
    return Written(source=text[:TEXT], code=cell.get("cell_type") == "code", cut=len(text) > TEXT)
