"""Work that a server waits for and that runs elsewhere: whoever had it started notes that, again and again."""

import contextlib
from collections.abc import Mapping
from pathlib import Path

# Seconds between two notes, and how old the last may be while the work goes on.
NOTE, GOOD = 10.0, 60.0


def note(environ: Mapping[str, str]) -> None:
    """Note that work for the server with this environment, or one of its kernels, goes on."""
    path = _path(environ)
    if path is not None:
        with contextlib.suppress(OSError):  # a full disk: the work is worth more than the note
            path.touch()


def noted(environ: Mapping[str, str], now: float) -> bool:
    """Whether work was noted not long before `now`, in seconds since 1970."""
    path = _path(environ)
    try:
        return path is not None and abs(now - path.stat().st_mtime) < GOOD
    except OSError:
        return False


def _path(environ: Mapping[str, str]) -> Path | None:
    """A file in the server's runtime directory, which its kernels know too and nobody else may write."""
    folder = environ.get("JUPYTER_RUNTIME_DIR")
    return Path(folder, "onramp-works") if folder else None
