"""Where each test of an assignment runs, found once per version: beside the tests, or in the learner's process. Pure.

What a test does can rule out that it runs beside the tests; whether it can otherwise, only the course's own answers
show: see curricula.trial, which tries. The mode is kept per cell, with the reason, for teachers to see.
"""

import ast
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from nbformat import NotebookNode
from pydantic import BaseModel, Field

from curricula.cell_names import bound_names, deleted_names, function_reads, python_of, touched_names, used_names
from curricula.copies import deceived

Mode = Literal["split", "in-sandbox"]
# What looks at a process from within, or changes it: it means something only in the learner's own.
_WITHIN = frozenset({"globals", "locals", "vars", "dir", "inspect", "gc", "In", "Out", "get_ipython", "mock", "patch"})


class Canary(BaseModel, frozen=True, extra="forbid"):
    """A test with one constant changed, so that it must fail: the place of that constant, and where the copy stands."""

    start: int = Field(ge=0, description="first character of the constant in the cell")
    end: int = Field(ge=0, description="and the one after it")
    before: bool = Field(description="whether it stands before the test, or after it")


class Route(BaseModel, frozen=True, extra="forbid"):
    """Where one test cell runs, why not beside the tests, and which canaries hold for it."""

    mode: Mode
    why: str = ""
    canaries: tuple[Canary, ...] = ()


class Plan(BaseModel, frozen=True, extra="forbid"):
    """How one version of an assignment is examined. Cells are known by their grade_id."""

    routes: Mapping[str, Route]
    answers: Mapping[str, str] = Field(default={}, description="the course's answer to each solution cell")
    beside: tuple[tuple[int, str], ...] = Field(default=(), description="place and source of cells that tests need")
    places: Mapping[str, int] = Field(default={}, description="of test cells in the course's own notebook")
    trusted: tuple[str, ...] = ()
    learners: tuple[str, ...] = ()
    packages: tuple[str, ...] = ()

    @property
    def split(self) -> int:
        """How many tests run beside the others."""
        return sum(route.mode == "split" for route in self.routes.values())


def drafted(source: NotebookNode, tests: NotebookNode, within: Mapping[str, str] | None = None) -> Plan:
    """Return the plan as far as reading finds it. `within` names tests known to need the learner's process, and why.

    `source` is the course's own notebook with answers, `tests` the one that is graded, with every test whole.
    """
    code = [(place, cell) for place, cell in enumerate(source.cells) if cell.cell_type == "code"]
    answers = {grade_id(cell): cell.source for _, cell in code if is_answer(cell)}
    given = [(place, cell.source) for place, cell in code if not is_answer(cell) and not is_test(cell)]
    graded = {grade_id(cell): cell.source for cell in tests.cells if is_test(cell)}
    imported = _union(_imported(text) for _, text in given)
    own = _union(map(bound_names, answers.values())) | (_union(map(touched_names, answers.values())) - imported)
    why = _closed(
        graded,
        {name: said for name, text in graded.items() if (said := _rule(text, own, answers))} | dict(within or {}),
    )
    split = [text for name, text in graded.items() if name not in why]
    return Plan(
        routes={name: Route(mode="in-sandbox" if name in why else "split", why=why.get(name, "")) for name in graded},
        answers=answers,
        beside=tuple(_needed(given, split)),
        places={grade_id(cell): place for place, cell in code if is_test(cell)},
        trusted=tuple(sorted(_union(bound_names(text) for _, text in given) - own)),
        learners=tuple(sorted(own)),
        packages=tuple(sorted(_packages(cell.source for _, cell in code))),
    )


def grade_id(cell: NotebookNode) -> str:
    """Return a cell's grade_id, empty where it has none."""
    return str(cell.metadata.get("nbgrader", {}).get("grade_id", ""))


def is_answer(cell: NotebookNode) -> bool:
    """Whether learners write in this cell."""
    return bool(cell.cell_type == "code" and cell.metadata.get("nbgrader", {}).get("solution"))


