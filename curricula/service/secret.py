"""Secrets of the course account: made once, in files that are its own alone."""

import os
from pathlib import Path


def secret(root: Path, name: str) -> bytes:
    """Return the 32 bytes in `root`/`name`; of two processes that make them at once, the first one's stand."""
    path = root / name
    fresh = root / f"{name}.{os.getpid()}"
    if not path.exists():
        with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(os.urandom(32))
        try:
            os.link(fresh, path)
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
    return path.read_bytes()
