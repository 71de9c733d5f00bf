"""A small JSON object in a file that its owner alone may read, changed by one process at a time."""

import fcntl
import json
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class PrivateFileError(RuntimeError):
    """The file is not private, or does not hold a JSON object."""


def read(path: Path) -> dict[str, Any]:
    """Return what the file holds, {} where there is no file; refuse one that others may read or write."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return {}
    with os.fdopen(descriptor, encoding="utf-8") as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise PrivateFileError(f"{path} has mode {mode:04o}, so others may use it. Run: chmod 600 {path}")
        text = file.read()
    try:
        value = json.loads(text)
    except ValueError as error:
        raise PrivateFileError(
            f"{path} does not hold JSON ({error}). Restore it, or delete it and set it up anew"
        ) from error
    if not isinstance(value, dict):
        raise PrivateFileError(f"{path} holds a JSON {type(value).__name__} where an object is needed")
    return value


@contextmanager
def changing(path: Path) -> Iterator[dict[str, Any]]:
    """Yield what the file holds; what the body leaves in it replaces the file, unless the body raises."""
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        value = read(path)
        before = json.dumps(value)
        yield value
        if (after := json.dumps(value, indent=1, sort_keys=True)) != before:
            _replace(path, after)
    finally:
        os.close(lock)


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.unlink(missing_ok=True)
    descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)
