"""The one door to the scheduler, as one hub process holds it."""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

from spawners.accounts import Accounts
from spawners.kept import Kept
from spawners.lanes import Lanes
from spawners.ledger import Ledger
from spawners.scheduler import Scheduler
from spawners.site import Site

# Seconds for which a page may show again what it was told.
PAGE = 30.0


@dataclass(frozen=True)
class Door:
    """What all servers of one hub process share: its name, the site, the scheduler, the accounts and the ledger."""

    hub: str
    site: Site
    scheduler: Scheduler
    accounts: Accounts
    ledger: Ledger

    @cached_property
    def lanes(self) -> Lanes:
        """Which lane starts soonest, as all servers of this process know it."""
        return Lanes(self.site, self.scheduler, self.ledger)

    @cached_property
    def pages(self) -> Kept[Any]:
        """What the start page was told of each person."""
        return Kept(PAGE)
