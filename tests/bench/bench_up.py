"""`onramp bench up`: how long until the factory is up, and how long a person waits for their server.

kept, new     `./onramp up --detach` to ready, in a folder of an earlier start and in an empty one.
ours          our hub: from POST …/users/U/server until U's server answers GET /user/U/api/status through the proxy.
peer          the same of stock JupyterHub + batchspawner (stock/jupyterhub_config.py), in the same factory, for the
              same person, with the same partition, CPUs and memory.
floor         `srun … python -m jupyter_server`, by hand, until it answers: no hub, no proxy, no job script.
rpcs          requests slurmctld answered to the hub and the person during one start.
rpcs_queued   the same per minute, while five people's servers wait in the queue.
"""

import argparse
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from hub_config.factory.plan import PEOPLE
from tests.bench import interleave
from tests.bench.factory import Factory, end_when_told, free_port
from tests.bench.hub import Hub, answers, until
from tests.bench.interleave import Contender, Measures, Sample
from tests.bench.stock_hub import ADMIN, StockHub, stock_hub

USER = "student1"


class Size(NamedTuple):
    """How often, and how long, everything is measured."""

    ups: int
    warm_up: int
    starts: int
    queues: int
    queue_seconds: float


FULL = Size(ups=3, warm_up=1, starts=7, queues=2, queue_seconds=15)
QUICK = Size(ups=1, warm_up=0, starts=2, queues=1, queue_seconds=6)


def main() -> None:
    """Measure, print the tables, save the samples, and end with the line RESULT."""
    parser = argparse.ArgumentParser(prog="onramp bench up")
    parser.add_argument("--quick", action="store_true", help="fewer rounds, for a first look")
    size = QUICK if parser.parse_args().quick else FULL
    end_when_told()
    with Factory() as factory:
        interleave.say("Starting the factory:")
        ups = interleave.interleave(factory_starts(factory), size.ups)
        with stock_hub(factory) as stock:
            interleave.say("Starting a server:")
            starts = interleave.interleave(server_starts(factory, stock), size.starts, warm_up=size.warm_up)
            interleave.say(f"{len(PEOPLE)} servers in the queue:")
            queues = interleave.interleave(queues_of(factory, stock, size.queue_seconds), size.queues)
            slurm = factory.run("sbatch", "--version").split()[-1]
    report(ups, starts, queues, slurm)


def report(ups: Sequence[Sample], starts: Sequence[Sample], queues: Sequence[Sample], slurm: str) -> None:
    """Print and save what was found."""
    samples = [*ups, *starts, *queues]
    results = {
        "seconds": interleave.median(ups, "kept", "seconds"),
        "seconds_new": interleave.median(ups, "new", "seconds"),
        "wait": interleave.median(starts, "ours", "wait"),
        "wait_peer": interleave.median(starts, "peer", "wait"),
        "wait_ratio": interleave.ratio(starts, "wait"),
        "wait_floor": interleave.median(starts, "floor", "wait"),
        "rpcs": interleave.median(starts, "ours", "rpcs"),
        "rpcs_peer": interleave.median(starts, "peer", "rpcs"),
        "rpcs_queued": interleave.median(queues, "ours", "rpcs_queued"),
        "rpcs_queued_peer": interleave.median(queues, "peer", "rpcs_queued"),
    }
    for measure in ("seconds", "wait", "rpcs", "rpcs_queued"):
        print(interleave.table(samples, measure), end="\n\n")
    file = interleave.save("up", samples, results, {"slurm": slurm})
    print(f"raw samples: {os.path.relpath(file)}")
    print(interleave.result("up", results))


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


def server_starts(factory: Factory, stock: StockHub) -> Sequence[Contender]:
    """Start the same person's server by our hub, by the stock hub, and by hand."""
    ours, peer = factory.hub(USER), stock.hub(USER)
    return (
        Contender("ours", lambda: server_start(factory, ours)),
        Contender("peer", lambda: server_start(factory, peer)),
        Contender("floor", lambda: bare_server(factory)),
    )


def server_start(factory: Factory, hub: Hub) -> Measures:
    """Start and stop a server by a hub."""
    before = factory.rpcs()
    wait = hub.start(USER)
    rpcs = factory.rpcs() - before
    hub.stop(USER)
    factory.settle()
    return {"wait": wait, "rpcs": rpcs}


def bare_server(factory: Factory) -> Measures:
    """Start a Jupyter server on a node as the person would without a hub."""
    address = "127.0.0.1"  # what every node's name resolves to (docs/decisions/0002)
    port = free_port(address)
    begin = time.monotonic()
    process = factory.begin(
        *("srun", "--partition=cpu", "--nodelist=cpu1", "--cpus-per-task=2", "--mem=2000"),
        *("/srv/onramp/venv/bin/python", "-m", "jupyter_server", "--no-browser"),
        *(f"--ServerApp.ip={address}", f"--ServerApp.port={port}"),
        user=USER,
        log=factory.state.logs / "bench-floor.log",
    )
    until(lambda: answers(f"http://{address}:{port}/api"), "a bare server")
    wait = time.monotonic() - begin
    factory.run("scancel", "--user", USER)
    process.wait()
    factory.settle()
    return {"wait": wait}


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
