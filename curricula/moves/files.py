"""Files of a folder that somebody else made: plain ones alone, read whole, none of them larger than it should be."""

import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curricula.course import CourseError

_OWN = re.compile(r"[.]|__pycache__$")


class MoveError(CourseError):
    """This cannot be moved as asked; the message says what was asked, what was found and what to do."""


def read_plain(path: Path, most: int) -> bytes:
    """Return what is in an ordinary file of at most `most` bytes; no link is followed. Raises MoveError."""
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
            found = os.fstat(file.fileno())
            if not stat.S_ISREG(found.st_mode):
                raise MoveError(f"{path.name} is no ordinary file. Put the file itself in its place.")
            content = file.read(most + 1)
    except OSError as error:
        link = "It is a link; put the file itself in its place." if path.is_symlink() else f"{error.strerror}."
        raise MoveError(f"{path.name} cannot be read. {link}") from None
    if len(content) > most:
        raise MoveError(f"{path.name} has more than {most / 1e6:g} MB. Clear its outputs, or make it smaller.")
    return content


def listed(folder: Path) -> Iterator[Path]:
    """Yield what lies below `folder`, by name, except what programs leave there; links are named and not followed."""
    for path in sorted(folder.iterdir()):
        if _OWN.match(path.name):
            continue
        if path.is_dir() and not path.is_symlink():
            yield from listed(path)
        else:
            yield path


@contextmanager
def whole_folder(target: Path) -> Iterator[Path]:
    """Give a folder to fill, for its owner only, that is `target` in the end, or nothing at all. Raises MoveError."""
    if target.is_symlink() or (target.exists() and (not target.is_dir() or any(target.iterdir()))):
        raise MoveError(f"{target} is there already. Name a folder that is not, or empty it: nothing is written over.")
    fresh = target.absolute().parent / f".{target.absolute().name}.{secrets.token_hex(4)}"
    try:
        fresh.mkdir(mode=0o700)
        try:
            yield fresh
            os.replace(fresh, target.absolute())
        finally:
            shutil.rmtree(fresh, ignore_errors=True)
    except OSError as error:
        raise MoveError(f"{target} cannot be written: {error}.") from error


def write_private(path: Path, content: bytes) -> None:
    """Write a file for its owner only, with the folders above it."""
    for folder in reversed(path.parents):
        if not folder.exists():
            folder.mkdir(mode=0o700)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
