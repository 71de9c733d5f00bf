"""The start page's offers: what each profile is for, what it brings, what it costs of what is left, when it starts."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub_config.pages.budget import Budget, budget_sentence, budgets
from hub_config.pages.choices import Choices, choices
from spawners.accounts import Account, AccountError
from spawners.door import Door
from spawners.foresight import in_words
from spawners.lanes import Way
from spawners.price import cost_sentence, price, written
from spawners.request import Request
from spawners.resources import Resources, fill
from spawners.scheduler import SchedulerError
from spawners.server_job import describe
from spawners.server_options import server_profiles
from spawners.site import Profile, Site, lanes
from spawners.site_parts import account_pattern

# The page does not wait longer than this for a slow scheduler; it then shows no cost, or no start.
PATIENCE = 4.0
SLURM_IS_AWAY = "Slurm does not answer just now, so costs are not shown. You can start all the same."
# A smaller profile is worth an offer of its own where Slurm foresees a start at least so many seconds sooner.
WORTH_IT = 300


@dataclass(frozen=True)
class Offer:
    """One card; `cost`, `starts` and `caution` are sentences, and empty where nothing is known or to be said.

    `lane` is the number of the lane that was chosen; `instead` the name of a profile that starts sooner, and what
    the button says that takes it.
    """

    profile: Profile
    brings: str
    cost: str
    starts: str
    lane: int
    instead: tuple[str, str] | None
    caution: str


@dataclass(frozen=True)
class Start:
    """All that the start page says: `accounts` with what is left of each, `chosen` last time by option."""

    server: str
    offers: Sequence[Offer]
    accounts: Mapping[str, str]
    budget: str
    choose_account: bool
    example: str
    trouble: str
    caution: str
    chosen: Mapping[str, object]
    choices: Choices


async def offers(door: Door, spawner: Any) -> Start:
    """Ask the scheduler what the person may spend and when a start would be, for each profile for servers."""
    trouble, budget, money, found, more = "", "", dict[str, Budget](), dict[str, Way](), Choices()
    try:
        account = spawner.account()
        async with asyncio.timeout(PATIENCE):
            money = await budgets(door, account.name)
        found, budget, more = await asyncio.gather(
            _ways(door, account, tuple(money)), _budget(door, money), choices(door, account.name)
        )
    except AccountError as error:
        trouble = str(error)
    except (SchedulerError, TimeoutError):
        trouble = SLURM_IS_AWAY
    profiles = server_profiles(door.site)
    untried = all(not profile.verified for profile in profiles)
    return Start(
        server=spawner.display_name or "",
        offers=[
            _offer(door.site, profile, money, found, caution="" if untried else caution(door.site, [profile]))
            for profile in profiles
        ],
        accounts={name: budget.left for name, budget in money.items()},
        budget=budget,
        choose_account=len(money) > 1 or door.site.account.required,
        example=door.site.account.example,
        trouble=trouble,
        caution=caution(door.site, profiles) if untried else "",
        chosen=dict(spawner.orm_spawner.user_options or {}),
        choices=more,
    )


async def _ways(door: Door, account: Account, names: Sequence[str]) -> dict[str, Way]:
    """Return the soonest lane of each profile for servers."""
    requests = [_request(door.site, profile, names) for profile in server_profiles(door.site)]
    found = await asyncio.gather(*(door.lanes.soonest(request, account) for request in requests))
    return {way.request.profile: way for way in found}


async def _budget(door: Door, money: Mapping[str, Budget]) -> str:
    """Return the sentence on the person's default account; empty where they have none."""
    default = next(iter(money.values()), None)
    return "" if default is None else await budget_sentence(default, door.scheduler)


def _request(site: Site, profile: Profile, names: Sequence[str]) -> Request:
    """Return what a card asks for; where an account is named, the person's first that the partition takes."""
    if not site.account.required and len(names) < 2:
        return Request(profile=profile.name)
    form = account_pattern(site.partition(profile.partition).account or site.account.template)
    fitting = (name for name in names if form.fullmatch(name))
    return Request(profile=profile.name, account=next(fitting, site.account.example.split()[0]))


def _offer(
    site: Site, profile: Profile, money: Mapping[str, Budget], found: Mapping[str, Way], *, caution: str
) -> Offer:
    way = found.get(profile.name) or Way(0, _request(site, profile, tuple(money)), None)
    resources = fill(way.request, site)
    budget = money.get(way.request.account or "") or next(iter(money.values()), None)
    return Offer(
        profile=profile,
        brings=describe(site, resources),
        cost=_cost(site, resources, budget),
        starts=_starts(site, way),
        lane=way.number,
        instead=_instead(site, profile, found),
        caution=caution,
    )


def _cost(site: Site, resources: Resources, budget: Budget | None) -> str:
    """Say what a start costs of what is left: at the site's own charge, or in GPU minutes where that is not known."""
    cost = price(site, resources)
    if cost is not None:
        left = None if budget is None else budget.left_at(site.partition(resources.partition).charge)
        return cost_sentence(cost, left)
    needed, left = resources.gpu_minutes, None if budget is None else budget.usage.gpu_minutes_left
    if not needed:
        return "Uses no GPU minutes."
    if left is None:
        return f"Uses up to {written(needed)} GPU minutes."
    if needed > left:
        return f"Needs {written(needed)} GPU minutes; {written(left)} are left."
    return f"Uses up to {written(needed)} of {written(left)} GPU minutes left."


def _starts(site: Site, way: Way) -> str:
    """Say when a start would be, and by which queue where that is not the profile's own."""
    if way.foreseen is None:
        return ""
    lane = lanes(site.profile(way.request.profile))[way.number]
    queue = f", in the queue {way.request.qos or lane.partition}" if way.number else ""
    return f"Starts {in_words(way.foreseen.range)}{queue}."


def _instead(site: Site, profile: Profile, found: Mapping[str, Way]) -> tuple[str, str] | None:
    """Return the smaller profile that starts sooner, and the words for it."""
    own, other = found.get(profile.name), found.get(profile.fallback or "")
    if own is None or other is None or own.foreseen is None or other.foreseen is None:
        return None
    if own.foreseen.wait - other.foreseen.wait < WORTH_IT:
        return None
    when = in_words(other.foreseen.range)
    return other.request.profile, f"Starts {when}: {site.profile(other.request.profile).display_name}"


def caution(site: Site, profiles: Sequence[Profile]) -> str:
    """Say that profiles were read and not tried, where that is so."""
    if any(profile.verified for profile in profiles):
        return ""
    name = site.title.partition(" (")[0]
    if len(profiles) == 1:
        return f"Nobody has run this profile on {name} yet: its limits were read, not tried."
    return f"Nobody has run these profiles on {name} yet: their limits were read, not tried."
