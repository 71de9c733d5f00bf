"""What the start page has to ask Slurm: what a person has left, may choose, and when each offer would start."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from hub_config.pages.budget import Budget, budget_sentence, budgets
from hub_config.pages.choices import Choices, choices, from_site
from spawners.accounts import Account
from spawners.door import Door
from spawners.lanes import Way
from spawners.request import Request
from spawners.scheduler import SchedulerError
from spawners.server_options import server_profiles
from spawners.site import Profile, Site
from spawners.site_parts import account_pattern

# Nobody waits longer than this for a slow scheduler; the page then shows no cost, or no start.
PATIENCE = 4.0
SLURM_IS_AWAY = "Slurm does not answer just now, so costs are not shown. You can start all the same."


@dataclass(frozen=True)
class Found:
    """What is known of a person: accounts, the sentence on the default one, ways into the queue, and choices.

    `pending` says that Slurm has yet to be asked; `trouble` why something is missing.
    """

    choices: Choices
    money: Mapping[str, Budget] = field(default_factory=dict)
    budget: str = ""
    ways: Mapping[str, Way] = field(default_factory=dict)
    trouble: str = ""
    pending: bool = False


async def found(door: Door, account: Account) -> Found:
    """Ask, or take what another page of the same person was told just now."""
    told: Found = await door.pages.get(account.name, lambda: _ask(door, account))
    return told


def known(door: Door, account: Account) -> Found:
    """What is known without asking anything, and so without waiting."""
    told: Found | None = door.pages.known(account.name)
    return told or Found(from_site(door.site), pending=True)


async def _ask(door: Door, account: Account) -> Found:
    try:
        async with asyncio.timeout(PATIENCE):
            money = await budgets(door, account.name)
    except (SchedulerError, TimeoutError):
        return Found(from_site(door.site), trouble=SLURM_IS_AWAY)
    ways, budget, more = await asyncio.gather(
        _ways(door, account, tuple(money)), _budget(door, money), choices(door, account.name)
    )
    return Found(more, money, budget, ways)


async def _ways(door: Door, account: Account, names: Sequence[str]) -> dict[str, Way]:
    """Return the soonest lane of each profile for servers."""
    requests = [usual(door.site, profile, names) for profile in server_profiles(door.site)]
    soonest = await asyncio.gather(*(door.lanes.soonest(request, account) for request in requests))
    return {way.request.profile: way for way in soonest}


async def _budget(door: Door, money: Mapping[str, Budget]) -> str:
    """Return the sentence on the person's default account; empty where they have none."""
    default = next(iter(money.values()), None)
    return "" if default is None else await budget_sentence(default, door.scheduler)


def usual(site: Site, profile: Profile, names: Sequence[str]) -> Request:
    """Return what a card asks for; where an account is named, the person's first that the partition takes."""
    if not site.account.required and len(names) < 2:
        return Request(profile=profile.name)
    form = account_pattern(site.partition(profile.partition).account or site.account.template)
    fitting = (name for name in names if form.fullmatch(name))
    return Request(profile=profile.name, account=next(fitting, site.account.example.split()[0]))
