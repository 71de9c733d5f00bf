"""What work costs, what is left, and how long that lasts: the charge of a partition, in the site's own unit. Pure."""

import math
from collections.abc import Mapping
from datetime import date, timedelta
from typing import NamedTuple

from spawners.resources import Resources
from spawners.scheduler import Usage
from spawners.site import Partition, Site
from spawners.site_parts import Charge

# What Slurm calls the thing whose minutes a charge counts.
COUNTED = {"gpu": "gres/gpu", "share": "gres/gpu", "node": "node", "cpu": "cpu"}


class Price(NamedTuple):
    """The most that a job can cost: it ends sooner, and costs less, where its work is done sooner.

    `reading`: the site's pages say it in other words, and this is what we made of them.
    """

    amount: float
    unit: str
    reading: bool = False


class Unit(NamedTuple):
    """What a budget is counted in: `name`, and how many of it a minute of Slurm's `tres` is."""

    name: str
    tres: str
    per_minute: float


class BurnDown(NamedTuple):
    """How fast a budget is used, and the day on which it is gone at that rate; None where it lasts for years."""

    per_day: float
    ends: date | None


# Where a charge is not known, GPU minutes are what Slurm limits.
GPU_MINUTES = Unit("GPU minute", "gres/gpu", 1.0)
# A rate tells nothing about a time that is many times as long as the one it was measured in.
FORESEEN = timedelta(days=365)


def price(site: Site, resources: Resources) -> Price | None:
    """The price of a job at its partition's charge; None where the charge, or what it counts, is not known."""
    partition = site.partition(resources.partition)
    charge = partition.charge
    if charge is None:
        return None
    counted = 0 if not charge.rate else _counted(site, partition, resources, charge)
    if counted is None:
        return None
    return Price(counted * charge.rate * resources.time / 60, charge.unit, charge.reading)


def _counted(site: Site, partition: Partition, resources: Resources, charge: Charge) -> float | None:
    """How many GPUs, nodes or CPUs are charged: all of a node where nodes are given whole."""
    whole = partition.exclusive == "always" or (partition.exclusive == "multi-node" and resources.nodes > 1)
    if charge.per == "node":
        return resources.nodes
    if charge.per == "cpu":
        each = partition.cpus_per_node if whole else _cpus(site, partition, resources, charge)
    elif charge.per == "gpu":
        return partition.gpus_per_node * resources.nodes if whole else resources.gpus
    else:
        each = partition.gpus_per_node if whole else _share(site, partition, resources)
    return None if each is None else each * resources.nodes


def _cpus(site: Site, partition: Partition, resources: Resources, charge: Charge) -> int:
    """How many CPUs of a node are taken: by themselves, as the smallest slice, or by memory that belongs to them."""
    taken = max(resources.cpus_per_task, partition.least_cpus or 1)
    if charge.mem_per_cpu and site.memory.asked:
        taken = max(taken, math.ceil(resources.mem / charge.mem_per_cpu))
    return taken


def _share(site: Site, partition: Partition, resources: Resources) -> int | None:
    """How many GPUs of a node are taken: by themselves, or by the CPUs and memory that belong to them.

    None where nobody knows what belongs to a GPU, unless all of a node's GPUs are asked for anyway.
    """
    gpu, taken = site.gpu(partition), resources.gpus // resources.nodes
    if gpu is None or taken == partition.gpus_per_node:
        return taken
    shares = [(resources.cpus_per_task, gpu.cpus_per_gpu)]
    if site.memory.asked:
        shares.append((resources.mem, gpu.mem_per_gpu))
    if any(share is None for _, share in shares):
        return None
    return max(taken, *(math.ceil(asked / share) for asked, share in shares if share))


def unit_of(charge: Charge | None, usage: Usage) -> Unit:
    """What a budget is counted in: what the charge counts, or Slurm's `billing`, in the site's unit; else GPU minutes.

    A site that limits `billing` has put its charge into Slurm's weights, so that an hour of it is one unit.
    """
    if charge is None or not charge.rate:
        return GPU_MINUTES
    if "billing" in usage.limits and COUNTED[charge.per] not in usage.limits:
        return Unit(charge.unit, "billing", 1 / 60)
    return Unit(charge.unit, COUNTED[charge.per], charge.rate / 60)


def left_of(unit: Unit, usage: Usage) -> float | None:
    """What is left of a budget; None where Slurm has no limit on it."""
    minutes = usage.left(unit.tres)
    return None if minutes is None else minutes * unit.per_minute


def burn_down(use: Mapping[date, float], left: float, today: date) -> BurnDown | None:
    """How fast `left` goes, by what was used on each day since the first of `use`; None where nothing was used."""
    first = min((day for day, used in use.items() if used > 0), default=None)
    if first is None:
        return None
    per_day = sum(use.values()) / ((today - first).days + 1)
    lasts = left / per_day
    return BurnDown(per_day, today + timedelta(days=int(lasts)) if lasts <= FORESEEN.days else None)


def written(number: float) -> str:
    """A number as people write it, with a narrow gap between thousands: 5 940, 12.5, 0.125, less than 0.01."""
    if 0 < number < 0.01:
        return "less than 0.01"
    digits = 0 if number >= 100 else 1 if number >= 10 else 2 if number >= 1 else 3
    text = f"{number:,.{digits}f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
    return text.rstrip("0").rstrip(".") if digits else text


def amount(number: float, unit: str) -> str:
    """A number with its unit: 1 GPU-hour, 0.5 GPU-hours, 5 940 GPU minutes, 128 SBU."""
    text = written(number)
    return f"{text} {unit if text == '1' else units(unit)}"


def units(unit: str) -> str:
    """Several of a unit: GPU-hours, SBU."""
    return unit if unit == "SBU" else f"{unit}s"


def cost_sentence(cost: Price, left: float | None) -> str:
    """What a start costs of what is left, in one sentence."""
    if not cost.amount:
        return "Free of charge."
    needed = amount(cost.amount, cost.unit)
    about, by = ("about ", ", by our reading") if cost.reading else ("", "")
    if left is None:
        return f"Costs up to {about}{needed}{by}."
    remaining = written(left)
    if cost.amount > left:
        return f"Needs {about}{needed}{by}; {remaining} {'is' if remaining == '1' else 'are'} left."
    return f"Costs up to {about}{needed} of {remaining} left{by}."


def start_cost(site: Site, resources: Resources, usage: Usage | None) -> str:
    """What a start costs of what is left: at the site's own charge, or in GPU minutes where that is not known.

    `usage` is that of the account that pays; None: nobody knows.
    """
    cost = price(site, resources)
    if cost is not None:
        charge = site.partition(resources.partition).charge
        return cost_sentence(cost, None if usage is None else left_of(unit_of(charge, usage), usage))
    return gpu_minutes_sentence(resources.gpu_minutes, None if usage is None else usage.gpu_minutes_left)


def gpu_minutes_sentence(needed: int, left: int | None) -> str:
    """The same in GPU minutes, which is what Slurm limits where nothing else is known."""
    if not needed:
        return "Uses no GPU minutes."
    if left is None:
        return f"Uses up to {written(needed)} GPU minutes."
    if needed > left:
        return f"Needs {written(needed)} GPU minutes; {written(left)} are left."
    return f"Uses up to {written(needed)} of {written(left)} GPU minutes left."
