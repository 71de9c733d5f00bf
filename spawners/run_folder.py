"""What a run and a sweep have in common: a folder, which is the record, and the name by which Slurm knows them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from spawners.run_record import RUN_COMMENT


class Printer(Protocol):
    """The part of IPython's pretty printer that something needs to show itself."""

    def text(self, text: str, /) -> None:
        """Write `text`."""


class Seen(Protocol):
    """How a run or a sweep was, in Slurm's word and a sentence."""

    @property
    def state(self) -> str:
        """Slurm's word, or NOT_SUBMITTED, UNKNOWN."""

    @property
    def sentence(self) -> str:
        """What it means."""


@dataclass(frozen=True)
class Folder:
    """A folder below ~/runs."""

    folder: Path

    @property
    def name(self) -> str:
        """What it is called: its folder's name."""
        return self.folder.name

    @property
    def comment(self) -> str:
        """What Slurm keeps with its jobs; by it a job is found whose id was not written down."""
        return f"{RUN_COMMENT}{self.name}"

    def look(self) -> Seen:
        """How it is now; asks Slurm."""
        raise NotImplementedError

    def __str__(self) -> str:
        seen = self.look()
        return f"{self.name}: {seen.state}. {seen.sentence}"

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        """What IPython shows for a cell that ends in it."""
        printer.text(str(self))
