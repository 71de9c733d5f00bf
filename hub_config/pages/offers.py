"""The start page's offers: what each profile is for, what it brings, and what it costs of what is left."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from spawners.accounts import AccountError
from spawners.door import Door
from spawners.request import Request, resolve
from spawners.scheduler import Scheduler, SchedulerError, Usage
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
    """All that the start page says: `accounts` with what is left of each, `chosen` last time by option."""

    server: str
    offers: Sequence[Offer]
    accounts: Mapping[str, str] = field(default_factory=dict)
    trouble: str = ""
    chosen: Mapping[str, object] = field(default_factory=dict)


async def offers(door: Door, spawner: Any) -> Start:
    """Ask the scheduler what the person may spend, and say it for each profile for servers."""
    trouble = ""
    usages: dict[str, Usage] = {}
    try:
        async with asyncio.timeout(PATIENCE):
            usages = await _usages(door.scheduler, spawner.account().name)
    except AccountError as error:
        trouble = str(error)
    except (SchedulerError, TimeoutError):
        trouble = "Slurm does not answer just now, so costs are not shown. You can start all the same."
    default = next(iter(usages.values()), None)
    return Start(
        server=spawner.display_name or "",
        offers=[_offer(profile, door.site, default) for profile in server_profiles(door.site)],
        accounts={name: _left(usage) for name, usage in usages.items()},
        trouble=trouble,
        chosen=dict(spawner.orm_spawner.user_options or {}),
    )


async def _usages(scheduler: Scheduler, user: str) -> dict[str, Usage]:
    """Return what each of the person's accounts has and has used, the default account first."""
    names = await scheduler.accounts(user)
    return dict(zip(names, await asyncio.gather(*map(scheduler.usage, names)), strict=True))


def _left(usage: Usage) -> str:
    left = usage.gpu_minutes_left
    return "no limit on GPU minutes" if left is None else f"{number(left)} GPU minutes left"


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
