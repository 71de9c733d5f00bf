"""How a person's servers ended, as pages show it: why, when, what was printed last, and the starts that help."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from spawners.door import Door
from spawners.ending import Ending
from spawners.ledger import LedgerError
from spawners.remedy import Remedy, remedies


@dataclass(frozen=True)
class Ended:
    """The end of a server's last start; `ending` has a sentence only where an older Onramp noted it."""

    at: datetime
    ending: Ending
    remedies: Sequence[Remedy]

    @property
    def unasked(self) -> bool:
        """Whether it ended without its person's having asked for that."""
        return self.ending.cause not in ("stopped", "done")

    @property
    def when(self) -> str:
        """The time, with the day where that was another: "14:05", "20 November, 14:05"."""
        at = self.at.astimezone()
        clock = f"{at:%H:%M}"
        return clock if at.date() == datetime.now().astimezone().date() else f"{at.day} {at:%B}, {clock}"


def ended(door: Door, user: Any, server: str) -> Ended | None:
    """Return how the last start of a server ended; None where there was none, it is not over, or nothing is known."""
    try:
        start = door.ledger.last(user.name, server)
    except LedgerError:
        return None
    if start is None or start.ended is None:
        return None
    ending = start.ending or Ending(cause="unknown", sentence=start.cause or "It is not known why.")
    return Ended(at=start.ended, ending=ending, remedies=remedies(ending, start.options, door.site))
