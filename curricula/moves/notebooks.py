"""One source notebook of nbgrader's as it is taken: in today's format, its pictures within, for the kernel there is."""

import base64
import json
import re
from collections.abc import Mapping, Sequence
from pathlib import PurePath

import nbformat
from nbformat import NotebookNode
from nbgrader.nbgraderformat import MetadataValidator

from curricula.moves.files import MoveError

KERNEL = {"name": "python3", "display_name": "Python 3 (ipykernel)", "language": "python"}
PICTURES = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".gif": "image/gif"}
_FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def read_notebook(name: str, content: bytes) -> tuple[NotebookNode, list[str]]:
    """Return a notebook in format 4.5 with nbgrader's present metadata, and what was changed. Raises MoveError."""
    try:
        found = json.loads(content)
        before = (found["nbformat"], found.get("nbformat_minor", 0))
        notebook = nbformat.v4.upgrade(nbformat.reads(content.decode(), as_version=4))
        nbformat.validate(notebook)
    except Exception as error:  # noqa: BLE001 - nbformat raises whatever a strange notebook makes it raise
        said = (str(error).splitlines() or [""])[0][:120]
        raise MoveError(
            f"{name} is not a notebook that Jupyter can read ({said}). Save it anew in JupyterLab"
        ) from None
    notes = [f"format {before[0]}.{before[1]} → 4.5"] if before[0] < 4 else []
    return notebook, [*notes, *_renewed(notebook)]


def _renewed(notebook: NotebookNode) -> list[str]:
    """Renew nbgrader's metadata in place, by its own rules, and say from which version."""
    old = set()
    for cell in notebook.cells:
        about = cell.metadata.get("nbgrader")
        if isinstance(about, dict) and (version := about.get("schema_version", 0)) in (0, 1, 2):
            old.add(version)
            try:
                MetadataValidator().upgrade_cell_metadata(cell)
            except (ValueError, TypeError, KeyError) as error:
                raise MoveError(f"nbgrader cannot renew its metadata ({error}). Set its cells' types anew") from None
    return [f"nbgrader metadata {', '.join(map(str, sorted(old)))} → 3"] if old else []


def for_our_kernel(notebook: NotebookNode) -> list[str]:
    """Have the notebook run by the kernel that servers here have, in place; say what it was."""
    before = str(notebook.metadata.get("kernelspec", {}).get("name", ""))
    notebook.metadata["kernelspec"] = NotebookNode(KERNEL)
    return [f"kernel {before} → python3"] if before not in ("", "python3", "python") else []


def framed(notebook: NotebookNode, header: Sequence[NotebookNode], footer: Sequence[NotebookNode]) -> None:
    """Put the course's header before the notebook and its footer after it, in place, as nbgrader does."""
    notebook.cells = [*header, *notebook.cells, *footer]


def with_pictures(notebook: NotebookNode, pictures: Mapping[str, bytes]) -> set[str]:
    """Put pictures that lie beside it into the notebook's texts, in place; return which of them it shows.

    An answer's cell is left as it is, since the picture would stay when the answer is taken out.
    """
    shown = set()
    for cell in notebook.cells:
        if cell.cell_type == "markdown" and not cell.metadata.get("nbgrader", {}).get("solution"):
            for name in pictures:
                if _show(cell, name, pictures[name]):
                    shown.add(name)
    return shown


def _show(cell: NotebookNode, name: str, content: bytes) -> bool:
    """Put one picture into a text that shows it."""
    link = re.compile(rf"(!\[[^\]]*\]\()(?:\./)?{re.escape(name)}(?=[)\s])")
    if not link.search(_FENCE.sub("", cell.source)):
        return False
    inside = re.sub(r"[^A-Za-z0-9._-]", "-", PurePath(name).name)
    cell.source = link.sub(rf"\1attachment:{inside}", cell.source)
    kind = PICTURES[PurePath(name).suffix.lower()]
    cell.setdefault("attachments", NotebookNode())[inside] = {kind: base64.b64encode(content).decode()}
    return True
