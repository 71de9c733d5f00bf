"""The start page's offers: what each profile is for, what it brings, and what it costs of what is left."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from spawners.accounts import AccountError
from spawners.door import Door
from spawners.request import Request, resolve
from spawners.scheduler import SchedulerError, Usage
from spawners.server_job import describe
from spawners.server_options import server_profiles
from spawners.site import Profile, Site

# The page does not wait longer than this for a slow scheduler; it then shows no cost.
PATIENCE = 4.0


@dataclass(frozen=True)
class Offer:
    """One card: `cost` is empty where nothing is known or nothing is used up."""

    profile: Profile
    brings: str
    cost: str
    affordable: bool = True


@dataclass(frozen=True)
class Start:
    """All that the start page says. `chosen` is what the person chose last time, by option."""

    server: str
    offers: Sequence[Offer]
    accounts: Sequence[str] = ()
    trouble: str = ""
    chosen: dict[str, object] = field(default_factory=dict)


async def offers(door: Door, spawner: Any) -> Start:
    """Ask the scheduler what the person may spend, and say it for each profile for servers."""
    trouble, usage = "", None
    accounts: tuple[str, ...] = ()
    try:
        async with asyncio.timeout(PATIENCE):
            accounts = await door.scheduler.accounts(spawner.account().name)
            usage = await door.scheduler.usage(accounts[0]) if accounts else None
    except AccountError as error:
        trouble = str(error)
    except (SchedulerError, TimeoutError):
        trouble = "Slurm does not answer just now, so costs are not shown. You can start all the same."
    return Start(
        server=spawner.display_name or "",
        offers=[_offer(profile, door.site, usage) for profile in server_profiles(door.site)],
        accounts=accounts,
        trouble=trouble,
        chosen=dict(spawner.orm_spawner.user_options or {}),
    )


def _offer(profile: Profile, site: Site, usage: Usage | None) -> Offer:
    # The cost does not depend on the account; the example stands in where a site wants one named.
    resources = resolve(Request(profile=profile.name, account=site.account.example), site)
    left = None if usage is None else usage.gpu_minutes_left
    needed = resources.gpu_minutes
    return Offer(profile, describe(resources), _cost(needed, left), affordable=left is None or needed <= left)


def _cost(needed: int, left: int | None) -> str:
    """Say what a start uses up; a profile without GPUs costs nothing that is counted."""
    if not needed:
        return "Uses no GPU minutes."
    if left is None:
        return f"Uses up to {number(needed)} GPU minutes."
    if needed > left:
        return f"Needs {number(needed)} GPU minutes; {number(left)} are left."
    return f"Uses up to {number(needed)} of {number(left)} GPU minutes left."


def number(value: int) -> str:
    """Write a number with a thin gap between thousands, as all of Europe reads it: 5 940."""
    return f"{value:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")
