"""Which tests would be deceived by copies, and pass: of what they gave to an answer, or of the numbers it draws. Pure.

A test beside the learner's process holds copies. Where its own answer fails for that, trying shows it; where a test
says that something has not changed, is not the same thing, or is drawn from a seed, a copy lets every answer pass.
"""

import ast
import builtins
from collections.abc import Iterable, Iterator, Mapping

from curricula.cell_names import python_of

_ALIKE = ("equal", "close")  # in the names of what compares two values
_ONE = frozenset({"id", "assertIs", "assertIsNot", "shares_memory", "may_share_memory"})
_SEEDS = frozenset({"seed", "manual_seed", "set_seed", "set_state"})
_DRAWS = ("rand", "shuffle", "sample", "choice", "normal", "permut")


def deceived(test: str, own: frozenset[str], answers: Mapping[str, str]) -> str:
    """Return why a test, as plain Python, must not see copies; nothing where it may. `own` are the answers' names."""
    tree = ast.parse(test)
    if any(map(_asks_whether_one, ast.walk(tree))):
        return "it asks whether two names are one thing"
    if back := _looked_at_again(tree, own):
        return f"it looks again at {', '.join(sorted(back))}, which it gave to an answer"
    if _called(tree) & _SEEDS and any(_draws(text) for text in answers.values()):
        return "it seeds what answers draw"
    return ""


def _asks_whether_one(node: ast.AST) -> bool:
    if isinstance(node, ast.Call):
        return _name(node.func) in _ONE
    if not isinstance(node, ast.Compare) or not any(isinstance(how, ast.Is | ast.IsNot) for how in node.ops):
        return False
    return not any(_is_known(side) for side in (node.left, *node.comparators))


def _is_known(side: ast.expr) -> bool:
    """Whether this is the same thing everywhere: None, a number, a type."""
    builtin = isinstance(side, ast.Name) and side.id in vars(builtins)
    return builtin or isinstance(side, ast.Constant) or (isinstance(side, ast.Call) and _name(side.func) == "type")


def _looked_at_again(tree: ast.Module, own: frozenset[str]) -> set[str]:
    """Return what a test of its own gave to an answer, and compares later with what is none of an answer's."""
    theirs = _theirs(tree, own)
    given: dict[str, int] = {}
    for call in (node for node in ast.walk(tree) if isinstance(node, ast.Call)):
        if _names(call.func) & theirs:
            for one in (*call.args, *(named.value for named in call.keywords)):
                if isinstance(one, ast.Name) and one.id not in theirs:
                    given[one.id] = min(call.lineno, given.get(one.id, call.lineno))
    found = set[str]()
    for line, sides in _compared(tree):
        if not set().union(*map(_names, sides)) & theirs:
            found |= {name for side in sides for name in _looked(side, sides) if given.get(name, line) < line}
    return found


def _theirs(tree: ast.Module, own: frozenset[str]) -> frozenset[str]:
    """Return the names of answers, and those that a test gives to what comes of them."""
    found = own
    while True:
        made = {
            name.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Assign | ast.For | ast.comprehension) and _names(_source(node)) & found
            for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
            for name in ast.walk(target)
            if isinstance(name, ast.Name)
        }
        if made <= found:
            return found
        found |= made


def _source(node: ast.Assign | ast.For | ast.comprehension) -> ast.expr:
    return node.value if isinstance(node, ast.Assign) else node.iter


def _compared(tree: ast.Module) -> Iterator[tuple[int, list[ast.expr]]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            yield node.lineno, [node.left, *node.comparators]
        elif isinstance(node, ast.Call) and any(word in _name(node.func).lower() for word in _ALIKE):
            yield node.lineno, node.args[:2]


def _looked(side: ast.expr, sides: Iterable[ast.expr]) -> frozenset[str]:
    """Return the names that a side is about: it is one, or stands beside what is written out."""
    plain = all(one is side or not _names(one) for one in sides)
    return _names(side) if plain or isinstance(side, ast.Name) else frozenset()


def _names(node: ast.AST) -> frozenset[str]:
    return frozenset(one.id for one in ast.walk(node) if isinstance(one, ast.Name))


def _name(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def _called(tree: ast.AST) -> frozenset[str]:
    return frozenset(_name(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call))


def _draws(answer: str) -> bool:
    called = _called(ast.parse(python_of(answer) or ""))
    return any(word in name.lower() for name in called for word in _DRAWS)
