"""Where a server keeps its files: the home folder where that works, the runtime folder where it does not."""

import os
import shutil
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

# A learner's own settings live in these; the variable that moves each, and where it is without one.
_FOLDERS = {
    "JUPYTER_CONFIG_DIR": ".jupyter",
    "JUPYTER_DATA_DIR": ".local/share/jupyter",
    "IPYTHONDIR": ".ipython",
}

_KEPT_SECONDS = 14 * 24 * 3600


def server_folders(home: Path, folder: Path, *, safe_start: bool) -> dict[str, str]:
    """Make `folder` and return the variables that place a server's files.

    The runtime directory (connection files, cookie secret) never lies in the home folder, which may be full
    or slow. Settings stay at home unless `safe_start` is asked for or the folder there cannot be used.
    """
    folder.mkdir(mode=0o700)
    variables = {"JUPYTER_RUNTIME_DIR": _made(folder / "runtime")}
    for variable, name in _FOLDERS.items():
        trouble = "safe start" if safe_start else _trouble(home / name, _CHECKS.get(variable, writable))
        if trouble:
            print(f"onramp: {home / name} is not used: {trouble}", file=sys.stderr)
            variables[variable] = _made(folder / variable.lower())
    if safe_start:
        variables["JUPYTERHUB_DISABLE_USER_CONFIG"] = "1"
    return variables


def forget_old(spool: Path, *, now: float) -> None:
    """Delete what earlier starts left in the user's spool two weeks ago: logs, secrets never read, folders."""
    for path in spool.iterdir():
        if now - path.lstat().st_mtime < _KEPT_SECONDS:
            continue
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _made(folder: Path) -> str:
    folder.mkdir(mode=0o700)
    return str(folder)


def _trouble(folder: Path, check: Callable[[Path], None]) -> str:
    try:
        check(folder)
    except (OSError, sqlite3.Error) as error:
        return str(error)
    return ""


def writable(folder: Path) -> None:
    """Raise OSError unless `folder` exists, or can be made, and holds a new file of some size."""
    folder.mkdir(parents=True, exist_ok=True)
    probe = folder / f".onramp-{os.getpid()}"
    try:
        probe.write_bytes(bytes(65536))
    finally:
        probe.unlink(missing_ok=True)


def ipython_works(folder: Path) -> None:
    """Raise unless IPython can write its history: a kernel waits for a locked one, and never starts."""
    writable(folder)
    history = folder / "profile_default" / "history.sqlite"
    if history.exists():
        connection = sqlite3.connect(history, timeout=1)
        try:
            connection.execute("BEGIN IMMEDIATE")
            connection.rollback()
        finally:
            connection.close()


_CHECKS = {"IPYTHONDIR": ipython_works}
