"""Status: what this notebook runs on and what it costs, by the job's environment and by Slurm."""

import asyncio
import os
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Protocol

from pydantic import BaseModel

from notebooks import gpus, words
from spawners.scheduler import Scheduler, SchedulerError
from spawners.site import SiteError, load_site
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
    """One job as its owner sees it from inside; `mem` in MiB, `gpus` by name; None is not known (yet)."""

    job_id: str | None = None
    partition: str | None = None
    account: str | None = None
    node: str | None = None
    cpus: int | None = None
    mem: int | None = None
    gpus: tuple[str, ...] = ()
    driver: bool = False
    end: datetime | None = None
    gpu_minutes_used: int | None = None
    gpu_minutes_limit: int | None = None
    problem: str | None = None

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
            ("GPUs", words.gpus(self.gpus, driver=self.driver)),
            ("Time left", words.time_left(self.end, now)),
            ("Budget", f"{budget} {words.cost(self.gpus)}"),
        ]
        if self.problem:
            lines.append(("Note", f"Slurm did not answer everything: {self.problem}"))
        return tuple(lines)

    def __str__(self) -> str:
        """The same words as the panel's, for a terminal or a log."""
        return "\n".join(f"{name}: {text}" for name, text in self.lines(datetime.now(UTC))) or OUTSIDE

    def _repr_pretty_(self, printer: Printer, cycle: bool) -> None:
        """What IPython shows for a cell that ends in `onramp.status()`."""
        printer.text(str(self))


def status() -> Status:
    """What this notebook runs on and what it costs, now; asks Slurm, and says in `problem` if that failed."""
    # A notebook's own event loop is running while a cell runs, so the questions get a loop of their own.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(ask(from_environment(os.environ), Slurm()))).result()


def from_environment(environ: Mapping[str, str]) -> Status:
    """What the job's environment alone tells: everything but the time left and the budget."""
    cpus = _int(environ, "SLURM_CPUS_PER_TASK") or _int(environ, "SLURM_CPUS_ON_NODE")
    per_cpu = _int(environ, "SLURM_MEM_PER_CPU")
    return Status(
        job_id=environ.get("SLURM_JOB_ID"),
        partition=environ.get("SLURM_JOB_PARTITION"),
        account=environ.get("SLURM_JOB_ACCOUNT"),
        node=environ.get("SLURMD_NODENAME"),
        cpus=cpus,
        mem=_int(environ, "SLURM_MEM_PER_NODE") or (per_cpu * cpus if per_cpu and cpus else None),
        gpus=gpus.visible(environ, _vendor(environ)),
        driver=gpus.driver(),
    )


async def ask(known: Status, scheduler: Scheduler) -> Status:
    """Add what only the scheduler knows: when this job ends, and what its account has left."""
    if known.job_id is None:
        return known
    answers: dict[str, object] = {}
    problems = []
    for question in (_end, _usage):
        try:
            answers |= await question(known, scheduler)
        except SchedulerError as error:
            problems.append(str(error))
    return known.model_copy(update={**answers, "problem": " ".join(problems) or None})


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


def _vendor(environ: Mapping[str, str]) -> str | None:
    """The make of this site's GPUs; a site file that is missing or wrong here must not stop a learner."""
    try:
        site = load_site(environ.get("ONRAMP_SITE", ""))
    except SiteError:
        return None
    return site.gpu.vendor if site.gpu else None


def _int(environ: Mapping[str, str], name: str) -> int | None:
    value = environ.get(name, "")
    return int(value) if value.isdecimal() else None
