"""`onramp bench up`: how long until the factory is up, and what it asks of Slurm while servers wait.

kept, new     `./onramp up --detach` to ready, in a folder of an earlier start and in an empty one.
rpcs_queued   requests slurmctld answered hub and people in a minute while five servers wait in a queue: those of
              our hub, or of the stock hub (stock/jupyterhub_config.py) in the same factory.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from hub_config.factory.plan import PEOPLE
from tests.bench import interleave
from tests.bench.factory import Factory
from tests.bench.goals import Goal
from tests.bench.hub import Hub, until
from tests.bench.interleave import Contender, Measures, Sample
from tests.bench.outcome import asked, conclude, show
from tests.bench.stock_hub import ADMIN, StockHub, stock_hub


class Size(NamedTuple):
    """How often, and how long, everything is measured."""

    ups: int
    queues: int
    queue_seconds: float


FULL = Size(ups=3, queues=2, queue_seconds=15)
QUICK = Size(ups=1, queues=1, queue_seconds=6)
# The hub asks no more of Slurm while people wait than the stock one does.
GOALS = {"rpcs_queued_ratio": Goal(most=1)}


def main() -> None:
    """Measure, print the tables, save the samples, and end with the line RESULT."""
    size = QUICK if asked("up").quick else FULL
    with Factory() as factory:
        interleave.say("Starting the factory:")
        ups = interleave.interleave(factory_starts(factory), size.ups)
        with stock_hub(factory) as stock:
            interleave.say(f"{len(PEOPLE)} servers in the queue:")
            queues = interleave.interleave(queues_of(factory, stock, size.queue_seconds), size.queues)
            slurm = factory.run("sbatch", "--version").split()[-1]
    report(ups, queues, slurm)


def report(ups: Sequence[Sample], queues: Sequence[Sample], slurm: str) -> None:
    """Print and save what was found."""
    samples = [*ups, *queues]
    results = {
        "seconds": interleave.median(ups, "kept", "seconds"),
        "seconds_new": interleave.median(ups, "new", "seconds"),
        "rpcs_queued": interleave.median(queues, "ours", "rpcs_queued"),
        "rpcs_queued_peer": interleave.median(queues, "peer", "rpcs_queued"),
    }
    show(samples, "seconds", "rpcs_queued")
    ratio = {"rpcs_queued_ratio": interleave.ratio(queues, "rpcs_queued")}
    conclude("up", GOALS, samples, results, {"slurm": slurm}, aside=ratio)


def factory_starts(factory: Factory) -> Sequence[Contender]:
    """Start a factory from nothing, and this one again; it is left running.

    "new" comes first because the first round is not rotated: this factory's own first start is its first sample.
    """

    def new() -> Measures:
        if factory.state.plan is None:
            return {"seconds": factory.up()}
        with Factory() as another:
            return {"seconds": another.up()}

    def kept() -> Measures:
        factory.down()
        return {"seconds": factory.up()}

    return Contender("new", new), Contender("kept", kept)


def queues_of(factory: Factory, stock: StockHub, seconds: float) -> Sequence[Contender]:
    """Let everybody's server wait in the queue of one hub, then of the other."""
    ours, peer = factory.hub(ADMIN), stock.hub(ADMIN)
    for hub in (ours, peer):
        hub.add(PEOPLE)
    return (
        Contender("ours", lambda: queue(factory, ours, seconds)),
        Contender("peer", lambda: queue(factory, peer, seconds)),
    )


def queue(factory: Factory, hub: Hub, seconds: float) -> Measures:
    """Count what slurmctld is asked in a minute while servers wait: nothing starts in a partition that is down."""
    factory.run("scontrol", "update", "PartitionName=cpu", "State=DOWN")
    with ThreadPoolExecutor(len(PEOPLE)) as pool:
        asked = [pool.submit(hub.ask, person) for person in PEOPLE]
        until(lambda: len(factory.run("squeue", "--noheader").splitlines()) == len(PEOPLE), "queued servers")
        before, begin = factory.rpcs(), time.monotonic()
        time.sleep(seconds)
        rpcs = (factory.rpcs() - before) * 60 / (time.monotonic() - begin)
        for done in asked:
            done.result()
        list(pool.map(hub.stop, PEOPLE))
    factory.run("scontrol", "update", "PartitionName=cpu", "State=UP")
    factory.settle()
    return {"rpcs_queued": rpcs}


if __name__ == "__main__":
    main()
