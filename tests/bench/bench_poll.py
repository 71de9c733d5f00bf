"""`onramp bench poll`: what it costs to know of every server whether it lives.

Servers are held jobs on a real slurmctld, each watched by a spawner object of its own in one process, as in a hub:
ours         spawners.server.ServerSpawner, whose state comes from one squeue for all.
peer         batchspawner 1.3.0's SlurmSpawner: one squeue, as the user, for each server and poll.
running      every server is polled each 30 s, JupyterHub's default.
queued       every server is polled each 0.5 s, batchspawner's default while a job waits in the queue.
replayed     10 000 servers and a squeue that prints a recorded answer: what our side costs at that size.
floor        spawners that answer at once: what it costs to ask them.
Once each server has been polled, a case is measured for as long as it takes to poll all again, or for 15 seconds where
that is less, and counted per minute: processes started, CPU seconds of the process and its commands above the floor's,
the event loop's lag (p99, ms), requests slurmctld answered, servers declared dead (all of them live).
"""

import json
import os
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

from spawners.slurm_text import SQUEUE_FIELDS
from tests.bench import interleave
from tests.bench.factory import Factory
from tests.bench.goals import Goal
from tests.bench.interleave import Contender, Measures, Sample
from tests.bench.outcome import asked, conclude, show
from tests.bench.poll_load import warm_up

RUNNING, QUEUED = 30.0, 0.5
SLURM = "/usr/bin"
LOAD = Path(__file__).with_name("poll_load.py")
INSIDE = "/srv/onramp/bench"
USER = "student1"
MEASURES = ("processes", "cpu", "lag", "rpcs", "lost")
# Answers as Slurm's own squeue would, from a file: in it 0x1e stands for the separator our client asks for.
REPLAY = """\
#!/bin/sh
case $* in
*--states=all*)
    for word; do case $word in --format=*) format=$word ;; esac; done
    token=${format#*%i}
    exec sed "s/\036/${token%%%u*}/g" FILE ;;
*) echo 'RUNNING cpu1' ;;
esac
"""


class Size(NamedTuple):
    """How many servers, and the seconds for which those that run and those that queue are measured."""

    running: Sequence[int]
    queued: int
    replayed: int
    seconds: float
    seconds_queued: float


FULL = Size(running=(100, 1000), queued=100, replayed=10_000, seconds=30, seconds_queued=15)
QUICK = Size(running=(100,), queued=20, replayed=1000, seconds=10, seconds_queued=5)
# At the largest number of running servers, and flat in their number.
GOALS = {
    "cpu_ratio": Goal(least=40),
    "process_ratio": Goal(least=300),
    "processes_growth": Goal(most=1.1),
    "lost": Goal(most=0),
}


class Case(NamedTuple):
    """One number of servers, how often each is polled, by whose squeue, and the seconds for which that is measured."""

    name: str
    jobs: str
    every: float
    commands: str
    seconds: float


def main() -> None:
    """Measure, print the tables, save the samples, and end with the line RESULT."""
    size = QUICK if asked("poll", "fewer servers and rounds, for a first look").quick else FULL
    found: dict[str, Sequence[Sample]] = {}
    with Factory() as factory:
        factory.up()
        for number in size.running:
            case = held(factory, f"running-{number}", number, RUNNING, size.seconds)
            # The largest number is what the goals are about.
            found[case.name] = measured(factory, case, rounds=1 + (number == size.running[-1]))
        found["queued"] = measured(factory, held(factory, "queued", size.queued, QUEUED, size.seconds_queued))
        found["replayed"] = measured(factory, replayed(factory, size.replayed, size.seconds))
    report(found, f"running-{size.running[-1]}", least=60 / os.sysconf("SC_CLK_TCK") / size.seconds)


def measured(factory: Factory, case: Case, rounds: int = 1) -> Sequence[Sample]:
    """Measure one case, and leave no job of it."""
    interleave.say(f"{case.name}:")
    contenders = [Contender(name, partial(load, factory, name, case)) for name in ("ours", "peer", "floor")]
    samples = interleave.interleave(contenders, rounds)
    factory.run("scancel", "--user", USER)
    factory.settle()
    return samples


