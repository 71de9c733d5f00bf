"""What may become a run: a notebook that is one, in Python, and parameters that it has. Pure, apart from one read."""

import ast
import contextlib
import hashlib
import json
import re
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from spawners.run_checkpoint import is_checkpoint, names, text
from spawners.run_record import RunError

LARGEST = 100 * 1024 * 1024
SAVING = 2.0  # seconds that a save is waited for; a copy that is left for good, from a full disk, stops nobody
_ASSIGNED = re.compile(r"^([A-Za-z_]\w*)[ \t]*(?::[^=\n]*)?=(?!=)", re.MULTILINE)
_NO_CELL = (
    "{name} has no parameters cell, so {given} cannot be set: the values would land at the top of the notebook, and "
    "the notebook's own lines below would undo them. Select the cell that holds the defaults, open the property "
    "inspector (the gear at the right), add the cell tag `parameters`, save, and promote again."
)
_NO_SCRIPT_CELL = (
    "{name} has no parameters cell, so {given} cannot be set. Put the lines with the defaults between a line "
    '`# %% tags=["parameters"]` and a line `# %%`, and promote again.'
)
# What a person calls the kinds of values; a whole number may stand for any number.
_KINDS = {
    bool: "True or False",
    int: "a number",
    float: "a number",
    str: "a text",
    list: "a list",
    dict: "a dict",
    type(None): "None",
}
_PLAIN = (bool, int, float, str, type(None))


class Notebook(BaseModel, frozen=True, extra="forbid"):
    """A notebook or a script as it was found: its bytes, and the names its parameters cell sets (None: it has none).

    `defaults` are the values of those whose default is a plain one, `beside` files that lie in its run's folder too.
    """

    path: Path
    content: bytes
    parameters: tuple[str, ...] | None
    defaults: dict[str, Any] = {}
    beside: dict[str, bytes] = {}

    @property
    def sha256(self) -> str:
        """The content's digest."""
        return hashlib.sha256(self.content).hexdigest()


def read_notebook(path: Path) -> Notebook:
    """Read a notebook that can be run; RunError says what is wrong with it."""
    content = read_content(path)
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
    if not any(text(cell).strip() for cell in code):
        raise RunError(f"{path.name} has no code to run. Save it in JupyterLab (Ctrl + S), then promote it again.")
    _check_checkpoints(path.name, code)
    tagged = [cell for cell in code if "parameters" in cell.get("metadata", {}).get("tags", ())]
    names = names_of(text(tagged[0])) if tagged else None
    defaults = defaults_of(text(tagged[0])) if tagged else {}
    return Notebook(path=path, content=content, parameters=names, defaults=defaults)


def code_cells(notebook: Notebook) -> list[str]:
    """The text of each code cell; a script is one."""
    if notebook.path.suffix == ".py":
        return [notebook.content.decode()]
    return [text(cell) for cell in json.loads(notebook.content)["cells"] if cell["cell_type"] == "code"]


def check_parameters(notebook: Notebook, given: Mapping[str, object]) -> None:
    """RunError unless the notebook's parameters cell has each name, and each value can be written down."""
    name, quoted = notebook.path.name, ", ".join(f"'{key}'" for key in given)
    if given and notebook.parameters is None:
        no_cell = _NO_SCRIPT_CELL if notebook.path.suffix == ".py" else _NO_CELL
        raise RunError(no_cell.format(name=name, given=quoted))
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
        if not _alike(value, notebook.defaults.get(key)):
            default = notebook.defaults[key]
            raise RunError(
                f"Parameter '{key}' of {name} is {default!r}, {_KINDS[type(default)]}, and {value!r} is "
                f"{_KINDS[type(value)]}. Give {_KINDS[type(default)]}, or change the default in the parameters cell."
            )


def _check_checkpoints(name: str, code: Sequence[Mapping[str, Any]]) -> None:
    """RunError where a cell has the tag of a checkpoint and names nothing: that is known now, not on paid time."""
    for cell in filter(is_checkpoint, code):
        try:
            names(text(cell))
        except RunError as error:
            raise RunError(f"{name}: {error}") from None


def read_content(path: Path) -> bytes:
    """The bytes of a file of a notebook's size."""
    try:
        size = path.stat().st_size
        if size > LARGEST:
            raise RunError(
                f"{path.name} has {size // 1024**2} MiB; a notebook to run has at most {LARGEST // 1024**2} MiB. "
                "Clear its outputs (Edit → Clear Outputs of All Cells), and keep data in files of their own."
            )
        return _saved(path)
    except FileNotFoundError:
        what = "script" if path.suffix == ".py" else "notebook"
        suffix = ".py" if path.suffix == ".py" else ".ipynb"
        found = ", ".join(sorted(other.name for other in path.parent.glob(f"*{suffix}"))[:8]) or "none"
        raise RunError(f"There is no {what} {path}. {what.capitalize()}s in that folder: {found}.") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read: {error.strerror}.") from error


def _saved(path: Path) -> bytes:
    """The bytes of a file that JupyterLab may save at this moment: it empties it first, with a copy beside it."""
    copy, end = path.with_name(f".~{path.name}"), time.monotonic() + SAVING
    while True:
        before, content = copy.exists(), path.read_bytes()
        if time.monotonic() > end or not (before or copy.exists()):
            return content
        time.sleep(0.02)


def _language(metadata: Mapping[str, Any]) -> str:
    """The language a notebook names, Python where it names none."""
    return str(
        metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get("name") or "python"
    )


def names_of(source: str) -> tuple[str, ...]:
    """The names that a parameters cell sets, in order."""
    return tuple(dict.fromkeys(_ASSIGNED.findall(source)))


def defaults_of(source: str) -> dict[str, Any]:
    """The values that a parameters cell sets, as far as they are plain; none where it is no Python yet."""
    try:
        lines = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError):
        return {}
    found: dict[str, Any] = {}
    for line in lines:
        match line:
            case (
                ast.Assign(targets=[ast.Name(id=name)], value=value)
                | ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value)
            ):
                with contextlib.suppress(ValueError, TypeError, SyntaxError, RecursionError):
                    found[name] = ast.literal_eval(value)
    return found


def _alike(value: object, default: object) -> bool:
    """Whether a value may stand in for a default: numbers for numbers, nothing for anything, else the same kind."""
    if value is None or type(default) not in _KINDS or default is None:
        return True
    return _KINDS[type(value)] == _KINDS[type(default)]


def _is_plain(value: object) -> bool:
    """Whether YAML can hold the value and Python read it back the same."""
    if isinstance(value, list):
        return all(map(_is_plain, value))
    if isinstance(value, dict):
        return all(isinstance(key, str) and _is_plain(item) for key, item in value.items())
    return type(value) in _PLAIN
