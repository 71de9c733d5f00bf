"""What can be seen of the machine itself, to compare before and after."""

import hashlib
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple


class Host(NamedTuple):
    """A machine at one moment; users and enabled units are in `etc`."""

    etc: Mapping[str, str]
    mounts: frozenset[str]
    run: frozenset[str]

    @classmethod
    def look(cls) -> "Host":
        """Look at everything that a factory has no business to change."""
        mounts = Path("/proc/self/mountinfo").read_text().splitlines()
        run = (str(path) for path in Path("/run").rglob("*"))
        return cls(dict(_files(Path("/etc"))), frozenset(mounts), frozenset(run))


def listening() -> frozenset[str]:
    """Return "127.0.0.1:8000 tcp" of everything that waits for connections or datagrams here."""
    waiting = {"tcp": "0A", "udp": "07"}
    found = ((protocol, line.split()) for protocol in waiting for line in _lines(f"/proc/net/{protocol}"))
    return frozenset(f"{_address(words[1])} {protocol}" for protocol, words in found if words[3] == waiting[protocol])


@contextmanager
def namespace_of(pid: int) -> Iterator[frozenset[str]]:
    """Yield the process namespace that `pid` is in, and hold it: once it is gone, another may get its number."""
    held = os.open(f"/proc/{pid}/ns/pid", os.O_RDONLY)
    try:
        yield frozenset({os.readlink(f"/proc/self/fd/{held}")})
    finally:
        os.close(held)


def processes_of(mark: str, namespaces: frozenset[str] = frozenset()) -> dict[int, str]:
    """Return pid → command line of what was started with `mark` in its environment, or lives in these namespaces."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            marked = mark.encode() in (folder / "environ").read_bytes()
            if marked or os.readlink(folder / "ns/pid") in namespaces:
                found[int(folder.name)] = (folder / "cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
    return found


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield path and mode, owner and content."""
    for path in sorted(folder.rglob("*")):
        about = path.lstat()
        content = os.readlink(path) if path.is_symlink() else _digest(path)
        yield str(path), f"{about.st_mode:o} {about.st_uid} {about.st_gid} {content}"


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
    except PermissionError:
        return f"not for us to read, of {path.stat().st_mtime_ns}"


def _lines(file: str) -> list[str]:
    return Path(file).read_text().splitlines()[1:]


def _address(words: str) -> str:
    host, port = words.split(":")
    return ".".join(str(byte) for byte in reversed(bytes.fromhex(host))) + f":{int(port, 16)}"
