"""Values between a learner's process and the one that holds the tests: typed data, never code, never pickle.

msgpack carries what it knows; everything else with a value of its own has a name and a plain form, in a table here.
Values of subclasses arrive as their plain base: what a learner's class says of itself does not count. What has no plain
form stays where it is and travels as a handle.
"""

import builtins
import collections
import datetime
import decimal
import fractions
import pathlib
import sys
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import msgpack

from curricula import wire_numpy, wire_pandas, wire_torch

MOST = 64_000_000  # bytes of one message
_TYPED, _HANDLE, _YOURS = 1, 2, 3
# Deeper than any honest value, and not so deep that reading it exhausts the reader.
_DEPTH = 60


class WireError(ValueError):
    """What came over the wire, or is to go over it, is no value."""


class Handles(Protocol):
    """Where values without a plain form are kept, and how those of the other side are spoken to."""

    def keep(self, value: object) -> int:
        """Keep a value of this side; return its number."""

    def kept(self, number: int) -> object:
        """Return the value with this number."""

    def there(self, number: int, kind: str, is_callable: bool) -> object:
        """Return what stands here for a value of the other side."""

    def number(self, value: object) -> int | None:
        """Return the number of a value that stands for one of the other side; None for any other."""


# Of each type: its name on the wire and its plain form; and from that form the value.
_TO: Mapping[type, tuple[str, Callable[[Any], object]]] = {
    tuple: ("tuple", lambda value: list(tuple.__iter__(value))),
    set: ("set", lambda value: list(set.__iter__(value))),
    frozenset: ("frozenset", lambda value: list(frozenset.__iter__(value))),
    complex: ("complex", lambda value: [value.real, value.imag]),
    range: ("range", lambda value: [value.start, value.stop, value.step]),
    slice: ("slice", lambda value: [value.start, value.stop, value.step]),
    collections.deque: ("deque", lambda value: [list(value), value.maxlen]),
    collections.OrderedDict: ("OrderedDict", lambda value: [list(pair) for pair in value.items()]),
    collections.Counter: ("Counter", lambda value: [list(pair) for pair in value.items()]),
    collections.defaultdict: (
        "defaultdict",
        lambda value: [value.default_factory, [list(pair) for pair in value.items()]],
    ),
    decimal.Decimal: ("Decimal", str),
    fractions.Fraction: ("Fraction", lambda value: [value.numerator, value.denominator]),
    datetime.datetime: ("datetime", lambda value: value.isoformat()),
    datetime.date: ("date", lambda value: value.isoformat()),
    datetime.time: ("time", lambda value: value.isoformat()),
    datetime.timedelta: ("timedelta", lambda value: [value.days, value.seconds, value.microseconds]),
    pathlib.PosixPath: ("Path", str),
    type(Ellipsis): ("Ellipsis", lambda _: None),
    type(NotImplemented): ("NotImplemented", lambda _: None),
}
_FROM: Mapping[str, Callable[[Any], object]] = {
    "tuple": tuple,
    "set": set,
    "frozenset": frozenset,
    "complex": lambda form: complex(*form),
    "range": lambda form: range(*form),
    "slice": lambda form: slice(*form),
    "deque": lambda form: collections.deque(form[0], form[1]),
    "OrderedDict": lambda form: collections.OrderedDict(form),
    "Counter": lambda form: collections.Counter(dict(form)),
    "defaultdict": lambda form: collections.defaultdict(*form),
    "Decimal": decimal.Decimal,
    "Fraction": lambda form: fractions.Fraction(*form),
    "datetime": datetime.datetime.fromisoformat,
    "date": datetime.date.fromisoformat,
    "time": datetime.time.fromisoformat,
    "timedelta": lambda form: datetime.timedelta(*form),
    "Path": pathlib.Path,
    "Ellipsis": lambda _: ...,
    "NotImplemented": lambda _: NotImplemented,
    "int": lambda form: int(form, 16),
    "builtin": lambda form: _builtin(form),
    **wire_numpy.VALUES,
    **wire_pandas.VALUES,
    **wire_torch.VALUES,
}
_LIBRARIES: Mapping[str, Callable[[Any, Any], wire_numpy.Form | None]] = {
    "numpy": wire_numpy.form,
    "pandas": wire_pandas.form,
    "torch": wire_torch.form,
}
# What msgpack carries by itself, and how a subclass becomes it whatever it overrides.
_NATIVE: Mapping[type, Callable[[Any], object]] = {
    int: int.__int__,
    float: float.__float__,
    str: str.__str__,
    bytes: lambda value: bytes(memoryview(value)),
    list: lambda value: list(list.__iter__(value)),
    dict: lambda value: {key: dict.__getitem__(value, key) for key in dict.__iter__(value)},
}


