"""The start page's offers: what each profile is for, what it brings, what it costs of what is left, when it starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hub_config.pages.choices import Choices, from_site
from hub_config.pages.found import Found, found, known, usual
from spawners.accounts import AccountError
from spawners.door import Door
from spawners.foresight import in_words
from spawners.lanes import Way
from spawners.price import start_cost
from spawners.resources import fill
from spawners.server_job import describe
from spawners.server_options import server_profiles
from spawners.site import Profile, Site, lanes

# A smaller profile is worth an offer of its own where Slurm foresees a start at least so many seconds sooner.
WORTH_IT = 300


@dataclass(frozen=True)
class Offer:
    """One card; `cost`, `starts`, `caution` and `refusal` are sentences, or empty where there is nothing to be said.

    `lane` is the number of the lane that was chosen; `instead` the name of a profile that starts sooner, and what
    the button says that takes it. A card that is `closed` cannot be chosen.
    """

    profile: Profile
    brings: str
    cost: str
    starts: str
    lane: int
    instead: tuple[str, str] | None
    caution: str
    refusal: str
    closed: bool


@dataclass(frozen=True)
class Start:
    """All that the start page says: `accounts` with what is left of each, `chosen` last time by option.

    `pending` says that Slurm has yet to be asked.
    """

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
    pending: bool


async def offers(door: Door, spawner: Any) -> Start:
    """Say what the person may start, with all that Slurm tells of it."""
    try:
        return _start(door, spawner, await found(door, spawner.account()))
    except AccountError as error:
        return _start(door, spawner, Found(from_site(door.site), trouble=str(error)))


def offers_so_far(door: Door, spawner: Any) -> Start:
    """Say the same as far as it is known without asking Slurm."""
    try:
        return _start(door, spawner, known(door, spawner.account()))
    except AccountError as error:
        return _start(door, spawner, Found(from_site(door.site), trouble=str(error)))


def _start(door: Door, spawner: Any, told: Found) -> Start:
    profiles = server_profiles(door.site)
    untried = all(not profile.verified for profile in profiles)
    return Start(
        server=spawner.display_name or "",
        offers=[
            _offer(door.site, profile, told, caution="" if untried else caution(door.site, [profile]))
            for profile in profiles
        ],
        accounts={name: budget.left for name, budget in told.money.items()},
        budget=told.budget,
        choose_account=len(told.money) > 1 or door.site.account.required,
        example=door.site.account.example,
        trouble=told.trouble,
        caution=caution(door.site, profiles) if untried else "",
        chosen=dict(spawner.orm_spawner.user_options or {}),
        choices=told.choices,
        pending=told.pending,
    )


def _offer(site: Site, profile: Profile, told: Found, *, caution: str) -> Offer:
    way = told.ways.get(profile.name) or Way(0, usual(site, profile, tuple(told.money)), None)
    resources = fill(way.request, site)
    budget = told.money.get(way.request.account or "") or next(iter(told.money.values()), None)
    return Offer(
        profile=profile,
        brings=describe(site, resources),
        cost=start_cost(site, resources, budget.usage if budget else None),
        starts=_starts(site, way),
        lane=way.number,
        instead=_instead(site, profile, told.ways),
        caution=caution,
        refusal=_refusal(way),
        # Another account of theirs may be let in.
        closed=bool(way.refusal) and len(told.money) < 2,
    )


def _refusal(way: Way) -> str:
    """Say that the person may not start this, in Slurm's words."""
    if not way.refusal:
        return ""
    whom = f"the account {way.request.account}" if way.request.account else "you"
    return f"Not open to {whom}. Slurm says: {way.refusal}."


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
