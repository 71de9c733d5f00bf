"""What an nbgrader_config.py says, read as text: it is a program, and is not run."""

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import nbgrader.preprocessors
from pydantic import BaseModel

from curricula.moves.files import MoveError, read_plain

NAME = "nbgrader_config.py"
_MOST = 1_000_000
_TAKEN = {
    *(f"CourseDirectory.{name}" for name in ("course_id", "source_directory", "db_url", "db_assignments")),
    "CourseDirectory.db_students",
    "IncludeHeaderFooter.header",
    "IncludeHeaderFooter.footer",
}
# Settings of these change what learners get or what counts. All others are about the machine that nbgrader runs on.
_MATTER = {
    "AssignLatePenalties",
    "Autograde",
    "CheckCellMetadata",
    "ClearHiddenTests",
    "ClearMarkScheme",
    "ClearSolutions",
    "DeduplicateIds",
    "Execute",
    "GenerateAssignment",
    "IncludeHeaderFooter",
    "InstantiateTests",
    "LockCells",
    "OverwriteCells",
}


class Config(BaseModel, frozen=True):
    """The settings that are written down as plain values, and those that only running the file would tell."""

    values: Mapping[str, Any] = {}
    computed: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """Return a setting that is text; empty where it is not set."""
        value = self.values.get(name)
        return value if isinstance(value, str) else ""

    @property
    def markers(self) -> tuple[str, ...]:
        """The course's own words for where solutions and hidden tests begin and end."""
        return tuple(
            str(value)
            for name, value in self.values.items()
            if name.split(".")[0].startswith("Clear") and "delimeter" in name and not _is_default(name, value)
        )

    @property
    def left(self) -> Iterator[str]:
        """A sentence for each setting that matters and is not taken over."""
        for name, value in self.values.items():
            if _matters(name) and not _is_default(name, value):
                yield f"{name} = {ascii(value)[:60]} is not taken over: set here what it should do, or do without."
        for name in self.computed:
            if _matters(name) or name in _TAKEN:
                yield f"{name} is worked out when {NAME} runs, and it is not run: write its value there as it is."


def read_config(folder: Path) -> Config:
    """Read `folder`/nbgrader_config.py, if there is one. Raises MoveError."""
    if not (folder / NAME).exists() and not (folder / NAME).is_symlink():
        return Config()
    try:
        tree = ast.parse(read_plain(folder / NAME, _MOST))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise MoveError(
            f"{NAME} is no Python: {error}. Mend it, or move it away: names and dates are all it is for."
        ) from None
    values: dict[str, Any] = {}
    computed: list[str] = []
    for node in ast.walk(tree):
        for name, value in _settings(node):
            try:
                values[name] = _plain(value if node in tree.body else None)
            except (ValueError, TypeError, RecursionError):
                computed.append(name)
    return Config(values=values, computed=tuple(dict.fromkeys(computed)))


def _settings(node: ast.AST) -> Iterator[tuple[str, ast.expr | None]]:
    """Yield what a statement sets: `c.Class.name = value`; without a value where it changes what is there."""
    if isinstance(node, ast.Assign):
        yield from ((name, node.value) for name in map(_name, node.targets) if name)
    elif isinstance(node, ast.AugAssign):
        yield from ((name, None) for name in (_name(node.target),) if name)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        yield from ((name, None) for name in (_name(node.func.value),) if name)


def _name(node: ast.expr) -> str:
    """Return Class.name of `c.Class.name`; nothing for anything else."""
    match node:
        case ast.Attribute(value=ast.Attribute(value=ast.Name(id="c"), attr=of), attr=name):
            return f"{of}.{name}"
    return ""


def _plain(node: ast.expr | None) -> Any:
    """Return a value that is written as it is; `dict(name="ps1")` is also one. Raises ValueError."""
    if node is None:
        raise ValueError
    if isinstance(node, ast.List | ast.Tuple):
        return [_plain(one) for one in node.elts]
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "dict" and not node.args:
        return {one.arg: _plain(one.value) for one in node.keywords if one.arg}
    return ast.literal_eval(node)


def _matters(name: str) -> bool:
    return (name.split(".")[0] in _MATTER or name == "CourseDirectory.directory_structure") and name not in _TAKEN


def _is_default(name: str, value: object) -> bool:
    """Whether a setting only says what nbgrader does anyway."""
    of, _, trait = name.partition(".")
    owner = getattr(nbgrader.preprocessors, of, None)
    return owner is not None and owner.class_traits().get(trait) is not None and value == owner().trait_defaults(trait)
