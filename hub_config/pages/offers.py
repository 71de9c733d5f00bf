"""The start page's offers: what each profile is for, what it brings, and what it costs of what is left."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from spawners.accounts import Account, AccountError
from spawners.door import Door
from spawners.request import Request, resolve
from spawners.scheduler import Scheduler, SchedulerError, Usage
from spawners.server_job import describe, duration, server_job
from spawners.server_options import server_profiles
from spawners.site import Profile, Site

# The page does not wait longer than this for a slow scheduler; it then shows no cost, or no start.
PATIENCE = 4.0
SLURM_IS_AWAY = "Slurm does not answer just now, so costs are not shown. You can start all the same."


@dataclass(frozen=True)
class Offer:
    """One card; `cost` and `starts` are sentences, and empty where nothing is known."""

    profile: Profile
    brings: str
    cost: str
    starts: str


@dataclass(frozen=True)
class Start:
    """All that the start page says: `accounts` with what is left of each, `chosen` last time by option."""

    server: str
    offers: Sequence[Offer]
    accounts: Mapping[str, str]
    choose_account: bool
    trouble: str
    chosen: Mapping[str, object]


async def offers(door: Door, spawner: Any) -> Start:
    """Ask the scheduler what the person may spend and when a start would be, for each profile for servers."""
    trouble, begins = "", [""] * len(server_profiles(door.site))
    usages: dict[str, Usage] = {}
    try:
        account = spawner.account()
        async with asyncio.timeout(PATIENCE):
            usages = await _usages(door.scheduler, account.name)
        begins = await asyncio.gather(
            *(_starts(door, account, request) for request in _requests(door.site, next(iter(usages), None)))
        )
    except AccountError as error:
        trouble = str(error)
    except (SchedulerError, TimeoutError):
        trouble = SLURM_IS_AWAY
    default = next(iter(usages.values()), None)
    return Start(
        server=spawner.display_name or "",
        offers=[
            _offer(request, door.site, default, begin)
            for request, begin in zip(_requests(door.site, None), begins, strict=True)
        ],
        accounts={name: _left(usage) for name, usage in usages.items()},
        choose_account=len(usages) > 1 or door.site.account.required,
        trouble=trouble,
        chosen=dict(spawner.orm_spawner.user_options or {}),
    )


def _requests(site: Site, account: str | None) -> list[Request]:
    """Return what each offer asks for; the site's example stands in where an account must be named."""
    named = (account or site.account.example) if site.account.required else None
    return [Request(profile=profile.name, account=named) for profile in server_profiles(site)]


async def _starts(door: Door, account: Account, request: Request) -> str:
    """Say when a start would be if it were asked for now."""
    try:
        script, _ = server_job(door.site, request, account, comment="onramp:when:", environment={})
        async with asyncio.timeout(PATIENCE):
            start = await door.scheduler.test(account.name, script)
    except (SchedulerError, TimeoutError):
        return ""
    if start is None:
        return ""
    minutes = round((start - datetime.now(start.tzinfo)).total_seconds() / 60)
    return "Starts at once." if minutes <= 1 else f"Starts in about {about(minutes)}."


def about(minutes: int) -> str:
    """Say how long, as precisely as a queue can be foreseen: "12 minutes", "5 hours", "3 days"."""
    if minutes < 60:
        return duration(minutes)
    if minutes < 48 * 60:
        return duration(round(minutes / 60) * 60)
    return f"{round(minutes / 60 / 24)} days"


async def _usages(scheduler: Scheduler, user: str) -> dict[str, Usage]:
    """Return what each of the person's accounts has and has used, the default account first."""
    names = await scheduler.accounts(user)
    return dict(zip(names, await asyncio.gather(*map(scheduler.usage, names)), strict=True))


def _left(usage: Usage) -> str:
    left = usage.gpu_minutes_left
    return "no limit on GPU minutes" if left is None else f"{number(left)} GPU minutes left"


def _offer(request: Request, site: Site, usage: Usage | None, starts: str) -> Offer:
    resources = resolve(request, site)
    left = None if usage is None else usage.gpu_minutes_left
    cost = _cost(resources.gpu_minutes, left)
    return Offer(site.profile(request.profile), describe(resources), cost, starts)


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
