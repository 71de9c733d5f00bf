"""Assignments of an nbgrader course as they can be taken: each whole, or not at all and by name."""

import copy
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path, PurePath

import nbformat
from nbformat import NotebookNode
from pydantic import BaseModel, ConfigDict

from curricula.course import Assignment, CourseError
from curricula.moves.config import Config
from curricula.moves.faults import faults
from curricula.moves.files import MoveError, listed, read_plain
from curricula.moves.notebooks import PICTURES, for_our_kernel, framed, read_notebook, with_pictures
from curricula.release import generate

_MOST = 20_000_000  # bytes of one notebook or picture: what an assignment takes if it does not say otherwise
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*", re.ASCII)


class Frozen(BaseModel):
    """What came of an import; nothing of it changes."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)


class Taken(Frozen):
    """One assignment that is taken, and what was changed on the way."""

    assignment: Assignment
    notebook: NotebookNode
    notes: tuple[str, ...] = ()

    @property
    def tests(self) -> list[NotebookNode]:
        """The cells that have points: tests, and what a person marks."""
        known = ((cell, cell.metadata.get("nbgrader", {})) for cell in self.notebook.cells)
        return [cell for cell, about in known if about.get("grade") or about.get("task")]


class Left(Frozen):
    """What was not taken: an assignment or something else of the course, why, and what to do."""

    name: str
    why: tuple[str, ...]


class Frame(Frozen):
    """What the whole course puts into each notebook, and its own marks."""

    header: tuple[NotebookNode, ...] = ()
    footer: tuple[NotebookNode, ...] = ()
    markers: tuple[str, ...] = ()


def frame_of(folder: Path, config: Config) -> Frame:
    """Read the notebooks that nbgrader_config.py puts before and after each assignment's. Raises MoveError."""
    found = {}
    for part in ("header", "footer"):
        if name := config.text(f"IncludeHeaderFooter.{part}"):
            path = folder / name
            if folder.resolve() not in path.resolve().parents:
                raise MoveError(f"The {part} {ascii(name)[:80]} lies outside the course: copy it into its folder.")
            found[part] = tuple(read_notebook(name, read_plain(path, _MOST))[0].cells)
    return Frame(**found, markers=config.markers)


def take(
    folder: Path, due: Mapping[str, datetime], frame: Frame, *, split: bool = False
) -> tuple[list[Taken], list[Left]]:
    """Take the assignment in `source/<name>`: all of it, or nothing and why."""
    try:
        name = _name(folder.name)
        files = {str(path.relative_to(folder)): path for path in listed(folder)}
        notebooks = [one for one in files if one.endswith(".ipynb")]
        if split is False or len(notebooks) < 2:
            _one(notebooks)
        taken, shown = [], set()
        pictures = _pictures(files)
        for one in notebooks:
            whole = name if len(notebooks) == 1 else _name(f"{name}-{PurePath(one).stem}")
            title = folder.name if len(notebooks) == 1 else f"{folder.name}: {PurePath(one).stem}"
            about = {"name": whole, "title": title, "due": due.get(folder.name)}
            made, here = _taken(one, read_plain(files[one], _MOST), about, frame, pictures)
            taken.append(made)
            shown |= here
        if extra := sorted({*files} - {*notebooks} - shown):
            raise MoveError(_extra(extra))
    except CourseError as error:
        return [], [Left(name=folder.name, why=tuple(str(error).splitlines()))]
    return taken, []


def _name(text: str) -> str:
    """Return an nbgrader name as ours: lower-case letters, digits and hyphens. Raises MoveError."""
    name = re.sub(r"[ ._-]+", "-", text.lower()).strip("-")
    if not _NAME.fullmatch(text) or not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,40}", name):
        raise MoveError(
            f"{ascii(text)[:80]} is no name for an assignment here: at most 41 letters, digits, hyphens, dots and "
            "spaces. Rename its folder."
        )
    return name


def _one(notebooks: list[str]) -> None:
    if not notebooks:
        raise MoveError("It has no notebook. Put one there, or take the folder away.")
    if len(notebooks) > 1:
        raise MoveError(
            f"It has {len(notebooks)} notebooks ({', '.join(notebooks[:5])}), and an assignment here is one. "
            "Run this again with --split to make each an assignment of its own, or put them into one."
        )


def _pictures(files: Mapping[str, Path]) -> dict[str, bytes]:
    return {name: read_plain(path, _MOST) for name, path in files.items() if path.suffix.lower() in PICTURES}


def _taken(
    file: str, content: bytes, about: Mapping[str, object], frame: Frame, pictures: Mapping[str, bytes]
) -> tuple[Taken, set[str]]:
    """Return one notebook as an assignment, and the pictures it shows. Raises MoveError with a line for each fault."""
    notebook, notes = read_notebook(file, content)
    framed(notebook, copy.deepcopy(frame.header), copy.deepcopy(frame.footer))
    if found := [f"{file}, {fault}." for fault in faults(notebook, frame.markers)]:
        raise MoveError("\n".join(found))
    notes += for_our_kernel(notebook)
    shown = with_pictures(notebook, pictures)
    assignment = Assignment.model_validate({**about, "notebook": _file(file)})
    notes += [f"{file} → {assignment.notebook}"] if assignment.notebook != file else []
    notes += [f"{name} is now in it" for name in sorted(shown)]
    generate(copy.deepcopy(notebook), assignment)  # whatever else nbgrader, or we, refuse
    if len(nbformat.writes(notebook).encode()) > _MOST:
        raise MoveError(f"{file} has more than {_MOST / 1e6:g} MB with its pictures. Make them smaller.")
    return Taken(assignment=assignment, notebook=notebook, notes=tuple(notes)), shown


def _file(name: str) -> str:
    """Return a notebook's file as ours."""
    stem = re.sub(r"[^A-Za-z0-9_-]+", "-", PurePath(name).stem).strip("-_")
    if not stem:
        raise MoveError(f"{ascii(name)[:80]} is no name for a notebook: call it by letters and digits.")
    return f"{stem}.ipynb"


def _extra(names: list[str]) -> str:
    some = ", ".join(names[:5]) + (", …" if len(names) > 5 else "")
    return (
        f"Beside its notebook lies {some}, and learners here get the notebook alone. Put into it what it needs "
        "(this command does so with pictures that its texts show by ![](…)), or load it from where learners reach it."
    )


def clashes(taken: list[Taken]) -> Iterator[str]:
    """Yield the names that more than one of them would have."""
    names = [one.assignment.name for one in taken]
    yield from sorted({name for name in names if names.count(name) > 1})
