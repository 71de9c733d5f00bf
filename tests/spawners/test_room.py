"""What room there is: of real file systems, and of quotas in the words of the programs that tell them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from spawners.room import Room, parse, room, rooms

# `quota --no-wrap --raw-grace --user` (quota-tools 4.06), and `lfs quota -q -u` (Lustre 2.15).
QUOTA = """Disk quotas for user student1 (uid 1003):
     Filesystem  blocks   quota   limit   grace   files   quota   limit   grace
nas1:/home 2097152*  2000000 10485760  1796601600   1201    90000   100000        0
"""
LUSTRE = "         /lustre 3145728  0 10485760       -    1201       0       0       -\n"
SPARED = "/p/project [3145728]* 10485760 0 6d23h 10 0 0 -\n"
NONE = "Disk quotas for user root (uid 0): none\n"
UNLIMITED = "/lustre 3145728 0 0 - 1201 0 0 -\n"
GIB = 1024**3
PRINT = "from spawners.room import room; from pathlib import Path; print(room(Path('/mnt')).model_dump_json())"


def test_a_file_system_without_a_quota_tells_its_size_and_says_whose_it_is(tmp_path: Path) -> None:
    told = room(tmp_path)
    assert (told.is_quota, told.files) == (False, None)
    assert 0 <= told.left <= told.limit == os.statvfs(tmp_path).f_blocks * os.statvfs(tmp_path).f_frsize
    assert "shared with others: no quota of yours is known." in str(told)


def test_a_full_one_is_seen_as_full() -> None:
    """A real file system of one mebibyte, in which a file lies."""
    fill = 'mount -t tmpfs -o size=1m none /mnt && head -c 1000000 /dev/zero > /mnt/full && exec "$0" -c "$1"'
    argv = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", fill, sys.executable, PRINT)
    done = subprocess.run(argv, capture_output=True, text=True, cwd=Path(__file__).parents[2], check=True)
    told = Room.model_validate_json(done.stdout)
    assert (told.limit, told.left) == (1024**2, 1024**2 - 245 * 4096)
    assert told.short(10**6) == (f"977 KiB needed, and only 44 KiB left. {told}")
    assert told.short(told.left) == ""


@pytest.mark.parametrize(
    ("text", "used", "limit", "files"),
    [
        (QUOTA, 2 * GIB, 2000000 * 1024, 90000 - 1201),
        (LUSTRE, 3 * GIB, 10 * GIB, None),
        (SPARED, 3 * GIB, 10 * GIB, None),
    ],
)
def test_what_the_programs_print(text: str, used: int, limit: int, files: int | None) -> None:
    """The soft limit is the one that counts, where there is one: beyond it a person has some days."""
    assert parse(text) == (used, limit, files)


@pytest.mark.parametrize("text", [NONE, UNLIMITED, "", "quota: Cannot open quotafile\n", "a b c d e f g h\n"])
def test_no_quota_is_none(text: str) -> None:
    assert parse(text) is None


def program(folder: Path, name: str, text: str) -> None:
    """A program that prints this."""
    path = folder / name
    path.write_text(f"#!/bin/sh\ncat <<'END'\n{text}END\nexit 1\n")
    path.chmod(0o755)


def test_a_quota_counts_before_the_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its program ends with an error where the quota is exceeded, and tells it all the same."""
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    program(tmp_path, "quota", QUOTA.replace("2097152*", "1999900"))
    told = room(tmp_path)
    assert (told.is_quota, told.left, told.files) == (True, 100 * 1024, 88799)
    assert str(told) == "1.9 GiB of your quota of 1.9 GiB used; 100 KiB left, and 88799 more files."
    program(tmp_path, "quota", QUOTA.replace("1201", "90001"))
    assert room(tmp_path).short(0).startswith("your quota allows no more files. 2 GiB of your quota of")


def test_a_program_that_hangs_or_is_broken_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spawners.room.PATIENCE", 0.2)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    (tmp_path / "quota").write_text("#!/bin/sh\nexec sleep 60\n")
    (tmp_path / "quota").chmod(0o755)
    assert not room(tmp_path).is_quota
    (tmp_path / "quota").write_text("no program")
    assert not room(tmp_path).is_quota


def test_on_lustre_its_own_program_is_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    mounts = tmp_path / "mounts"
    mounts.write_text(f"none / tmpfs rw 0 0\nmgs@tcp:/fs {tmp_path} lustre rw 0 0\n")
    monkeypatch.setattr("spawners.room._MOUNTS", mounts)
    program(tmp_path, "lfs", LUSTRE)
    program(tmp_path, "quota", NONE)
    assert (room(tmp_path / "mounts").used, room(tmp_path).limit) == (3 * GIB, 10 * GIB)


def test_a_folder_that_is_not_there_is_left_out(tmp_path: Path) -> None:
    assert list(rooms({"home": str(tmp_path), "scratch": "/no/such/folder"})) == ["home"]
