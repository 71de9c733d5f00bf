"""A checkpoint: the variables that a cell tagged `checkpoint` names on its last line, kept in the run's folder.

`weights, epoch;` there is plain Python, which means nothing elsewhere. Saving and loading happen in the kernel; whoever
is ended meanwhile leaves the checkpoint before.
"""

import ast
import hashlib
import os
import pickle
import secrets
from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from spawners.run_record import RunError, write_whole

TAG = "checkpoint"
RECORD = "checkpoint.json"
_PARAMETERS = {"parameters", "injected-parameters"}
_DEFINES = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


class Checkpoint(BaseModel, frozen=True, extra="forbid"):
    """The last cell that need not run again, by its place among all cells, and the file of what it named."""

    cell: int
    variables: tuple[str, ...]
    file: str
    sha256: str


def is_checkpoint(cell: Mapping[str, Any]) -> bool:
    """Whether a cell bears the tag."""
    return cell["cell_type"] == "code" and TAG in cell.get("metadata", {}).get("tags", ())


def text(cell: Mapping[str, Any]) -> str:
    """A cell's source: nbformat allows a list of lines."""
    source = cell.get("source", "")
    return source if isinstance(source, str) else "".join(source)


def names(source: str) -> tuple[str, ...]:
    """The variables that a cell names on its last line; RunError where it names none."""
    match _statements(source)[-1:]:
        case [ast.Expr(value=ast.Name(id=name))]:
            return (name,)
        case [ast.Expr(value=ast.Tuple(elts=found))] if all(isinstance(one, ast.Name) for one in found) and found:
            return tuple(one.id for one in found if isinstance(one, ast.Name))
    raise RunError(
        f"A cell with the tag `{TAG}` ends with a line that names the variables to keep, for example `weights, epoch;`."
        f" This one ends otherwise: {source.strip()[-80:]!r}. Add such a line, or take the tag away."
    )


def definitions(cells: Sequence[Mapping[str, Any]]) -> str:
    """What must be there before variables are loaded: parameters, imports, functions and classes of these cells."""
    return "\n".join(part for cell in cells if cell["cell_type"] == "code" for part in _definitions(cell))


def save(folder: str, cell: int, variables: Mapping[str, object]) -> None:
    """Keep these variables in place of those of the checkpoint before; runs in the kernel."""
    place = Path(folder)
    fresh = place / f"checkpoint-{secrets.token_hex(4)}.pickle"
    try:
        with fresh.open("xb") as file:
            pickle.dump(dict(variables), file)
            file.flush()
            os.fsync(file.fileno())
        kept = Checkpoint(cell=cell, variables=tuple(variables), file=fresh.name, sha256=_digest(fresh))
        write_whole(place / RECORD, kept.model_dump_json() + "\n")
    except BaseException:
        fresh.unlink(missing_ok=True)
        raise
    for other in place.glob("checkpoint-*.pickle"):
        if other.name != fresh.name:
            other.unlink(missing_ok=True)


def load(folder: str, namespace: MutableMapping[str, object]) -> None:
    """Put what was kept into a namespace; runs in the kernel. RunError where it is not what was kept."""
    kept = last(Path(folder))
    if kept is None or _digest(Path(folder, kept.file)) != kept.sha256:
        raise RunError("the checkpoint is not what was saved: its sha256 is another")
    with Path(folder, kept.file).open("rb") as file:
        namespace.update(pickle.load(file))  # noqa: S301 - written by this person's own run


def last(folder: Path) -> Checkpoint | None:
    """The checkpoint of a run; None where it has none that can be read."""
    try:
        return Checkpoint.model_validate_json((folder / RECORD).read_bytes())
    except (OSError, ValidationError):
        return None


def saving(folder: Path, cell: int, variables: Sequence[str]) -> str:
    """The code that has the kernel save."""
    pairs = ", ".join(f"{name!r}: {name}" for name in variables)
    return f"__import__({__name__!r}, fromlist=['save']).save({str(folder)!r}, {cell}, {{{pairs}}})"


def loading(folder: Path, count: int) -> str:
    """The code that has the kernel load, and number its cells on from `count`."""
    return (
        f"__import__({__name__!r}, fromlist=['load']).load({str(folder)!r}, globals())\n"
        f"get_ipython().execution_count = {count + 1}"
    )


def _definitions(cell: Mapping[str, Any]) -> Iterator[str]:
    source = text(cell)
    if _PARAMETERS & set(cell["metadata"].get("tags", ())):
        yield source
    else:
        yield from (ast.unparse(one) for one in _statements(source) if isinstance(one, _DEFINES))


def _statements(source: str) -> list[ast.stmt]:
    """A cell's statements, IPython's own lines among them; none where it is no Python."""
    # Only now: whoever promotes a notebook without checkpoints needs none of this.
    from IPython.core.inputtransformer2 import TransformerManager

    try:
        return ast.parse(TransformerManager().transform_cell(source)).body
    except (SyntaxError, ValueError, RecursionError):
        return []


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
