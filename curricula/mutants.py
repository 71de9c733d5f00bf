"""Wrong answers that every exercise must notice, made from its own cells. Pure.

Three of them: the cell as it is given out, the answer that says nothing, and, where the visible tests call a function
with constants, the answer that has only copied what they expect.
"""

import ast
import copy
from collections.abc import Iterator, Sequence

UNEDITED, NOTHING, COPIED = "not edited", "returns nothing", "copied from the visible tests"


def mutants(solution: str, released: str, visible: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield (name, source) for a solution cell: the instructor's, as released, and the tests that learners see."""
    yield UNEDITED, released
    tree = ast.parse(solution)
    yield NOTHING, ast.unparse(_without_answer(tree))
    copied = _copied(tree, visible)
    if copied:
        yield COPIED, copied


def _without_answer(tree: ast.Module) -> ast.Module:
    """Return the cell with functions that return None and variables that are None; imports stay."""
    body = [_nothing(node) for node in tree.body]
    return ast.Module(body=body, type_ignores=[])


def _nothing(node: ast.stmt) -> ast.stmt:
    changed = copy.copy(node)
    if isinstance(changed, ast.FunctionDef | ast.AsyncFunctionDef):
        changed.body = [ast.Return(value=ast.Constant(value=None))]
    elif isinstance(changed, ast.ClassDef):
        changed.body = [_nothing(one) for one in changed.body]
    elif isinstance(changed, ast.Assign):
        changed.value = _none_for(changed.targets[0])
    return changed


def _none_for(target: ast.expr) -> ast.expr:
    """Return None, or as many of it as a tuple of names takes."""
    if isinstance(target, ast.Tuple | ast.List):
        return ast.Tuple(elts=[_none_for(one) for one in target.elts], ctx=ast.Load())
    return ast.Constant(value=None)


def _copied(tree: ast.Module, visible: Sequence[str]) -> str:
    """Return functions that know by heart what the visible tests ask; empty where those ask nothing so plain."""
    known = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    heard: dict[str, list[tuple[str, str]]] = {}
    for name, question, answer in _asked(visible):
        if name in known:
            heard.setdefault(name, []).append((question, answer))
    return "\n\n".join(_by_heart(name, answers) for name, answers in heard.items())


def _asked(visible: Sequence[str]) -> Iterator[tuple[str, str, str]]:
    """Yield function, arguments and expected value of each `assert f(constants) == constant`."""
    for source in visible:
        for node in ast.walk(ast.parse(source)):
            if not (isinstance(node, ast.Assert) and isinstance(node.test, ast.Compare)):
                continue
            call, (answer, *more) = node.test.left, node.test.comparators
            if more or not isinstance(node.test.ops[0], ast.Eq) or not isinstance(call, ast.Call):
                continue
            plain = all(_is_plain(one) for one in (answer, *call.args, *(word.value for word in call.keywords)))
            if plain and isinstance(call.func, ast.Name):
                arguments = ", ".join(ast.unparse(one) for one in call.args)
                named = ", ".join(f"{word.arg!r}: {ast.unparse(word.value)}" for word in call.keywords)
                yield call.func.id, f"([{arguments}], {{{named}}})", ast.unparse(answer)


def _is_plain(node: ast.expr) -> bool:
    try:
        ast.literal_eval(node)
    except ValueError:
        return False
    return True


def _by_heart(name: str, answers: Sequence[tuple[str, str]]) -> str:
    lines = [f"    if (list(given), named) == {question}:\n        return {answer}" for question, answer in answers]
    return "\n".join((f"def {name}(*given, **named):", *lines))
