"""What learners hand in: kept whole under its sha256, never changed afterwards."""

import hashlib
import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from pydantic import AwareDatetime, BaseModel, Field

from spawners.plain_error import PlainError


class SubmissionError(PlainError, ValueError):
    """This cannot be handed in; the message says what was found and what to do."""


class TooLarge(SubmissionError):
    """It has more bytes than the assignment takes."""


class Submission(BaseModel, frozen=True, extra="forbid"):
    """One attempt as it was received; who and when come from the server, never from the file or its sender."""

    id: int = Field(description="number of the `received` event")
    course: str
    assignment: str
    user: str = Field(description="hub user name")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    path: Path = Field(description="the notebook in the store; do not change it")
    received_at: AwareDatetime
    late: bool = False


class Receipt(BaseModel, frozen=True, extra="forbid"):
    """What a learner holds as proof: the file's sha256, when it arrived, and which attempt it was."""

    id: int
    course: str
    assignment: str
    user: str
    sha256: str
    received_at: AwareDatetime
    late: bool
    percent_off: float = Field(default=0, ge=0, le=100, description="of its points, as things stand, for being late")
    attempt: int = Field(ge=1)
    again: bool = Field(default=False, description="the same file was there already; nothing new was counted")

    @property
    def sentence(self) -> str:
        """The receipt in words."""
        when = spoken(self.received_at)
        if self.again:
            return f"This is the very file you handed in on {when} (attempt {self.attempt}). That receipt stands."
        late = ", after the deadline" if self.late else ""
        off = f": {self.percent_off:g} % of its points are taken off" if self.percent_off else ""
        return f"Received on {when}{late}{off}. Attempt {self.attempt}."


def spoken(moment: datetime) -> str:
    """A moment as people read it, in the server's time zone."""
    return moment.astimezone().strftime("%-d %B %Y, %H:%M %Z").replace(" UTC", " (UTC)")


class Store:
    """Notebooks by their sha256 in a folder of the course account; what is in it is never written again."""

    def __init__(self, folder: Path) -> None:
        """`folder` is made where it is missing, for its owner only."""
        self._folder = folder
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def path(self, sha256: str) -> Path:
        """Where the notebook with this sha256 lies, or would lie."""
        return self._folder / sha256[:2] / sha256

    def incoming(self, limit: int) -> "Incoming":
        """Begin to receive a notebook of at most `limit` bytes."""
        return Incoming(self, self._folder, limit)


class Incoming:
    """A notebook on its way in: written and counted as it arrives, gone unless it is kept."""

    def __init__(self, store: Store, folder: Path, limit: int) -> None:
        """`limit` is in bytes."""
        self._store, self._limit = store, limit
        self._file = tempfile.NamedTemporaryFile(dir=folder, prefix="incoming-", delete=True)  # noqa: SIM115
        self._digest = hashlib.sha256()
        self._size = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def write(self, chunk: bytes) -> None:
        """Take the next bytes. Raises TooLarge once there are more than the limit; what came before is dropped."""
        self._size += len(chunk)
        if self._size > self._limit:
            self.close()
            raise TooLarge(too_large(self._size, self._limit))
        self._digest.update(chunk)
        self._file.write(chunk)

    @property
    def sha256(self) -> str:
        """The sha256 of what has arrived so far."""
        return self._digest.hexdigest()

    def keep(self) -> str:
        """Check that it is a notebook, keep it, and return its sha256. Raises SubmissionError."""
        self._file.flush()
        check_notebook(Path(self._file.name).read_bytes())
        sha256 = self.sha256
        path = self._store.path(sha256)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        os.fsync(self._file.fileno())
        os.fchmod(self._file.fileno(), 0o400)
        if not path.exists():
            os.link(self._file.name, path)
        _settle(path.parent)  # a receipt outlives a power cut, and so does what it is for
        return sha256

    def close(self) -> None:
        """Forget what was not kept."""
        self._file.close()


def _settle(folder: Path) -> None:
    """Return once it is on the disk what a folder holds."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def too_large(found: int, limit: int) -> str:
    """Say that a file is too large, in MB."""
    return (
        f"The notebook is larger than this assignment takes: {found / 1e6:,.1f} MB or more, "
        f"at most {limit / 1e6:,.1f} MB. "
        "Clear its outputs (Edit → Clear Outputs of All Cells), save it and hand it in again."
    )


def check_notebook(content: bytes) -> None:
    """Raise SubmissionError unless this is a Jupyter notebook of format 4."""
    try:
        notebook = json.loads(content)
    except (ValueError, RecursionError):
        raise SubmissionError(
            "This file is not a notebook: it is not JSON. Save the notebook in JupyterLab and hand in the .ipynb file."
        ) from None
    cells = notebook.get("cells") if isinstance(notebook, dict) else None
    if not isinstance(cells, list) or notebook.get("nbformat") != 4:
        raise SubmissionError(
            "This file is JSON, but not a Jupyter notebook of format 4: it has no list of cells. "
            "Hand in the .ipynb file that you fetched and worked in."
        )