def load(factory: Factory, contender: str, case: Case) -> Measures:
    """Let one process poll all servers of a case, and ask slurmctld what that made it do."""
    before = factory.rpcs(of_root=True)
    arguments = (contender, case.jobs, str(case.every), str(case.seconds), case.commands)
    said = factory.run("python", "-I", f"{INSIDE}/{LOAD.name}", *arguments)
    # Counted over the whole run, which begins with a moment of the same polls.
    rpcs = (factory.rpcs(of_root=True) - before) * 60 / (case.seconds + warm_up(case.every))
    return {**json.loads(said), "rpcs": rpcs}


def held(factory: Factory, name: str, number: int, every: float, seconds: float) -> Case:
    """Queue jobs that never start, as many as there are servers."""
    # Our client asks more often while a server of ours waits in the queue: the comment says whose these are.
    comment = "onramp:bench" if every == QUEUED else "bench"
    loop = f"for i in $(seq {number}); do sbatch --parsable --hold --time=60 --comment={comment} --wrap=true; done"
    (folder(factory) / name).write_text(factory.run("sh", "-c", loop, user=USER))
    return Case(name, f"{INSIDE}/{name}", every, SLURM, seconds)


def replayed(factory: Factory, number: int, seconds: float) -> Case:
    """A squeue that knows as many running jobs as told, one of each field that our client asks for."""
    files = folder(factory)
    ids = [str(job_id) for job_id in range(100_000, 100_000 + number)]
    (files / "replayed").write_text("\n".join(ids))
    (files / "answer").write_text("".join(f"{chr(0x1E).join(row(job_id))}{chr(0x1E)}\n" for job_id in ids))
    (files / "squeue").write_text(REPLAY.replace("FILE", f"{INSIDE}/answer"))
    (files / "squeue").chmod(0o755)
    return Case("replayed", f"{INSIDE}/replayed", RUNNING, INSIDE, seconds)


def folder(factory: Factory) -> Path:
    """The folder that the factory sees as INSIDE, with the program that polls."""
    found = factory.state.folder / INSIDE.removeprefix("/")
    if not found.exists():
        found.mkdir(mode=0o755)
        shutil.copy(LOAD, found)
    return found


def row(job_id: str) -> Sequence[str]:
    """What squeue prints of a running server, field by field."""
    times = ("2026-01-05T08:59:00+0000", "2026-01-05T09:00:00+0000", "2026-01-05T13:00:00+0000")
    fields = (job_id, USER, "RUNNING", "None", "onboarding", "cpu", "cpu1", "1", *times, "onramp-server", "bench")
    assert len(fields) == len(SQUEUE_FIELDS)
    return fields


def report(found: dict[str, Sequence[Sample]], largest: str, least: float) -> None:
    """Print and save what was found; `least` is the least CPU in a minute that can be told from none."""
    for name, samples in found.items():
        print(f"{name}")
        show(samples, *MEASURES)
    samples = found[largest]
    results = {
        "cpu_ratio": cpu_ratio(samples, least),
        "process_ratio": 1 / interleave.ratio(samples, "processes"),
        "rpc_ratio": 1 / interleave.ratio(samples, "rpcs"),
        "lag_p99_ms": interleave.median(samples, "ours", "lag"),
        "lag_p99_ms_peer": interleave.median(samples, "peer", "lag"),
        # Flat in N: what we start in a minute, whatever the number of servers.
        **{
            f"processes_{name.replace('-', '_')}": interleave.median(each, "ours", "processes")
            for name, each in found.items()
            if name != "queued"
        },
        "cpu_ratio_queued": cpu_ratio(found["queued"], least),
        "cpu_ratio_replayed": cpu_ratio(found["replayed"], least),
        "lost": sum(
            sample.measures["lost"] for each in found.values() for sample in each if sample.contender == "ours"
        ),
    }
    growth = [interleave.median(found[name], "ours", "processes") for name in found if name.startswith("running-")]
    every = [sample for each in found.values() for sample in each]
    conclude("poll", GOALS, every, results, aside={"processes_growth": growth[-1] / growth[0]})


def cpu_ratio(samples: Sequence[Sample], least: float) -> float:
    """How many times our CPU the peer needs, both above the floor; ours counts as no less than can be measured."""
    ours, peer, floor = (interleave.median(samples, name, "cpu") for name in ("ours", "peer", "floor"))
    return (peer - floor) / max(ours - floor, least)


if __name__ == "__main__":
    main()
