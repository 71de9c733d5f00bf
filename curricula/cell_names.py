"""What a cell of a notebook is by reading it: names that it binds or uses, so how one needs another. Pure."""

import ast
import symtable
from collections.abc import Iterator
from functools import cache, lru_cache
from typing import Any

from IPython.core.inputtransformer2 import TransformerManager

# Characters of a cell that somebody hands in, more of which nobody reads outside the walls.
_LONG = 10_000


@cache
def bound_names(source: str) -> frozenset[str]:
    """Return the notebook's names that a cell gives a value: assigned, defined, imported."""
    text = python_of(source)
    if text is None:
        return frozenset()
    return frozenset(one.get_name() for one in _table(text).get_symbols() if one.is_assigned() or one.is_imported())


@cache
def deleted_names(source: str) -> frozenset[str]:
    """Return the names that a cell deletes."""
    nodes = ast.walk(ast.parse(python_of(source) or ""))
    return frozenset(node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Del))


@cache
def touched_names(source: str) -> frozenset[str]:
    """Return the notebook's names that a cell binds, or may change by what it calls or sets of them."""
    text = python_of(source)
    if text is None:
        return frozenset()
    parts = (node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Attribute | ast.Subscript))
    return bound_names(source) | frozenset({node.value.id for node in parts if isinstance(node.value, ast.Name)})


@cache
def used_names(source: str) -> frozenset[str]:
    """Return the notebook's names that a cell reads, in functions too, and texts, as in `"nodes" in globals()`."""
    text = python_of(source)
    if text is None:
        return frozenset()
    texts = (node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant))
    return frozenset({*_read(_table(text)), *(one for one in texts if isinstance(one, str))})


@cache
def function_reads(source: str) -> frozenset[str]:
    """Return the notebook's names that functions of a cell read, whenever they are called."""
    text = python_of(source)
    return (
        frozenset() if text is None else frozenset(one for child in _table(text).get_children() for one in _read(child))
    )


def _read(table: symtable.SymbolTable) -> Iterator[str]:
    top = table.get_type() == "module"
    yield from (one.get_name() for one in table.get_symbols() if one.is_referenced() and (top or one.is_global()))
    for child in table.get_children():
        yield from _read(child)


def _table(text: str) -> symtable.SymbolTable:
    return symtable.symtable(text, "cell", "exec")


@lru_cache(1000)
def has_value(source: str) -> bool:
    """Return whether a cell ends in an expression; True too for what cannot be read as Python, or is long to read."""
    if len(source) > _LONG:
        return True
    try:
        body = ast.parse(source).body
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        return True
    return bool(body) and isinstance(body[-1], ast.Expr)


@cache
def python_of(source: str) -> str | None:
    """Return a cell as plain Python, its magics as calls; None where it is none."""
    plain: Any = TransformerManager
    try:
        text: str = plain().transform_cell(source)
        ast.parse(text)
    except SyntaxError:
        return None
    return text