def is_test(cell: NotebookNode) -> bool:
    """Whether this is a test cell."""
    known = cell.metadata.get("nbgrader", {})
    return bool(cell.cell_type == "code" and known.get("grade") and not known.get("solution"))


def _rule(test: str, own: frozenset[str], answers: Mapping[str, str]) -> str:
    """Return why a test cannot run beside the others whatever the answers are, or nothing."""
    text = python_of(test)
    if text is None or "get_ipython()" in text:
        return "it uses IPython's own commands"
    if gone := deleted_names(test) & own:
        return f"it deletes {', '.join(sorted(gone))}"
    if look := used_names(test) & _WITHIN:
        return f"it uses {', '.join(sorted(look))}"
    if given := (bound_names(test) - _imported(test)) & _read_later(answers):
        return f"it gives {', '.join(sorted(given))} a value that answers read"
    if changed := _set_parts(text):
        return f"it changes a part of {', '.join(sorted(changed))}"
    return deceived(text, own, answers)


def _read_later(answers: Mapping[str, str]) -> frozenset[str]:
    """Names that answers take as they find them: in functions, and those that they do not bind themselves."""
    return _union((*function_reads(text), *(used_names(text) - bound_names(text))) for text in answers.values())


def _set_parts(text: str) -> frozenset[str]:
    """Return the names of which code sets an attribute, as tests do that put something in a function's place."""
    tree = ast.parse(text)
    targets = [node for node in ast.walk(tree) if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store)]
    return frozenset(node.value.id for node in targets if isinstance(node.value, ast.Name) and node.value.id != "self")


def _closed(tests: Mapping[str, str], why: Mapping[str, str]) -> dict[str, str]:
    """Return the reasons, with one for each test that shares a name with one that has a reason."""
    found = dict(why)
    while True:
        shared = _union(bound_names(tests[name]) | used_names(tests[name]) for name in found if name in tests)
        made = _union(bound_names(text) for text in tests.values())
        more = {
            name: "it shares names with a test that needs the learner's process"
            for name, text in tests.items()
            if name not in found and _tied(text, [tests[other] for other in found if other in tests], shared & made)
        }
        if not more:
            return {name: found[name] for name in tests if name in found}
        found |= more


def _tied(text: str, others: Sequence[str], shared: frozenset[str]) -> bool:
    """Whether a test reads what one of the others binds, or binds what one of them reads without binding it first."""
    reads = (used_names(text) - bound_names(text)) & shared
    binds = bound_names(text) & shared
    return any(reads & bound_names(other) or binds & (used_names(other) - bound_names(other)) for other in others)


def _needed(given: Sequence[tuple[int, str]], tests: Sequence[str]) -> list[tuple[int, str]]:
    """Return the course's own cells that tests need, in order: those that bind or change a name they use."""
    names, chosen = _union(map(used_names, tests)), set[int]()
    while True:
        more = {
            place
            for place, text in given
            if tests and place not in chosen and (touched_names(text) & names or "import *" in text)
        }
        if not more:
            return [(place, text) for place, text in given if place in chosen]
        chosen |= more
        names |= _union(used_names(text) for place, text in given if place in more)


def _imported(text: str) -> frozenset[str]:
    plain = python_of(text)
    nodes = [node for node in ast.walk(ast.parse(plain or "")) if isinstance(node, ast.Import | ast.ImportFrom)]
    return frozenset(one.asname or one.name.partition(".")[0] for node in nodes for one in node.names)


def _packages(sources: Iterable[str]) -> frozenset[str]:
    """Return the top-level packages that a notebook imports: worth loading once for all."""
    found: set[str] = set()
    for text in sources:
        for node in ast.walk(ast.parse(python_of(text) or "")):
            if isinstance(node, ast.Import):
                found |= {one.name for one in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                found.add(node.module)
    return frozenset(found)


def _union(parts: Iterable[Iterable[str]]) -> frozenset[str]:
    return frozenset(name for part in parts for name in part)
