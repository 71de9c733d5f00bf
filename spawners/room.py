"""Room: what is used and left of a folder's quota, as its file system tells; of its size where no quota is known."""

import contextlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel

from spawners.run_fit import size

# Seconds that a program may take: a file system that is slow keeps nobody waiting for long.
PATIENCE = 2.0
_MOUNTS = Path("/proc/self/mounts")


class Room(BaseModel, frozen=True, extra="forbid"):
    """What is left, in bytes: of your quota, or of the file system, which others fill as well.

    `files` is how many files are left of those that the quota allows, None where there is no such limit.
    """

    used: int
    limit: int
    left: int
    is_quota: bool = False
    files: int | None = None

    def __str__(self) -> str:
        if not self.is_quota:
            return f"{size(self.left)} free of {size(self.limit)}, shared with others: no quota of yours is known."
        files = "" if self.files is None else f", and {self.files} more files"
        return f"{size(self.used)} of your quota of {size(self.limit)} used; {size(self.left)} left{files}."

    def short(self, needed: int) -> str:
        """What is to be said where so many bytes do not fit; empty where they do."""
        if self.files == 0:
            return f"your quota allows no more files. {self}"
        if self.left >= needed:
            return ""
        return f"{size(needed)} needed, and only {size(self.left)} left. {self}"


class _Quota(NamedTuple):
    used: int
    limit: int
    files: int | None


def room(folder: Path) -> Room:
    """Ask the file system that a folder lies on; OSError where there is no such folder."""
    told = os.statvfs(folder)
    limit, left = told.f_blocks * told.f_frsize, told.f_bavail * told.f_frsize
    quota = _quota(folder)
    if quota is None:
        return Room(used=limit - left, limit=limit, left=left)
    left = min(left, max(0, quota.limit - quota.used))
    return Room(used=quota.used, limit=quota.limit, left=left, is_quota=True, files=quota.files)


def rooms(folders: Mapping[str, str]) -> dict[str, Room]:
    """The same of several folders by their names, without those that are not there."""
    found = {}
    for name, folder in folders.items():
        with contextlib.suppress(OSError):
            found[name] = room(Path(folder))
    return found


def _quota(folder: Path) -> _Quota | None:
    """A person's quota there; None where there is none, or no program that tells."""
    user = str(os.getuid())
    commands = {
        "lustre": ("lfs", "quota", "-q", "-u", user, str(folder)),
        "": ("quota", "--no-wrap", "--raw-grace", "--user", f"--filesystem={folder}"),
    }
    command = commands["lustre" if _type(folder) == "lustre" else ""]
    program = shutil.which(command[0])
    if program is None:
        return None
    try:
        done = subprocess.run((program, *command[1:]), capture_output=True, text=True, timeout=PATIENCE, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return parse(done.stdout)


def parse(text: str) -> _Quota | None:
    """Read the last line of numbers of `lfs quota -q` or `quota --no-wrap --raw-grace`, which have the same columns.

    KiB used, soft limit, limit, grace; files, soft limit, limit, grace. None where no limit is among them.
    """
    for line in reversed(text.splitlines()):
        words = [word.strip("*[]") for word in line.split()][-8:]
        if len(words) == 8 and all(words[place].isdecimal() for place in (0, 1, 2, 4, 5, 6)):
            used, soft, hard, files, most_soft, most = (int(words[place]) for place in (0, 1, 2, 4, 5, 6))
            limit, most = soft or hard, most_soft or most
            if not limit:
                return None
            return _Quota(used * 1024, limit * 1024, max(0, most - files) if most else None)
    return None


def _type(folder: Path) -> str:
    """The kind of file system that a folder lies on, by the longest mount point above it."""
    place, kind = "", ""
    for line in _MOUNTS.read_text().splitlines():
        _, point, found, *_ = line.split()
        if folder.resolve().is_relative_to(point) and len(point) >= len(place):
            place, kind = point, found
    return kind
