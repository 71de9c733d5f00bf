"""`onramp bench spawn`: from the click on Start to what the first cell says, and where the time goes.

ours          our hub: POST …/users/U/server, until U's server answers through the proxy, has started a kernel, and has
              printed the value of a first cell, `1+1`.
peer          the same of stock JupyterHub + batchspawner (stock/jupyterhub_config.py), in the same factory, for the
              same person, with the same packages, partition, CPUs and memory.
moss          the same of jupyterhub_moss (stock/moss_config.py), which is batchspawner with another start page.
floor         `srun … jupyter lab`, by hand, until it has done the same: no hub, no proxy, no job script.
Of each start: its seconds, those of every step of it, CPU seconds of the factory as a whole (hub, Slurm and node) and
of the person's processes on the node, and requests slurmctld answered the hub and the person until the server answered.
"""

import json
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from tests.bench import interleave, meter
from tests.bench.factory import REST, Factory, free_port
from tests.bench.goals import Goal
from tests.bench.hub import Hub, answers, until
from tests.bench.interleave import Contender, Measures, Sample
from tests.bench.outcome import asked, conclude, show
from tests.bench.stock_hub import StockHub, moss_hub, stock_hub
from tests.kernel import Kernel

USER = "student1"
# What the start page of jupyterhub_moss sends, where somebody wants what the others get.
MOSS_OPTIONS = {
    "partition": "cpu",
    "nprocs": 2,
    "memory": "2000",
    "runtime": "4:00:00",
    "output": "moss-%j.log",
    "environment_id": "default",
    "environment_path": "/srv/onramp/venv/bin",
    **dict.fromkeys(("environment_modules", "reservation", "options", "default_url", "root_dir"), ""),
}
# The steps of a start, in their order.
STEPS = {
    "submit": "from the click until Slurm has the job",
    "queue": "until the job's first process has begun",
    "node": "until the server there says that it is running",
    "ready": "until it answers the person, through the proxy",
    "kernel": "until it has begun to start a kernel",
    "cell": "until the first cell has said something",
}
# Half of what stock takes, and a quarter more than JupyterLab takes that nobody starts for a person.
GOALS = {"stock_ratio": Goal(most=0.5), "floor_ratio": Goal(most=1.25)}
_TIME = r"^\[I (\S+ \S+) "
_RUNNING = re.compile(_TIME + r"ServerApp\] Jupyter Server \S+ is running at", re.MULTILINE)
_SUBMITTED = re.compile(_TIME + r".*\] Job (?:\d+ of \S+ is submitted|submitted\. output: \d+)$", re.MULTILINE)


class Size(NamedTuple):
    """How often everything is measured."""

    rounds: int
    warm_up: int


FULL = Size(rounds=20, warm_up=1)
QUICK = Size(rounds=3, warm_up=0)


class Server(NamedTuple):
    """A server that answers: where, with which token, the log of its job, and the Unix time at which Slurm got that."""

    url: str
    token: str
    log: Path
    submitted: float


def main() -> None:
    """Measure, print the tables, save the samples, and end with the line RESULT."""
    size = QUICK if asked("spawn").quick else FULL
    with Factory() as factory:
        factory.up()
        with stock_hub(factory) as stock, moss_hub(factory) as moss:
            interleave.say("From the click to the first cell:")
            samples = interleave.interleave(contenders(factory, stock, moss), size.rounds, warm_up=size.warm_up)
            slurm = factory.run("sbatch", "--version").split()[-1]
    report(samples, slurm)


def contenders(factory: Factory, stock: StockHub, moss: StockHub) -> Sequence[Contender]:
    """Start the same person's server by our hub, by the two others, and by hand."""
    spool, home = factory.state.folder / f"srv/onramp/spool/{USER}", factory.state.folder / f"home/{USER}"
    ours, peer, other = factory.hub(USER), stock.hub(USER), moss.hub(USER)
    return (
        Contender("ours", lambda: by_hub(factory, ours, factory.state.logs / "hub.log", spool)),
        Contender("peer", lambda: by_hub(factory, peer, stock.log, home)),
        Contender("moss", lambda: by_hub(factory, other, moss.log, home, MOSS_OPTIONS)),
        Contender("floor", lambda: by_hand(factory)),
    )


