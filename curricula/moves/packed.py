"""A folder on its way between two accounts: a tar of plain files, taken apart with nothing outside the folder."""

import io
import os
import shutil
import tarfile
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO

from curricula.course import CourseError


def pack(files: Iterable[tuple[str, bytes]], out: IO[bytes]) -> None:
    """Write a tar of files, by name and content, to `out`, which need not be a file."""
    with tarfile.open(fileobj=out, mode="w|") as tar:
        for name, content in files:
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), 0o600
            tar.addfile(member, io.BytesIO(content))


def unpack(packed: IO[bytes] | Path, folder: Path) -> None:
    """Unpack plain files and folders alone, none of them outside `folder`, for their owner only. Raises CourseError."""
    try:
        with tarfile.open(packed) if isinstance(packed, Path) else tarfile.open(fileobj=packed, mode="r|*") as tar:
            for member in tar:
                _put(tar, member, folder)
    except (OSError, tarfile.TarError) as error:
        raise CourseError(f"the course cannot be unpacked: {error}") from None


def _put(tar: tarfile.TarFile, member: tarfile.TarInfo, folder: Path) -> None:
    """Put one file in place. Raises CourseError for what is no plain file or leads elsewhere."""
    path = PurePosixPath(member.name)
    if path.is_absolute() or ".." in path.parts or not (member.isreg() or member.isdir()):
        raise CourseError(f"a course holds plain files and folders; {ascii(member.name)[:80]} is neither")
    target = folder / path
    above = target if member.isdir() else target.parent
    for one in reversed((above, *above.parents)):
        one.mkdir(mode=0o700, exist_ok=True)
    if member.isdir():
        return
    content = tar.extractfile(member)
    assert content is not None
    with content, open(os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        shutil.copyfileobj(content, file)
