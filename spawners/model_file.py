"""A YAML file read into one frozen model, with errors that name the file, the line and the key."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Model = TypeVar("Model", bound=BaseModel)
# libyaml's where it is there, which is several times as quick.
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# Nothing of ours is half as deep, and libyaml's reader ends its process at some tens of thousands.
_DEPTH = 50


class Contradiction(ValueError):
    """Parts of a file that cannot all be true; `where` leads to the one to look at: ("profiles", 2, "time")."""

    def __init__(self, message: str, *where: str | int) -> None:
        super().__init__(message)
        self.where = where


@contextmanager
def at(*where: str | int) -> Iterator[None]:
    """Say of a ValueError inside that it is about this part of the file."""
    try:
        yield
    except ValueError as e:
        raise Contradiction(str(e), *where, *(e.where if isinstance(e, Contradiction) else ())) from None


def read_model(path: Path, model: type[Model], error: type[ValueError]) -> Model:
    """Read `path` as YAML into `model`; raise `error`, one line per mistake: file:line: key: what to do."""
    try:
        text = path.read_text(encoding="utf-8")
        if deep := next(_too_deep(text), None):
            raise error(_place(path, deep, f"is nested more than {_DEPTH} deep"))
        loader = _Loader(text)
        root = loader.get_single_node()
        if twice := [_place(path, node, f"{node.value}: stands here twice. Keep one") for node in _twice(root)]:
            raise error("\n".join(twice))
        return model.model_validate(None if root is None else loader.construct_document(root))
    except ValidationError as e:
        raise error("\n".join(_sentence(path, root, model, detail) for detail in e.errors())) from None
    except (OSError, UnicodeDecodeError) as e:
        raise error(f"{path}: cannot be read: {e}") from e
    except yaml.MarkedYAMLError as e:
        raise error(_place(path, e, f"is not YAML: {e.problem}")) from e
    except (yaml.YAMLError, RecursionError) as e:
        raise error(f"{path}: is not YAML: {e}") from e


def _too_deep(text: str) -> Iterator[yaml.Event]:
    """Where a text goes deeper than it may; its events are read one by one, however many there are."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEPTH:
            yield event


def _place(path: Path, what: yaml.Node | yaml.Event | yaml.MarkedYAMLError, message: str) -> str:
    """A message about a part of the text, with its line where that is known."""
    mark = what.problem_mark if isinstance(what, yaml.MarkedYAMLError) else what.start_mark
    return f"{path}:{mark.line + 1}: {message}" if mark else f"{path}: {message}"


def _twice(root: yaml.Node | None) -> Iterator[yaml.Node]:
    """Keys that stand a second time in one mapping, of which YAML would take the last without a word."""
    seen: set[int] = set()
    nodes = [root]
    while nodes:
        node = nodes.pop()
        if node is None or id(node) in seen or isinstance(node, yaml.ScalarNode):
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            keys = [key.value for key, _ in node.value]
            yield from (key for number, (key, _) in enumerate(node.value) if key.value in keys[:number])
            nodes.extend(value for _, value in node.value)
        else:
            nodes.extend(node.value)


def _sentence(path: Path, root: yaml.Node | None, model: type[BaseModel], detail: ErrorDetails) -> str:
    """One mistake in words, with the line it stands on."""
    cause = detail.get("ctx", {}).get("error")
    loc = (*detail["loc"], *(cause.where if isinstance(cause, Contradiction) else ()))
    key = ".".join(str(part) for part in loc) or "the whole file"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "extra_forbidden":
        message = f"is not a known key. Known here: {', '.join(_known_keys(model, loc[:-1])) or 'none'}"
    elif detail["type"] != "missing" and not (cause and isinstance(detail["input"], dict)):
        message = f"{message} (found: {_short(detail['input'])})"
    return f"{path}:{_line(root, loc)}: {key}: {message}"


def _short(value: object) -> str:
    """The value as found, cut where it is long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _line(node: yaml.Node | None, loc: Sequence[str | int]) -> int:
    """The line (from 1) of the deepest part of `loc` that the document holds."""
    line = node.start_mark.line if node else 0
    for part in loc:
        found = _child(node, part)
        if found is None:
            break
        line, node = found
    return line + 1


def _child(node: yaml.Node | None, part: str | int) -> tuple[int, yaml.Node] | None:
    """The line and the node below `node` under a key or an index."""
    if isinstance(node, yaml.MappingNode):
        return next(((k.start_mark.line, v) for k, v in node.value if k.value == str(part)), None)
    if isinstance(node, yaml.SequenceNode) and isinstance(part, int) and part < len(node.value):
        return node.value[part].start_mark.line, node.value[part]
    return None


def _known_keys(model: type[BaseModel], loc: Sequence[str | int]) -> list[str]:
    """The keys that the model at `loc` accepts, found by walking the field types."""
    current: type[BaseModel] | None = model
    for part in loc:
        if isinstance(part, str) and current is not None and part in current.model_fields:
            current = _model_in(current.model_fields[part].annotation)
    return sorted(current.model_fields) if current else []


def _model_in(annotation: object) -> type[BaseModel] | None:
    """The model inside a type such as `tuple[Profile, ...]` or `GPU | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    inner = (_model_in(argument) for argument in getattr(annotation, "__args__", ()))
    return next((found for found in inner if found), None)
