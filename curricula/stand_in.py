"""What stands in a test for an object of the learner's process: its parts are asked for there, by curricula.peer."""

import sys
from typing import Any, Protocol


class Asks(Protocol):
    """Who can ask the other process."""

    def ask(self, what: str, *told: object) -> Any:
        """Ask it, and return its answer."""


class NoPlainForm(BaseException):
    """A test asks more of a stand-in than its parts. No test is to take this for the error that it expects."""


class Remote:
    """An object of the other process. Its parts are asked for there; to compare it would be to take its word for it."""

    __slots__ = ("_onramp_kind", "_onramp_number", "_onramp_peer")

    def __init__(self, peer: Asks, number: int, kind: str) -> None:
        object.__setattr__(self, "_onramp_peer", peer)
        object.__setattr__(self, "_onramp_number", number)
        object.__setattr__(self, "_onramp_kind", kind)

    def __getattribute__(self, name: str) -> Any:
        if name in ("__class__", "__reduce_ex__"):  # what it is here, and that it cannot be copied
            return object.__getattribute__(self, name)
        if name == "__bases__":  # by which isinstance would take it for a class of ours
            raise AttributeError(name)
        return _ask(self, "getattr", name)

    def __setattr__(self, name: str, value: object) -> None:
        _ask(self, "setattr", name, value)

    def __getitem__(self, key: object) -> Any:
        return _ask(self, "getitem", key)

    def __setitem__(self, key: object, value: object) -> None:
        _ask(self, "setitem", key, value)

    def __contains__(self, value: object) -> bool:
        return bool(_ask(self, "contains", value))

    def __len__(self) -> int:
        return int(_ask(self, "len"))

    def __bool__(self) -> bool:
        return bool(_ask(self, "bool"))

    def __iter__(self) -> Any:
        return _ask(self, "iter")

    def __next__(self) -> Any:
        return _ask(self, "next")

    def __str__(self) -> str:
        return str(_ask(self, "str"))

    def __repr__(self) -> str:
        return str(_ask(self, "repr"))

    def __format__(self, how: str) -> str:
        return str(_ask(self, "format", how))

    def _refuse(self, *_: object) -> Any:
        kind = object.__getattribute__(self, "_onramp_kind")
        raise NoPlainForm(f"a value of type {kind} has no plain form, so only its parts can be asked for")

    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = _refuse
    __hash__ = _refuse
    __instancecheck__ = __subclasscheck__ = __reduce_ex__ = _refuse
    __add__ = __sub__ = __mul__ = __matmul__ = __truediv__ = __floordiv__ = __mod__ = __divmod__ = __pow__ = _refuse
    __radd__ = __rsub__ = __rmul__ = __rmatmul__ = __rtruediv__ = __rfloordiv__ = __rmod__ = __rpow__ = _refuse
    __and__ = __or__ = __xor__ = __rand__ = __ror__ = __rxor__ = __lshift__ = __rshift__ = _refuse
    __neg__ = __pos__ = __abs__ = __invert__ = __int__ = __float__ = __complex__ = __index__ = __round__ = _refuse
    __delitem__ = __reversed__ = __enter__ = __exit__ = __await__ = _refuse


class RemoteCallable(Remote):
    """A function or class of the other process."""

    __slots__ = ()

    def __call__(self, *given: object, **named: object) -> Any:
        """Call it there; what it prints is printed here."""
        value, printed = _ask(self, "call", list(given), named)
        if printed:
            sys.stdout.write(printed)
        return value


def number_of(remote: Any) -> int:
    """Return the number under which the other process keeps what this stands for."""
    number: int = object.__getattribute__(remote, "_onramp_number")
    return number


def _ask(remote: Any, what: str, *told: object) -> Any:
    peer: Asks = object.__getattribute__(remote, "_onramp_peer")
    return peer.ask(what, remote, *told)
