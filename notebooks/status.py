"""Status: what this notebook runs on and what it costs, by the job's environment and by Slurm."""

import asyncio
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel

from notebooks import gpus, words
from spawners.node_gpus import visible
from spawners.node_usage import given_memory
from spawners.process import alone
from spawners.room import Room, rooms
from spawners.run_record import me
from spawners.scheduler import Scheduler, SchedulerError
from spawners.site_here import site_here, vendor_here
from spawners.slurm import Slurm

OUTSIDE = (
    "This notebook does not run inside a Slurm job, so there is no node, time limit or budget to show. "
    "A server that was started from the hub's start page has them."
)


class Printer(Protocol):
    """The part of IPython's pretty printer that a Status needs to show itself."""

    def text(self, text: str, /) -> None:
        """Write `text`."""


class Status(BaseModel, frozen=True, extra="forbid"):
    """One job as its owner sees it from inside; `mem` in MiB, GPUs by name; None is not known (yet).

    `rooms` says what is left in home, project and scratch. `asked` is when Slurm was last asked.
    """

    job_id: str | None = None
    partition: str | None = None
    account: str | None = None
    node: str | None = None
    cpus: int | None = None
    mem: int | None = None
    gpus: tuple[str, ...] = ()
    stand_ins: tuple[str, ...] = ()
    driver: bool = False
    end: datetime | None = None
    gpu_minutes_used: int | None = None
    gpu_minutes_limit: int | None = None
    rooms: dict[str, Room] = {}
    problem: str | None = None
    asked: datetime | None = None

    @property
    def time_left(self) -> float | None:
        """Seconds until Slurm ends this job, never below zero."""
        return None if self.end is None else max(0.0, (self.end - datetime.now(UTC)).total_seconds())

    def lines(self, now: datetime) -> tuple[tuple[str, str], ...]:
        """What to tell the owner at `now`, as pairs of a name and a sentence; empty outside a job."""
        if self.job_id is None:
            return ()
        where = f", in partition {self.partition}." if self.partition else "."
        budget = words.budget(self.gpu_minutes_used, self.gpu_minutes_limit, self.account)
        lines = [
            ("Job", f"{self.job_id}{where}"),
            ("Node", words.node(self.node or "Not known", self.cpus, self.mem)),
            ("GPUs", words.gpus(self.gpus, self.stand_ins, driver=self.driver)),
            ("Time left", words.time_left(self.end, now)),
            ("Budget", f"{budget} {words.cost(self.gpus)}"),
            *((name.capitalize(), str(room)) for name, room in self.rooms.items()),
        ]
        if self.problem:
            lines.append(("Note", f"Slurm did not answer everything: {self.problem}"))
        return tuple(lines)

    def __str__(self) -> str:
        """The same words as the panel's, for a terminal, a log, or a notebook that is read another day."""
        now = datetime.now(UTC)
        lines = self.lines(now) and (*self.lines(now), ("As of", words.moment(now)))
        return "\n".join(f"{name}: {text}" for name, text in lines) or OUTSIDE

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        """What IPython shows for a cell that ends in `onramp.status()`."""
        printer.text(str(self))


def status() -> Status:
    """What this notebook runs on and what it costs, now; asks Slurm, and says in `problem` if that failed."""
    return alone(ask(from_environment(os.environ), Slurm()))


def status_within(seconds: float, scheduler: Scheduler) -> Status:
    """The same, but what Slurm does not answer within `seconds` is not known yet; `scheduler` is used up by it."""
    known = from_environment(os.environ)

    async def answer() -> Status:
        try:
            async with asyncio.timeout(seconds):
                return await ask(known, scheduler)
        except TimeoutError:
            return known

    return alone(answer())


def from_environment(environ: Mapping[str, str]) -> Status:
    """What the job's environment alone tells: everything but the time left and the budget."""
    devices = visible(environ, vendor_here(environ))
    return Status(
        job_id=environ.get("SLURM_JOB_ID"),
        partition=environ.get("SLURM_JOB_PARTITION"),
        account=environ.get("SLURM_JOB_ACCOUNT"),
        node=environ.get("SLURMD_NODENAME"),
        cpus=_int(environ, "SLURM_CPUS_PER_TASK") or _int(environ, "SLURM_CPUS_ON_NODE"),
        mem=given_memory(environ),
        gpus=devices,
        stand_ins=gpus.stand_ins(devices, environ.get("SLURMD_NODENAME")),
        driver=gpus.driver(),
    )


async def ask(known: Status, scheduler: Scheduler) -> Status:
    """Add what is not in the environment: when this job ends, what its account has left, and what room files have."""
    if known.job_id is None:
        return known
    answers: dict[str, object] = {"rooms": await asyncio.to_thread(rooms, _folders(os.environ, known.account))}
    problems = []
    for question in (_end, _usage):
        try:
            answers |= await question(known, scheduler)
        except SchedulerError as error:
            problems.append(str(error))
    return known.model_copy(update={**answers, "problem": " ".join(problems) or None, "asked": datetime.now(UTC)})


async def _end(known: Status, scheduler: Scheduler) -> dict[str, object]:
    snapshot = await scheduler.jobs()
    if snapshot.stale:
        raise SchedulerError(snapshot.error)
    job = snapshot.get(known.job_id or "")
    return {"end": job.end} if job else {}


async def _usage(known: Status, scheduler: Scheduler) -> dict[str, object]:
    if known.account is None:
        return {}
    usage = await scheduler.usage(known.account)
    return {"gpu_minutes_used": usage.gpu_minutes_used, "gpu_minutes_limit": usage.gpu_minutes_limit}


def _folders(environ: Mapping[str, str], account: str | None) -> dict[str, str]:
    """Where this person's files are kept, with the home that is really theirs."""
    site = site_here(environ)
    return (site.folders(me(), account) if site else {}) | {"home": str(Path.home())}


def _int(environ: Mapping[str, str], name: str) -> int | None:
    value = environ.get(name, "")
    return int(value) if value.isdecimal() else None
