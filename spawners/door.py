"""The one door to the scheduler, as one hub process holds it."""

from dataclasses import dataclass

from spawners.accounts import Accounts
from spawners.scheduler import Scheduler
from spawners.site import Site


@dataclass(frozen=True)
class Door:
    """What all servers of one hub process share: its name, the site, the scheduler and the accounts."""

    hub: str
    site: Site
    scheduler: Scheduler
    accounts: Accounts
