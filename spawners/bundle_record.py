"""The record of a bundle, onramp-bundle.json: it names every file, so that a run sees whether all of it came along."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ValidationError

from spawners.run_record import RunError

RECORD, REQUIREMENTS, PACKAGES, WHEELS = "onramp-bundle.json", "requirements.txt", "packages", "wheels"


class Entry(BaseModel, frozen=True, extra="forbid"):
    """A file of a bundle: its size in bytes, and its sha256."""

    size: int
    sha256: str


class Record(BaseModel, frozen=True, extra="forbid"):
    """What a bundle was made of and when, its packages, and every file by its path in the folder."""

    notebook: str
    sha256: str
    at: datetime
    script: str
    python: str
    machine: str
    packages: tuple[str, ...]
    files: dict[str, Entry]


def check_complete(folder: Path) -> None:
    """RunError where a folder is a bundle and a file that it names is missing or cut short; what was added is fine."""
    try:
        record = Record.model_validate_json((folder / RECORD).read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return
    except (OSError, ValidationError):
        raise RunError(f"{folder / RECORD} is no record of a bundle that can be read. Make the bundle anew.") from None
    for name, entry in record.files.items():
        path = folder / name
        size = path.stat().st_size if path.is_file() else None
        if size is None or (size < entry.size and name != record.script):
            what = "is missing" if size is None else f"has {size} bytes of {entry.size}"
            raise RunError(f"The bundle {folder.name} is not whole: {name} {what}. Copy it again, or make it anew.")


def files(place: Path) -> Iterator[Path]:
    """All files below a folder, or the file itself; of installed packages the lists of what they consist of."""
    for path in sorted(place.rglob("*")) if place.is_dir() else [place]:
        inside = path.relative_to(place).parts
        if path.is_file() and (inside[:1] != (PACKAGES,) or path.match("*.dist-info/RECORD")):
            yield path


def entry(path: Path) -> Entry:
    """What is to be known of a file."""
    with path.open("rb") as file:
        return Entry(size=path.stat().st_size, sha256=hashlib.file_digest(file, "sha256").hexdigest())
