"""What more workers cost of what is left, and when Slurm would start them: said before anything is asked for."""

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from spawners.cluster_plan import ClusterPlan, Pool
from spawners.foresight import Past, foresee, in_words
from spawners.price import Price, cost_sentence, gpu_minutes_sentence, left_of, price, unit_of
from spawners.scheduler import NotPermitted, Scheduler, SchedulerError, Usage

# The seconds that Slurm may take for an answer that only informs, and the hours of accounting that are learned from.
PATIENCE, HOURS = 8.0, 12
NOT_SAID = "Slurm does not say when they start."


class Offer(NamedTuple):
    """So many workers, and two sentences: when the first starts, or that it cannot, and what all cost.

    `starts` is empty where Slurm does not say, and `cost` where nobody knows.
    """

    workers: int
    starts: str
    cost: str

    def __str__(self) -> str:
        number = "1 worker." if self.workers == 1 else f"{self.workers} workers."
        return f"{number} {f'The first {self.starts}' if self.starts else NOT_SAID} {self.cost}".rstrip()


async def offer(plan: ClusterPlan, more: Mapping[str, int], scheduler: Scheduler) -> Offer:
    """Ask what so many more jobs of each profile would mean; each question costs Slurm a job number, so ask seldom."""
    pools = [pool for pool in plan.pools if more.get(pool.profile, 0) > 0]
    starts, usage = await asyncio.gather(_starts(plan, pools, scheduler), _usage(plan, scheduler))
    return Offer(sum(more[pool.profile] for pool in pools), starts, cost(plan, more, usage))


def cost(plan: ClusterPlan, more: Mapping[str, int], usage: Usage | None) -> str:
    """What so many more jobs can cost, at the site's own charge or in GPU minutes, in one sentence."""
    wanted = [(pool, more[pool.profile]) for pool in plan.pools if more.get(pool.profile, 0) > 0]
    prices = [(price(plan.site, pool.resources), jobs) for pool, jobs in wanted]
    known = [(one, jobs) for one, jobs in prices if one is not None]
    if len(known) == len(wanted) and len({one.unit for one, _ in known}) == 1:
        total = Price(sum(one.amount * jobs for one, jobs in known), known[0][0].unit, any(o.reading for o, _ in known))
        charge = plan.site.partition(wanted[0][0].resources.partition).charge
        return cost_sentence(total, None if usage is None else left_of(unit_of(charge, usage), usage))
    needed = sum(pool.resources.gpu_minutes * jobs for pool, jobs in wanted)
    return gpu_minutes_sentence(needed, None if usage is None else usage.gpu_minutes_left)


async def _usage(plan: ClusterPlan, scheduler: Scheduler) -> Usage | None:
    try:
        async with asyncio.timeout(PATIENCE):
            return await scheduler.usage(plan.account or (await scheduler.accounts(plan.user))[0])
    except (SchedulerError, IndexError, TimeoutError):
        return None


async def _starts(plan: ClusterPlan, pools: Sequence[Pool], scheduler: Scheduler) -> str:
    """When the first job of each pool would start; one job is all that Slurm can be asked about."""
    try:
        async with asyncio.timeout(PATIENCE):
            said = await asyncio.gather(*(_start(plan, pool, scheduler) for pool in pools))
    except (SchedulerError, TimeoutError):
        return ""
    named = len(pools) > 1
    parts = [f"{pool.profile} {words}" if named else words for pool, words in zip(pools, said, strict=True) if words]
    return f"{'; '.join(parts)}." if parts else ""


async def _start(plan: ClusterPlan, pool: Pool, scheduler: Scheduler) -> str:
    asked = pool.resources
    script = plan.script(pool, "tls://127.0.0.1:1", plan.name, {})
    try:
        start, jobs = await asyncio.gather(scheduler.test(plan.user, script), scheduler.past([asked.partition], HOURS))
    except NotPermitted as error:
        return f"is not open to you: {error}"
    if start is None:
        return ""
    wait = (start - datetime.now(UTC)).total_seconds()
    return f"starts {in_words(foresee(asked.partition, asked.qos, wait, Past(jobs=jobs)).range)}"