def packed(value: object, handles: Handles) -> bytes:
    """Return the message that carries `value`. Raises WireError where it is too large or refers to itself."""

    depth = 0

    def unknown(other: object) -> object:
        nonlocal depth
        depth += 1
        if depth > _DEPTH:  # whoever reads it would take it for no value at all
            raise WireError("it is nested too deeply")
        try:
            return _form(other, handles, pack)
        finally:
            depth -= 1

    def pack(part: object) -> bytes:
        raw: bytes = msgpack.packb(part, default=unknown, strict_types=True, unicode_errors="surrogatepass")
        return raw

    try:
        raw = pack(value)
    except (ValueError, RecursionError, OverflowError, TypeError) as error:
        raise WireError(f"a value cannot be sent: {str(error)[:200]}") from None
    if len(raw) > MOST:
        raise WireError(f"a value has {len(raw) / 1e6:.0f} MB, more than the {MOST / 1e6:.0f} MB that can be sent")
    return raw


def unpacked(raw: bytes, handles: Handles) -> Any:
    """Return the value that a message carries. Raises WireError for whatever is none."""
    depth = 0

    def known(code: int, data: bytes) -> object:
        nonlocal depth
        if code not in (_TYPED, _HANDLE, _YOURS):
            raise WireError("a message has a part of no known kind")
        depth += 1
        if depth > _DEPTH:
            raise WireError("a value is nested too deeply")
        try:
            part = unpack(data)
        finally:
            depth -= 1
        if code == _TYPED:
            return _FROM[part[0]](part[1])
        return handles.there(*part) if code == _HANDLE else handles.kept(part)

    def unpack(data: bytes) -> Any:
        return msgpack.unpackb(data, ext_hook=known, strict_map_key=False, unicode_errors="surrogatepass")

    try:
        return unpack(raw)
    except WireError:
        raise
    except Exception as error:  # noqa: BLE001 - bytes that somebody made up can fail in any way
        raise WireError(f"a message is no value: {type(error).__name__}: {str(error)[:200]}") from None


def _form(value: Any, handles: Handles, pack: Callable[[object], bytes]) -> object:
    """Return what stands for a value that msgpack does not carry: its plain base, its form, or a handle."""
    if (number := handles.number(value)) is not None:
        return msgpack.ExtType(_YOURS, pack(number))
    if type(value) is int:
        return msgpack.ExtType(_TYPED, pack(["int", hex(value)]))  # beyond 64 bits
    if isinstance(value, type) and _is_builtin(value):
        return msgpack.ExtType(_TYPED, pack(["builtin", value.__name__]))
    try:
        known = _scientific(value) or _standard(type(value), value)
    except Exception:  # noqa: BLE001 - libraries refuse in many ways to say what a value is made of
        known = None
    if known is None:
        return msgpack.ExtType(_HANDLE, pack([handles.keep(value), type(value).__name__[:100], callable(value)]))
    name, form = known
    return form if name is None else msgpack.ExtType(_TYPED, pack([name, form]))


def _scientific(value: Any) -> tuple[str, object] | None:
    """Return name and form of a value of a library that this process has loaded; None for any other."""
    for library, known in _LIBRARIES.items():
        module = sys.modules.get(library)
        if module is not None and (found := known(module, value)) is not None:
            return found
    return None


def _standard(kind: type, value: Any) -> tuple[str | None, object] | None:
    for base in kind.__mro__:
        if base in _TO:
            name, form = _TO[base]
            return name, form(value)
        if base in _NATIVE:
            return None, _NATIVE[base](value)
    return None


def _is_builtin(kind: type) -> bool:
    return vars(builtins).get(kind.__name__) is kind


def _builtin(name: str) -> object:
    found = getattr(builtins, name, None)
    if not isinstance(found, type):
        raise WireError(f"there is no type {name[:60]!r}")
    return found
