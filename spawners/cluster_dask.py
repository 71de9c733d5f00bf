"""The cluster itself: Dask's scheduler in this process, encrypted; its workers go through our one door."""

import asyncio
import contextlib
import math
import time
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

from dask.utils import parse_bytes

from spawners.cluster import ClusterError, check_budget, check_jobs
from spawners.cluster_adaptive import WAIT_COUNT, Adaptive
from spawners.cluster_guard import Guard
from spawners.cluster_keys import make_private, write_address
from spawners.cluster_plan import ClusterPlan
from spawners.cluster_pool import PoolCluster
from spawners.cluster_watch import WorkerJob
from spawners.node_job import NodeError
from spawners.scheduler import Scheduler

LOOK = 0.5
# Seconds that closing waits until Slurm shows that no job is left, and where there was none to begin with.
CLOSING, CLOSING_NOTHING = 15.0, 10.0


def start_cluster(plan: ClusterPlan, wanted: Mapping[str, int], scheduler: Scheduler) -> "Cluster":
    """Start the scheduler, the guard and the jobs of a plan; ClusterError, and nothing left, where one fails."""
    with _guarded(plan) as guard:
        cluster = Cluster(plan, scheduler, guard)
    try:
        cluster.scale(wanted)
    except BaseException:
        cluster.close()
        raise
    return cluster


async def start_here(plan: ClusterPlan, wanted: Mapping[str, int], scheduler: Scheduler) -> "Cluster":
    """Start the same in the event loop that asks, which then is the cluster's: its methods have to be awaited."""
    await check_budget(plan, wanted, scheduler)
    with _guarded(plan) as guard:
        cluster = await Cluster(plan, scheduler, guard, asynchronous=True)
    try:
        await cluster.scale(wanted)
    except BaseException:
        await cluster.close()
        raise
    return cluster


@contextlib.contextmanager
def _guarded(plan: ClusterPlan) -> Iterator[Guard]:
    """Start the guard; release it where the scheduler does not start."""
    make_private(plan)
    guard = Guard(plan)
    try:
        yield guard
    except (RuntimeError, NodeError, OSError, ValueError) as error:
        guard.release(CLOSING_NOTHING)
        raise ClusterError(f"The Dask scheduler could not be started on this node: {error}") from error


class Cluster(PoolCluster):
    """A SLURMCluster whose refusals are exceptions, whose traffic is encrypted, and which leaves nothing behind."""

    def __init__(self, plan: ClusterPlan, door: Scheduler, guard: Guard, *, asynchronous: bool = False) -> None:
        """Start the scheduler in this process; there are no workers yet."""
        self._guard, self._awaited = guard, asynchronous
        super().__init__(plan, door, asynchronous=asynchronous)

    @property
    def notes(self) -> tuple[str, ...]:
        """What happened to its jobs, with the time of day, the last thing last."""
        return tuple(self._watch.notes)

    @property
    def profiles(self) -> tuple[str, ...]:
        """The profiles that it has jobs of, that first which grows and shrinks."""
        return tuple(pool.profile for pool in self._plan.pools)

    def scale(  # type: ignore[override]  # as dask_jobqueue has it, and by profile
        self,
        n: int | Mapping[str, int] | None = None,
        jobs: int | Mapping[str, int] = 0,
        memory: str | None = None,
        cores: int | None = None,
    ) -> Any:
        """Ask for so many jobs in all, or of each profile; ClusterError, with Slurm's own words, where it refuses.

        A number changes how many there are of the first profile. A cluster that was adaptive no longer is.
        """
        wanted = jobs if n is None else n
        if not isinstance(wanted, Mapping):
            check_jobs(wanted, least=0)
            each = self._plan.pools[0].resources
            if memory is not None:
                wanted = max(wanted, math.ceil(parse_bytes(memory) / (each.mem << 20)))
            if cores is not None:
                wanted = max(wanted, math.ceil(cores / each.cpus_per_task))
            check_jobs(wanted, least=0)
            wanted = self.spread(wanted)
        self._check_profiles(wanted)
        if self._adaptive is not None:
            self._adaptive.stop()
            self._adaptive = None
        return self.sync(self.order, wanted)

    def adapt(self, *, minimum: int = 0, maximum: int, **options: Any) -> Any:  # type: ignore[override]  # jobs alone
        """Let there be as many jobs as there is work for, within these bounds; of the first profile, where more are.

        A worker that has had nothing to do for a minute is given back. `options` are those of
        `dask.distributed.Adaptive`.
        """
        check_jobs(minimum, least=0)
        check_jobs(maximum, least=1)
        if minimum > maximum:
            raise ClusterError(f"A cluster cannot have at least {minimum} jobs and at most {maximum}.")
        options = {"wait_count": WAIT_COUNT, **options}
        return super().adapt(Adaptive=Adaptive, minimum=minimum, maximum=maximum, **options)

    def jobs(self) -> tuple[WorkerJob, ...]:
        """The cluster's jobs, the oldest first."""
        found: tuple[WorkerJob, ...] = self.sync(self.worker_jobs)
        return found

    def explain(self) -> str:
        """Say for each job, in plain words, what it does or why it waits; and what happened to others."""
        return str(self.sync(self._explain))

    def close(self, timeout: float | None = None) -> Any:
        """End all jobs, the scheduler, and the guard that watched over them; warn where Slurm does not answer."""
        jobs = ", ".join(sorted(str(worker.job_id) for worker in self.workers.values() if worker.job_id))
        try:
            return super().close(timeout)
        finally:
            if not self.asynchronous and not self._guard.release(CLOSING if jobs else CLOSING_NOTHING) and jobs:
                late = f"Slurm does not show yet that these jobs have ended: {jobs}. A process of yours sees to it."
                warnings.warn(late, stacklevel=2)

    async def _close(self) -> None:
        """As Dask's own; in somebody else's event loop the guard is waited for here."""
        await super()._close()
        if self._awaited:
            await asyncio.to_thread(self._guard.release, CLOSING)

    async def _start(self) -> None:
        await super()._start()
        write_address(self._plan, self.scheduler_address)

    async def _wait_for_workers(self, n_workers: int = 0, timeout: float | None = None) -> None:  # noqa: ASYNC109 - Dask's name
        """As Dask's own, but a job that ends before its worker came is an error, and waiting is explained."""
        end = time.monotonic() + timeout if timeout else None
        waiting = asyncio.ensure_future(super()._wait_for_workers(n_workers))
        try:
            while not (await asyncio.wait({waiting}, timeout=LOOK))[0]:
                await self.keep()
                self.raise_failure()
                if end is not None and time.monotonic() > end:
                    came = len(self.scheduler_info["workers"])
                    why = await self._explain()
                    raise ClusterError(f"{came} of {n_workers} workers came within {timeout:.0f} seconds.\n{why}")
            await waiting
        finally:
            waiting.cancel()

    async def _explain(self) -> str:
        jobs = await self.worker_jobs()
        lines = [f"Job {one.job_id}: {one.words(self._door.explain)}" for one in jobs]
        return "\n".join([*(lines or ["No jobs."]), *self.notes])

    def _check_profiles(self, wanted: Mapping[str, int]) -> None:
        """ClusterError for a profile that this cluster has no jobs of, or too many of all."""
        for profile, number in wanted.items():
            if profile not in self.profiles:
                raise ClusterError(
                    f"This cluster has no jobs of the profile {ascii(profile)[:40]}. "
                    f"Choose from: {', '.join(self.profiles)}. A cluster with others is a new one."
                )
            check_jobs(number, least=0)
        check_jobs(sum(wanted.values()), least=0)
