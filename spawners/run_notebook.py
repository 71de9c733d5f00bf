"""What may become a run: a notebook that is one, in Python, and parameters that it has. Pure, apart from one read."""

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from spawners.run_record import RunError

LARGEST = 100 * 1024 * 1024
_ASSIGNED = re.compile(r"^([A-Za-z_]\w*)[ \t]*(?::[^=\n]*)?=(?!=)", re.MULTILINE)
_NO_CELL = (
    "{name} has no parameters cell, so {given} cannot be set: the values would land at the top of the notebook, and "
    "the notebook's own lines below would undo them. Select the cell that holds the defaults, open the property "
    "inspector (the gear at the right), add the cell tag `parameters`, save, and promote again."
)
_PLAIN = (bool, int, float, str, type(None))


class Notebook(BaseModel, frozen=True, extra="forbid"):
    """A notebook as it was found: its bytes, and the names its parameters cell sets (None: it has no such cell)."""

    path: Path
    content: bytes
    parameters: tuple[str, ...] | None

    @property
    def sha256(self) -> str:
        """The content's digest."""
        return hashlib.sha256(self.content).hexdigest()


def read_notebook(path: Path) -> Notebook:
    """Read a notebook that can be run; RunError says what is wrong with it."""
    content = _content(path)
    try:
        notebook = json.loads(content)
        cells = notebook["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        language = _language(notebook.get("metadata", {}))
    except (ValueError, RecursionError) as error:
        raise RunError(f"{path.name} is not a notebook: it is not JSON ({error}). Save it as .ipynb again.") from None
    except (KeyError, TypeError, AttributeError):
        raise RunError(f"{path.name} is not a notebook: it is JSON, but has no list of cells (nbformat 4).") from None
    if language.casefold() != "python":
        raise RunError(f"{path.name} is written in {language}; runs execute notebooks in Python only.")
    if not any(_source(cell).strip() for cell in code):
        raise RunError(f"{path.name} has no code to run. Save it in JupyterLab (Ctrl + S), then promote it again.")
    tagged = [cell for cell in code if "parameters" in cell.get("metadata", {}).get("tags", ())]
    names = tuple(dict.fromkeys(_ASSIGNED.findall(_source(tagged[0])))) if tagged else None
    return Notebook(path=path, content=content, parameters=names)


def check_parameters(notebook: Notebook, given: Mapping[str, object]) -> None:
    """RunError unless the notebook's parameters cell has each name, and each value can be written down."""
    name, quoted = notebook.path.name, ", ".join(f"'{key}'" for key in given)
    if given and notebook.parameters is None:
        raise RunError(_NO_CELL.format(name=name, given=quoted))
    unknown = [key for key in given if key not in (notebook.parameters or ())]
    if unknown:
        choices = ", ".join(notebook.parameters or ()) or "none; its parameters cell sets nothing"
        raise RunError(f"{name} has no parameter {', '.join(map(repr, unknown))}. Choose from: {choices}.")
    for key, value in given.items():
        if not _is_plain(value):
            raise RunError(
                f"Parameter '{key}' is a {type(value).__name__}. A parameter is written down with the run, so it is "
                "None, a number, a text, True or False, or a list or dict of these. For data, give the path of a file."
            )


def _content(path: Path) -> bytes:
    """The bytes of a file of a notebook's size."""
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise RunError(
                f"{path.name} has {size // 1024**2} MiB; a notebook to run has at most {LARGEST // 1024**2} MiB. "
                "Clear its outputs (Edit → Clear Outputs of All Cells), and keep data in files of their own."
            )
        return path.read_bytes()
    except FileNotFoundError:
        found = ", ".join(sorted(other.name for other in path.parent.glob("*.ipynb"))[:8]) or "none"
        raise RunError(f"There is no notebook {path}. Notebooks in that folder: {found}.") from None
    except OSError as error:
        raise RunError(f"The notebook {path} cannot be read: {error.strerror}.") from error


def _language(metadata: Mapping[str, Any]) -> str:
    """The language a notebook names, Python where it names none."""
    return str(
        metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name") or "python"
    )


def _source(cell: Mapping[str, Any]) -> str:
    """A cell's text: nbformat allows a list of lines."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def _is_plain(value: object) -> bool:
    """Whether YAML can hold the value and Python read it back the same."""
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return type(value) in _PLAIN
