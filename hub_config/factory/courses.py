"""A course's folder packed for the course account: content and rules, in an order that never changes."""

import io
import tarfile
from pathlib import Path

_KEPT = {".yaml", ".ipynb", ".md", ".csv", ".py", ".txt", ".png"}


def pack(folder: Path) -> bytes:
    """Return a tar of the course's files; FileNotFoundError where there is no course.yaml."""
    if not (folder / "course.yaml").is_file():
        raise FileNotFoundError(f"{folder} holds no course: a course.yaml is missing there")
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            hidden = any(part.startswith((".", "__")) for part in name.parts)
            if path.is_file() and not path.is_symlink() and not hidden and path.suffix in _KEPT:
                tar.add(path, str(name), filter=_plain)
    return buffer.getvalue()


def _plain(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Whose the files are is settled where they are unpacked."""
    member.uid = member.gid = 0
    member.uname = member.gname = ""
    member.mode = 0o600
    return member
