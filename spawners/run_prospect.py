"""What is to be known of a run before it is submitted: when it would start, and what it costs of what is left."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from pydantic import BaseModel

from spawners.foresight import Past, foresee, in_words
from spawners.price import start_cost
from spawners.render import Job, RenderError, render
from spawners.resources import Resources
from spawners.room import room
from spawners.run_folder import Printer
from spawners.run_record import MOST_SHOWN, me
from spawners.scheduler import NotPermitted, Scheduler, SchedulerError, Usage
from spawners.server_job import describe
from spawners.site import Site

# Nobody waits longer than this to hear what something costs; and of so many hours it is learned when jobs start.
PATIENCE, HOURS = 4.0, 12


class Prospect(BaseModel, frozen=True, extra="forbid"):
    """What a run would get, when it would start, and what it costs; sentences, empty where nobody knows.

    `room` is one only where the home may be too full for what the run writes.
    """

    gets: str
    starts: str = ""
    costs: str = ""
    room: str = ""

    def __str__(self) -> str:
        return " ".join(one for one in (f"It gets {self.gets}.", self.starts, self.costs, self.room) if one)

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        """What IPython shows for a cell that ends in one."""
        printer.text(str(self))


async def prospect(site: Site, resources: Resources, scheduler: Scheduler) -> Prospect:
    """Say what is known; a Slurm that is slow or away keeps nobody from submitting."""
    when, usage = await asyncio.gather(starts(site, resources, scheduler), usage_of(resources.account, scheduler))
    return Prospect(gets=describe(site, resources), starts=when, costs=start_cost(site, resources, usage))


def room_for(content: int) -> str:
    """What is to be said where the home may be too full for the folder of a run of so many bytes; else empty."""
    short = room(Path.home()).short(2 * content + MOST_SHOWN)
    return f"Its record may not fit into your home: {short}" if short else ""


async def starts(site: Site, resources: Resources, scheduler: Scheduler) -> str:
    """When it would start, or that Slurm would not take it, in a sentence; empty where Slurm does not say."""
    job = Job(name="onramp-run", comment="onramp:when:", output="/dev/null", chdir="/", argv=("true",))
    try:
        async with asyncio.timeout(PATIENCE):
            when = await scheduler.test(me(), render(site, resources, job))
            past = Past(jobs=await scheduler.past((resources.partition,), HOURS)) if when else Past()
    except NotPermitted as refused:
        return f"Slurm would not take it: {refused}."
    except (SchedulerError, RenderError, TimeoutError):
        return ""
    if when is None:
        return ""
    wait = (when - datetime.now(UTC)).total_seconds()
    return f"It starts {in_words(foresee(resources.partition, resources.qos, wait, past).range)}."


async def usage_of(account: str | None, scheduler: Scheduler) -> Usage | None:
    """What the account that would pay has left; the person's own first one where none is named."""
    try:
        async with asyncio.timeout(PATIENCE):
            account = account or next(iter(await scheduler.accounts(me())), None)
            return await scheduler.usage(account) if account else None
    except (SchedulerError, TimeoutError):
        return None