def by_hub(factory: Factory, hub: Hub, log: Path, logs: Path, options: Mapping[str, object] = {}) -> Measures:
    """Start a server by a hub and use it; `log` is the hub's, `logs` the folder of its jobs'."""
    time.sleep(REST)

    def start() -> Server:
        hub.start(USER, options)
        newest = max(logs.glob("*.log"), key=os.path.getmtime)
        return Server(f"{hub.url}/user/{USER}/", hub.token, newest, said(log, _SUBMITTED))

    try:
        return first_cell(factory, start)
    finally:
        hub.stop(USER)
        factory.settle()


def by_hand(factory: Factory) -> Measures:
    """Start JupyterLab on a node as the person would without a hub, and use it."""
    address, token = "127.0.0.1", "bench"  # what every node's name resolves to (docs/decisions/0002)
    port, log = free_port(address), factory.state.logs / "bench-floor.log"
    command = (
        *("srun", "--partition=cpu", "--nodelist=cpu1", "--cpus-per-task=2", "--mem=2000"),
        *("/srv/onramp/venv/bin/jupyter", "lab", "--no-browser", f"--IdentityProvider.token={token}"),
        *(f"--ServerApp.ip={address}", f"--ServerApp.port={port}"),
    )
    process = None

    def start() -> Server:
        nonlocal process
        asked = time.time()
        process = factory.begin(*command, user=USER, log=log)
        until(lambda: answers(f"http://{address}:{port}/api"), "a server by hand")
        return Server(f"http://{address}:{port}/", token, log, asked)

    try:
        return first_cell(factory, start)
    finally:
        factory.run("scancel", "--user", USER)
        if process is not None:
            process.wait()
        factory.settle()


def first_cell(factory: Factory, start: Callable[[], Server]) -> Measures:
    """Start a server, a kernel in it and a cell in that, and return what each step took."""
    before, rpcs = spent_by(factory), factory.rpcs()
    clicked = time.time()
    server = start()
    ready = time.time()
    kernel = Kernel(server.url, server.token)
    begun = time.time()
    kernel.connect()
    with closing(kernel):
        assert kernel.run("1+1") == "2"
    done = time.time()
    after = spent_by(factory)
    points = (clicked, server.submitted, after["began"], said(server.log, _RUNNING), ready, begun, done)
    return {
        "seconds": done - clicked,
        **{step: end - begin for step, (begin, end) in zip(STEPS, pairwise(points), strict=True)},
        "cpu": after["cpu"] - before["cpu"],
        "cpu_node": after["job_cpu"],
        "processes": after["processes"],
        "rpcs": factory.rpcs() - rpcs,
    }


def said(log: Path, what: re.Pattern[str]) -> float:
    """Return the Unix time at which a log said something for the last time."""
    found = what.findall(log.read_text(errors="replace"))
    assert found, f"{log} does not say {what.pattern}"
    return datetime.fromisoformat(found[-1]).timestamp()


def spent_by(factory: Factory) -> Mapping[str, float]:
    """Return what the factory has spent (tests.bench.meter)."""
    found: Mapping[str, float] = json.loads(factory.run("python", "-I", "-c", Path(meter.__file__).read_text()))
    return found


def report(samples: Sequence[Sample], slurm: str) -> None:
    """Print and save what was found."""
    results = {
        "stock_ratio": interleave.ratio(samples, "seconds"),
        "floor_ratio": interleave.ratio(samples, "seconds", peer="floor"),
        "median_s": interleave.median(samples, "ours", "seconds"),
        "peer_s": interleave.median(samples, "peer", "seconds"),
        "moss_ratio": interleave.ratio(samples, "seconds", peer="moss"),
        "moss_s": interleave.median(samples, "moss", "seconds"),
        "floor_s": interleave.median(samples, "floor", "seconds"),
        "cpu_stock_ratio": interleave.ratio(samples, "cpu"),
        "cpu_floor_ratio": interleave.ratio(samples, "cpu", peer="floor"),
        "cpu_s": interleave.median(samples, "ours", "cpu"),
        "rpcs": interleave.median(samples, "ours", "rpcs"),
        "rpcs_peer": interleave.median(samples, "peer", "rpcs"),
    }
    show(samples, "seconds", "cpu", "cpu_node", "rpcs")
    print(interleave.medians(samples, [*STEPS, "processes"]), end="\n\n")
    conclude("spawn", GOALS, samples, results, {"slurm": slurm})


if __name__ == "__main__":
    main()
