"""The one door to the scheduler, as one hub process holds it."""

from dataclasses import dataclass
from functools import cached_property

from spawners.accounts import Accounts
from spawners.lanes import Lanes
from spawners.ledger import Ledger
from spawners.scheduler import Scheduler
from spawners.site import Site


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
