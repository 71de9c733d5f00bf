"""Deleting what hostile code has left in a folder, however deep and however closed."""

import itertools
import os
from pathlib import Path


def clear(folder: Path) -> None:
    """Delete `folder` with all that is in it; links are deleted, never followed.

    shutil.rmtree calls itself for each level, so that a thousand folders in each other end it with a RecursionError.
    Here whatever lies in a folder is first moved up beside it.
    """
    fresh = itertools.count()
    while entries := list(os.scandir(folder)):
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                _flatten(entry.path, folder, fresh)
            else:
                os.unlink(entry.path)
    folder.rmdir()


def _flatten(path: str, above: Path, fresh: "itertools.count[int]") -> None:
    """Delete one folder, once everything in it lies in `above` under a name of ours."""
    os.chmod(path, 0o700)
    for inner in list(os.scandir(path)):
        if inner.is_dir(follow_symlinks=False):
            os.chmod(inner.path, 0o700)  # to be moved, a folder has to be writable
        os.rename(inner.path, above / f".cleared-{next(fresh)}")
    os.rmdir(path)
