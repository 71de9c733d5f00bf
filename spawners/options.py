"""One untrusted option at a time: a reader makes a typed value of it, or says what is valid."""

import re
from collections.abc import Callable, Iterable

from spawners.plain_error import PlainError
from spawners.site import PURPOSES, Site

WORD = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}", re.ASCII)
ACCOUNT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.@-]{0,63}", re.ASCII)
NUMBER = re.compile(r"[0-9]{1,7}", re.ASCII)
TRUE, FALSE = ("on", "true", "1"), ("off", "false", "0")

Reader = Callable[[str, object, Site], object]


class RequestError(PlainError, ValueError):
    """What was asked cannot be had; the message is readable text that lists the valid choices."""


def show(value: object) -> str:
    """A value from outside, safe to print: quoted, ASCII only, and cut where it is long."""
    text = ascii(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _number(key: str, value: object, _site: Site) -> int:
    """A whole number, as an int or as digits; `True` and `60.0` are not numbers of something."""
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 10_000_000:
        return value
    if isinstance(value, str) and NUMBER.fullmatch(value):
        return int(value)
    raise RequestError(f"Option '{key}' is {show(value)}. It takes a whole number from 0 to 9999999.")


def _name(pattern: re.Pattern[str], signs: str) -> Reader:
    """A reader of names as Slurm writes them: one word of letters, digits and `signs`."""

    def read(key: str, value: object, _site: Site) -> str:
        """The value itself when it is such a word."""
        if isinstance(value, str) and pattern.fullmatch(value):
            return value
        raise RequestError(
            f"Option '{key}' is {show(value)}. "
            f"It takes one word of at most 64 letters, digits, {signs}, starting with a letter or digit."
        )

    return read


def _flag(key: str, value: object, _site: Site) -> bool:
    """A switch: what a checkbox sends, or a JSON boolean."""
    if isinstance(value, bool):
        return value
    if isinstance(value, str) and value.lower() in TRUE + FALSE:
        return value.lower() in TRUE
    raise RequestError(f"Option '{key}' is {show(value)}. Choose from: {', '.join(TRUE + FALSE)}.")


def _choice(names: Callable[[Site], Iterable[str]]) -> Reader:
    """A reader that takes one of the names that the site (or we) define."""

    def read(key: str, value: object, site: Site) -> str:
        """The value itself when it is one of the names."""
        valid = tuple(names(site))
        if isinstance(value, str) and value in valid:
            return value
        raise RequestError(f"Option '{key}' is {show(value)}. Choose from: {', '.join(valid) or 'none at this site'}.")

    return read


def _profiles(site: Site) -> Iterable[str]:
    return (profile.name for profile in site.profiles)


def _environments(site: Site) -> Iterable[str]:
    return (environment.name for environment in site.environments)


def _partitions(site: Site) -> Iterable[str]:
    return (partition.name for partition in site.partitions)


def _constraints(site: Site) -> Iterable[str]:
    return dict.fromkeys(name for partition in site.partitions for name in partition.constraints)


_word = _name(WORD, "'_', '-' and '.'")
_account = _name(ACCOUNT, "'_', '-', '.' and '@'")

READERS: dict[str, Reader] = {
    "purpose": _choice(lambda _site: PURPOSES),
    "profile": _choice(_profiles),
    "partition": _choice(_partitions),
    "gpus": _number,
    "cpus_per_task": _number,
    "mem": _number,
    "time": _number,
    "nodes": _number,
    "account": _account,
    "qos": _word,
    "constraint": _choice(_constraints),
    "reservation": _word,
    "environment": _choice(_environments),
    "internet": _flag,
    "safe_start": _flag,
}
