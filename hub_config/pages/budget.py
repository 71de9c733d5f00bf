"""What a person's accounts have left, in the site's own unit, and how long that lasts."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from spawners.door import Door
from spawners.price import BurnDown, Unit, amount, burn_down, left_of, unit_of, units
from spawners.scheduler import Scheduler, SchedulerError, Usage
from spawners.site import Site
from spawners.site_parts import Charge

# The rate of use is that of so many days, and is left out where accounting needs longer than so many seconds.
DAYS, PATIENCE = 14, 4.0


@dataclass(frozen=True)
class Budget:
    """One account: its usage, and the unit in which it is told here."""

    account: str
    usage: Usage
    unit: Unit

    @property
    def left(self) -> str:
        """What is left, in words."""
        left = left_of(self.unit, self.usage)
        return f"no limit on {units(self.unit.name)}" if left is None else f"{amount(left, self.unit.name)} left"


async def budgets(door: Door, user: str) -> dict[str, Budget]:
    """Ask for each of the person's accounts, the default one first."""
    names = await door.scheduler.accounts(user)
    usages = await asyncio.gather(*map(door.scheduler.usage, names))
    charge = _charge(door.site)
    return {name: Budget(name, usage, unit_of(charge, usage)) for name, usage in zip(names, usages, strict=True)}


async def budget_sentence(budget: Budget, scheduler: Scheduler) -> str:
    """Say what is left of an account, and how long that lasts where accounting tells how fast it is used."""
    left, lasts = left_of(budget.unit, budget.usage), ""
    if left is not None:
        try:
            async with asyncio.timeout(PATIENCE):
                lasts = _lasts(burn_down(await _use(budget, scheduler), left, date.today()))
        except (SchedulerError, TimeoutError):
            pass
    return f"Account {budget.account}: {budget.left}{lasts}."


async def _use(budget: Budget, scheduler: Scheduler) -> dict[date, float]:
    """Return what was used on each of the last days, in the unit of the budget."""
    days = await scheduler.daily_use(budget.account, DAYS)
    return {day: used.get(budget.unit.tres, 0.0) * budget.unit.per_minute for day, used in days.items()}


def _charge(site: Site) -> Charge | None:
    """Return what budgets are counted in: the charge of the first profile that costs anything, GPUs before others."""
    profiles: Sequence[str] = [p.partition for p in sorted(site.profiles, key=lambda profile: not profile.gpus)]
    charges = (site.partition(name).charge for name in profiles)
    return next((charge for charge in charges if charge is not None and charge.rate), None)


def _lasts(burn: BurnDown | None) -> str:
    if burn is None:
        return ""
    if burn.ends is None:
        return ", which lasts more than a year at the rate of the last two weeks"
    return f", which lasts until about {burn.ends.day} {burn.ends:%B %Y} at the rate of the last two weeks"
