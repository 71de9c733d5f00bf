"""Many servers polled by one process, as a hub polls them: `bench_poll` runs this inside a factory, once per contender.

Arguments: `ours`, `peer` or `floor`, a file of job ids, seconds between two polls of one server, seconds to measure,
and where Slurm's commands are. Prints one JSON object of what was counted while all of them were polled.
"""

import asyncio
import json
import logging
import os
import random
import resource
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from batchspawner import SlurmSpawner

from spawners.accounts import Accounts
from spawners.door import Door
from spawners.launcher import SocketLauncher
from spawners.ledger import Ledger
from spawners.server import ServerSpawner
from spawners.site import load_site
from spawners.slurm import Slurm

# JupyterHub's Spawner.poll_jitter: a fraction of the interval.
JITTER = 0.1
TICK = 0.01
# Seconds before anything is counted, at the least.
WARM_UP = 3.0


def warm_up(every: float) -> float:
    """Return the seconds before anything is counted: by then each server has been polled, as in a hub that runs."""
    return max(WARM_UP, every)


class Person(NamedTuple):
    """What a spawner asks of its hub user while it polls."""

    name: str


class Silent:
    """A spawner that knows nothing: JupyterHub itself asks every server's spawner again and again."""

    async def poll(self) -> None:
        """Answer at once."""


class Counted:
    """Processes started, and how late the event loop woke up, since the last reset."""

    def __init__(self) -> None:
        self.processes = 0
        self.lags: list[float] = []
        sys.addaudithook(self._hear)

    def reset(self) -> None:
        """Begin again: what it took to get going is not what is measured."""
        self.processes, self.lags = 0, []

    async def watch(self) -> None:
        """Sleep again and again, and note how much longer than asked it took."""
        while True:
            before = time.monotonic()
            await asyncio.sleep(TICK)
            self.lags.append(time.monotonic() - before - TICK)

    def _hear(self, event: str, _: object) -> None:
        self.processes += event == "subprocess.Popen"


def spawners(contender: str, jobs: Sequence[str], commands: str) -> Sequence[Any]:
    """One spawner for each job, of our hub or of the stock one."""
    person = Person("student1")
    if contender == "ours":
        site = load_site("local")
        slurm = Slurm(SocketLauncher("/run/onramp/launcher.sock"), bin=commands)
        ledger = Ledger("sqlite://", "bench")
        door = Door(hub="bench", site=site, scheduler=slurm, accounts=Accounts.identity(), ledger=ledger)
        return [made(ServerSpawner(user=person, door=lambda: door), job) for job in jobs]
    if contender == "floor":
        return [made(Silent(), job) for job in jobs]
    # As in stock/jupyterhub_config.py: sudo cannot run in a user namespace, and setpriv does less work.
    stock = {
        # What a hub would tell it, and a poll does not use.
        "req_homedir": "/home/student1",
        "req_keepvars": "",
        "exec_prefix": "setpriv --reuid {username} --regid {username} --init-groups",
        "batch_query_cmd": f"{commands}/squeue -h -j {{job_id}} -o '%T %B'",
    }
    return [made(SlurmSpawner(user=person, **stock), job) for job in jobs]


def made(spawner: Any, job: str) -> Any:
    """Return the spawner as it is after its start: with a job, and silent."""
    spawner.job_id = job
    spawner.log = logging.getLogger("bench")
    return spawner


async def poll_for_ever(spawner: Any, delay: float, every: float, lost: set[str]) -> None:
    """Poll one server as JupyterHub does: at an even share of the interval, then again and again."""
    job = spawner.job_id
    await asyncio.sleep(delay)
    while True:
        spawner.job_id = job
        if await spawner.poll() is not None:
            lost.add(job)
        await asyncio.sleep(every * random.uniform(1 - JITTER, 1 + JITTER))


async def measure(contender: str, jobs: Sequence[str], every: float, seconds: float, commands: str) -> dict[str, float]:
    """Poll all servers for as long as told, after a moment to get going, and count."""
    counted, lost = Counted(), set[str]()
    polling = asyncio.gather(
        counted.watch(),
        *(
            poll_for_ever(spawner, every * number / len(jobs), every, lost)
            for number, spawner in enumerate(spawners(contender, jobs, commands))
        ),
    )
    await asyncio.wait([polling], timeout=warm_up(every))
    counted.reset()
    before, begin = cpu_seconds(), time.monotonic()
    await asyncio.wait([polling], timeout=seconds)
    took, spent, lags = time.monotonic() - begin, cpu_seconds() - before, sorted(counted.lags)
    if polling.done():
        polling.result()  # nothing but an error ends it
    polling.cancel()
    return {
        "processes": counted.processes * 60 / took,
        "cpu": spent * 60 / took,
        "lag": 1000 * lags[int(0.99 * len(lags))],
        "lost": len(lost),
    }


def cpu_seconds() -> float:
    """The CPU seconds of this process and of the processes it has started and waited for."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


async def main(arguments: Sequence[str]) -> NoReturn:
    """Measure, and leave at once: before Python 3.12, a command that is cancelled while it starts waits for ever."""
    contender, file, every, seconds, commands = arguments
    ids = Path(file).read_text().split()
    print(json.dumps(await measure(contender, ids, float(every), float(seconds), commands)), flush=True)
    os._exit(0)


if __name__ == "__main__":
    logging.getLogger("bench").setLevel(logging.CRITICAL)
    asyncio.run(main(sys.argv[1:]))
