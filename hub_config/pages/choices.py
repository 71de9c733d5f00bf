"""What stands under "More choices": what Slurm lets this person use, and what the site has."""

import asyncio
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from hub_config.pages.sizes import Number, environments, numbers, server_places
from spawners.door import Door
from spawners.resources import qos_name
from spawners.scheduler import Reservation, Rights, SchedulerError
from spawners.server_options import server_profiles
from spawners.site import Site, lanes

# The page does not wait longer than this for a slow scheduler; it then offers fewer choices.
PATIENCE = 4.0


@dataclass(frozen=True)
class Choices:
    """What may be chosen, by the value that Slurm gets, with the words for it; one choice alone is none."""

    partition: dict[str, str] = field(default_factory=dict)
    qos: dict[str, str] = field(default_factory=dict)
    reservation: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)
    constraint: dict[str, str] = field(default_factory=dict)
    numbers: tuple[Number, ...] = ()

    def fields(self) -> Iterator[tuple[str, str, str, dict[str, str]]]:
        """The lists to show: the option, its label, what leaving it out means, and the choices."""
        yield "partition", "Partition", "The usual one", self.partition
        yield "qos", "QoS", "The usual one", self.qos
        yield "reservation", "Reservation", "None", self.reservation
        yield "environment", "Environment", "The usual one", self.environment
        yield "constraint", "Feature of the node", "The usual one", self.constraint


async def choices(door: Door, user: str) -> Choices:
    """Ask Slurm what the person may use; where it does not say, nothing is offered."""
    try:
        async with asyncio.timeout(PATIENCE):
            rights, reservations = await asyncio.gather(door.scheduler.rights(user), door.scheduler.reservations())
    except (SchedulerError, TimeoutError):
        return from_site(door.site)
    return replace(
        from_site(door.site),
        partition=_several(partitions(door.site, rights)),
        qos=_several(quality(door.site, rights)),
        reservation={one.name: words(one) for one in reservations if open_to(one, user, rights.accounts)},
    )


def from_site(site: Site) -> Choices:
    """What may be chosen whoever asks: nobody needs to ask Slurm for it."""
    places = server_places(site)
    return Choices(
        environment=_several(environments(site, places)),
        constraint={name: name for place in places for name in place.constraints},
        numbers=numbers(site, places),
    )


def partitions(site: Site, rights: Rights) -> dict[str, str]:
    """The partitions among which some profile for servers has a choice, and that Slurm has open for the person."""
    led = [list(dict.fromkeys(lane.partition for lane in lanes(profile))) for profile in server_profiles(site)]
    names = dict.fromkeys(name for each in led if len(each) > 1 for name in each)
    return {name: site.partition(name).title for name in names if not rights.partitions or name in rights.partitions}


def quality(site: Site, rights: Rights) -> dict[str, str]:
    """The person's QoS that a partition for servers takes."""
    places = {lane.partition for profile in server_profiles(site) for lane in lanes(profile)}
    known = [qos for name in places for qos in site.partition(name).qos]
    taken = {qos_name(qos, account) for qos in known for account in rights.accounts}
    return {name: name for name in rights.qos if name in taken}


def open_to(one: Reservation, user: str, accounts: Collection[str], now: datetime | None = None) -> bool:
    """Say whether a reservation is for this person, and not over."""
    over = one.end is not None and one.end <= (now or datetime.now(UTC))
    return not over and (user in one.users or not one.accounts.isdisjoint(accounts))


def words(one: Reservation) -> str:
    """Name a reservation, where it is and until when."""
    until = "" if one.end is None else f"until {one.end.astimezone():%d %B, %H:%M}"
    begins = (
        "" if one.start is None or one.start <= datetime.now(UTC) else f"from {one.start.astimezone():%d %B, %H:%M}"
    )
    return ", ".join(part for part in (one.name, one.partition, begins, until) if part)


def _several(names: dict[str, str]) -> dict[str, str]:
    return names if len(names) > 1 else {}
