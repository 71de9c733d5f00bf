"""`onramp bench hub`: one hub with 2 000 people, its files limited to 1 024, on two cores with everything else here.

ours         hub_config with spawners.server.ServerSpawner, ledger and hub on SQLite, as ./onramp up assembles them.
peer         stock JupyterHub with batchspawner 1.3.0's SlurmSpawner, for as many servers as it starts within a bound.
Hub, proxy (configurable-http-proxy) and all that people ask are real. Slurm is replayed (replay.py), since no
slurmctld runs 2 000 servers on two cores: jobs run as soon as they are submitted or when they are let, squeue prints
a file, and all "servers" are one process that answers at one port. What the launcher costs is left out for both: our
spawner speaks to its socket, but nobody becomes another user there, and the peer runs its commands without sudo.

Measured, one after the other on the same hub:
starting     so many starts at a time: starts per second, and the seconds from asking to ready (p99).
class        a class asks for servers within a minute while jobs are held, each person watching the progress: HTTP 429
             seen, calls of squeue per second, the hub's CPU; then all jobs run, and everybody's server must be ready.
idle         all servers up, and nobody does anything: the hub's CPU with its commands.
restart      the hub is killed (SIGKILL) and started again: seconds until it answers; servers lost, counted by the hub
             and by the proxy once each server was polled again.
"""

import asyncio
import time
from collections.abc import Awaitable
from functools import partial
from typing import NamedTuple

from tests.bench import interleave
from tests.bench.crowd import Crowd, Outcome
from tests.bench.goals import Goal
from tests.bench.interleave import Contender, Measures
from tests.bench.outcome import asked, conclude, show
from tests.bench.replayed_hub import ReplayedHub, replayed_hub

MEASURES = (
    "spawns_per_s",
    "spawn_cpu_ms",
    "p50_s",
    "p99_s",
    "refused",
    "class_429",
    "class_not_ready",
    "class_squeue_per_s",
    "class_cpu_pct",
    "idle_cpu_pct",
    "servers",
    "restart_s",
    "restart_cpu_s",
    "lost",
)


class Size(NamedTuple):
    """People in all and in the class; seconds in which starts begin, the class arrives, and nobody does anything.

    After a restart servers are watched for as long as `idle`; JupyterHub polls each of them in 33 seconds.
    """

    people: int
    pupils: int
    within: float
    lesson: float
    idle: float
    at_once: int = 64


GOALS = {
    "spawns_per_s": Goal(least=25),
    "p99_s": Goal(most=5),
    "refused": Goal(most=0),
    "class_429": Goal(most=0),
    "class_not_ready": Goal(most=0),
    "class_squeue_per_s": Goal(most=1),
    "idle_cpu_pct": Goal(most=10),
    "restart_s": Goal(most=15),
    "lost": Goal(most=0),
}
FULL = {"ours": Size(2000, 500, 120, 60, 34), "peer": Size(2000, 100, 30, 12, 34)}
QUICK = {"ours": Size(200, 50, 20, 6, 5), "peer": Size(200, 25, 10, 3, 5)}


def main() -> None:
    """Measure, print the tables, save the samples, and end with the line RESULT."""
    options = asked("hub", "a tenth of the people, for a first look", "ours", "peer")
    sizes = QUICK if options.quick else FULL
    names = [options.only] if options.only else ["ours", "peer"]
    samples = interleave.interleave([Contender(name, partial(measured, name, sizes[name])) for name in names], 1)
    show(samples, *MEASURES)
    results = {
        f"{measure}{'' if name == 'ours' else '_peer'}": interleave.median(samples, name, measure)
        for name in names
        for measure in MEASURES
    }
    conclude("hub", GOALS if "ours" in names else {}, samples, results)


def measured(name: str, size: Size) -> Measures:
    """Let one hub live through all of it."""
    with replayed_hub(name, [f"person{number}" for number in range(size.people)]) as hub:
        hub.add_people()
        return asyncio.run(through(hub, size))


async def through(hub: ReplayedHub, size: Size) -> dict[str, float]:
    """Start, teach, idle, restart."""
    crowd, found = Crowd(hub.api, hub.token), dict[str, float]()
    found |= await starting(hub, crowd.start_all(hub.people[size.pupils :], size.at_once, size.within))
    found |= await lesson(hub, crowd, size)
    up = hub.ready()
    found |= {"servers": len(up), "idle_cpu_pct": 100 * await cpu(hub, size.idle) / size.idle}
    hub.kill()
    found["restart_s"] = hub.start()
    found["restart_cpu_s"] = hub.cpu_seconds()
    await asyncio.sleep(size.idle)
    found["lost"] = len(up - (hub.ready() & hub.routed()))
    return found


async def starting(hub: ReplayedHub, starts: Awaitable[list[Outcome]]) -> dict[str, float]:
    """What comes of many starts."""
    begin, busy = time.monotonic(), hub.cpu_seconds()
    outcomes = await starts
    took, busy = time.monotonic() - begin, hub.cpu_seconds() - busy
    seconds = sorted(outcome.seconds for outcome in outcomes if outcome.ready)
    return {
        "spawns_per_s": len(seconds) / took,
        "spawn_cpu_ms": 1000 * busy / len(seconds),
        "p50_s": seconds[len(seconds) // 2],
        "p99_s": seconds[int(0.99 * len(seconds))],
        "refused": len(outcomes) - len(seconds),
    }


async def lesson(hub: ReplayedHub, crowd: Crowd, size: Size) -> dict[str, float]:
    """Let a class arrive while jobs are held, and then run its jobs."""
    hub.hold(True)
    before, begin, busy = hub.squeues(), time.monotonic(), hub.cpu_seconds()
    pupils = await crowd.arrive(hub.people[: size.pupils], size.lesson)
    took = time.monotonic() - begin
    asked, busy = hub.squeues() - before, hub.cpu_seconds() - busy
    hub.hold(False)
    outcomes = await asyncio.gather(*pupils)
    return {
        "class_429": sum(outcome.status == 429 for outcome in outcomes),
        "class_not_ready": sum(not outcome.ready for outcome in outcomes),
        "class_squeue_per_s": asked / took,
        "class_cpu_pct": 100 * busy / took,
    }


async def cpu(hub: ReplayedHub, seconds: float) -> float:
    """Return the CPU seconds that the hub needs in so many seconds in which nobody asks it anything."""
    before = hub.cpu_seconds()
    await asyncio.sleep(seconds)
    return hub.cpu_seconds() - before


if __name__ == "__main__":
    main()
