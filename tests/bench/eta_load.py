"""A busy cluster, and people who ask when they would start: `bench_eta` runs this inside a factory as the hub does.

Arguments: the seed of the load, how many starts are asked about, and the seconds between two of them. Prints one JSON
list: for each start what Slurm foresaw, what our page would say, and the wait that it was, all in seconds.
"""

import asyncio
import json
import random
import sys
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from spawners.accounts import Account
from spawners.foresight import Foreseen
from spawners.lanes import Lanes
from spawners.launcher import SocketLauncher
from spawners.ledger import Ledger
from spawners.render import Job, render
from spawners.request import Request, resolve
from spawners.site import load_site
from spawners.slurm import Slurm

ASKS, OTHERS = "student1", ("student2", "student3")
# Minutes that people ask for, whatever they need.
LIMITS = (1, 2, 3, 5, 10)
# A load that comes in waves, between too much for eight GPUs and little: seconds of a wave, and between two jobs in it.
WAVES = ((60.0, 9.0), (40.0, 22.0))
# How long the last starts are waited for.
DRAIN = 150.0


class Load(NamedTuple):
    """One job of somebody else: after how many seconds it comes, and what it asks for and does."""

    after: float
    gpus: int
    limit: int
    seconds: int


def others(seed: int) -> Iterator[Load]:
    """The jobs of other people, for ever: most end well before their limit, one in ten runs until that ends it."""
    draw = random.Random(seed)
    while True:
        for lasts, gap in WAVES:
            left = lasts
            while left > 0:
                after = draw.expovariate(1 / gap)
                gpus, left = draw.choice((1, 1, 2, 2, 4)), left - after
                if draw.random() < 0.1:
                    yield Load(after, gpus, 1, 3600)
                    continue
                seconds = min(max(draw.lognormvariate(3.0, 0.6), 4), 90)
                wanted = seconds / 60 * draw.uniform(1.2, 6)
                yield Load(after, gpus, next((each for each in LIMITS if each >= wanted), LIMITS[-1]), round(seconds))


class Cluster:
    """The factory's Slurm, seen by the hub's own client, and a ledger that knows nothing yet."""

    def __init__(self) -> None:
        self.site = load_site("local")
        self.slurm = Slurm(SocketLauncher("/run/onramp/launcher.sock"))
        self.ledger = Ledger("sqlite://", "bench")
        self.waits: dict[str, float] = {}
        self._asked: dict[str, tuple[str, datetime]] = {}

    async def load(self, seed: int) -> None:
        """Submit what other people want, until this is cancelled."""
        for number, job in enumerate(others(seed)):
            await asyncio.sleep(job.after)
            request = Request(profile="gpu-1", gpus=job.gpus, cpus_per_task=1, mem=500, time=job.limit)
            await self._submit(OTHERS[number % len(OTHERS)], request, f"load-{number}", job.seconds)

    async def start(self, number: int) -> Foreseen | None:
        """Ask when a server would start, as the start page does a minute after the last, and start it."""
        request = Request(profile="gpu-1", gpus=(1, 2, 4)[number % 3], cpus_per_task=1, mem=500, time=2)
        account = Account(name=ASKS, uid=0, gid=0, home="/")
        way = await Lanes(self.site, self.slurm, self.ledger).soonest(request, account)
        nonce = f"start-{number}"
        self.ledger.ask(
            nonce=nonce, user=ASKS, server=nonce, account=ASKS, options={"profile": "gpu-1"}, foreseen=way.foreseen
        )
        asked = datetime.now(UTC)
        self._asked[await self._submit(ASKS, request, nonce, 5 + 3 * (number % 3))] = nonce, asked
        return way.foreseen

    async def watch(self) -> None:
        """Note when the starts begin, as a hub does, until this is cancelled."""
        while True:
            jobs = await self.slurm.jobs()
            for job_id, (nonce, asked) in list(self._asked.items()):
                job = jobs.get(job_id)
                if job is not None and job.start is not None and (job.running or job.ended):
                    self.ledger.began(nonce, job.start)
                    self.waits[nonce] = max((job.start - asked).total_seconds(), 0.0)
                    del self._asked[job_id]
            await asyncio.sleep(1)

    async def _submit(self, user: str, request: Request, name: str, seconds: int) -> str:
        job = Job(name=name, comment="onramp:bench", output="/dev/null", chdir="/", argv=("sleep", str(seconds)))
        return await self.slurm.submit(user, render(self.site, resolve(request, self.site), job))


async def main(seed: int, starts: int, every: float) -> None:
    """Load the cluster, ask again and again, and print what was said and what came."""
    cluster = Cluster()
    load, watch = asyncio.create_task(cluster.load(seed)), asyncio.create_task(cluster.watch())
    said = []
    for number in range(starts):
        await asyncio.sleep(every)
        if load.done():
            load.result()  # nothing but an error ends it
        said.append(await cluster.start(number))
        print(said[-1], file=sys.stderr, flush=True)
    load.cancel()  # what comes later is served later
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAIN):
            while len(cluster.waits) < starts and not watch.done():
                await asyncio.sleep(1)
    if watch.done():
        watch.result()
    watch.cancel()
    print(
        json.dumps(
            [
                {"foreseen": one and one.wait, "soonest": one and one.soonest, "latest": one and one.latest}
                | {"waited": cluster.waits.get(f"start-{number}")}
                for number, one in enumerate(said)
            ]
        )
    )


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])))
