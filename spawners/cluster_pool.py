"""Jobs of one or more pools behind a Dask scheduler: ordered, watched, replaced, and retired without losing results."""

import asyncio
import contextlib
import os
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from itertools import count
from typing import Any

import dask
from distributed.core import Status
from distributed.security import Security
from tornado.ioloop import PeriodicCallback

from spawners import node_work
from spawners.cluster import ClusterError, check_budget
from spawners.cluster_job import ClusterJob
from spawners.cluster_jobqueue import SLURMCluster
from spawners.cluster_keys import write_credentials
from spawners.cluster_pages import ROUTES, new_pages
from spawners.cluster_plan import ClusterPlan, spread
from spawners.cluster_watch import Watch, WorkerJob
from spawners.node_job import node_address
from spawners.scheduler import Scheduler, SchedulerError

# Seconds between two looks at the jobs, those a worker has to hand over what it holds, and those after a refusal in
# which an adaptive cluster does not ask for more.
WATCH, RETIRE, REFUSED = 5.0, 30.0, 60.0


class PoolCluster(SLURMCluster):
    """The scheduler and its jobs, as `worker_spec` wants them: Dask's own dictionary, with the pool of each."""

    job_cls = ClusterJob  # type: ignore[assignment]  # its arguments are ours
    scheduler: Any  # in this process

    def __init__(self, plan: ClusterPlan, door: Scheduler, *, asynchronous: bool) -> None:
        """Start the scheduler in this process; there are no workers yet."""
        self._plan, self._door, self._pages = plan, door, new_pages()
        self._watch = Watch(door.explain, plan.log)
        self._failure: Exception | None = None
        self._refused_at, self._came, self._numbers = float("-inf"), set[str](), count()
        site = plan.site
        place = {"interface": site.interface} if site.interface else {"host": node_address(os.environ)}
        with dask.config.set({"distributed.scheduler.http.routes": list(ROUTES)}):
            super().__init__(
                name=plan.name,
                asynchronous=asynchronous,
                security=Security.temporary(),
                shared_temp_directory=str(plan.folder),
                scheduler_options={**place, "port": 0, **self._pages.options},
                interface=site.interface,
                plan=plan,
                pool=plan.pools[0],
                door=door,
                cores=1,
                memory="1GiB",  # Dask wants to know; what each job gets is said by its pool
                processes=1,
            )

    @property
    def dashboard_link(self) -> str:
        """Where the user's browser finds the dashboard; empty where there is none."""
        return self._pages.link(self.scheduler_info.get("services", {}))

    @property
    def refused_lately(self) -> bool:
        """Whether Slurm has refused a job not long ago."""
        return time.monotonic() - self._refused_at < REFUSED

    def adapts(self, name: str) -> bool:
        """Whether the worker is of the pool that grows and shrinks."""
        return name in self._names(self._plan.pools[0].profile)

    def spread(self, total: int) -> dict[str, int]:
        """How many jobs of each pool a total means now."""
        return spread(total, {pool.profile: len(self._names(pool.profile)) for pool in self._plan.pools})

    async def order(self, wanted: Mapping[str, int]) -> None:
        """Have so many jobs of each pool that is named; ClusterError where Slurm refuses, and then there are fewer."""
        self._failure = None
        have = {profile: len(self._names(profile)) for profile in wanted}
        await check_budget(self._plan, {name: max(0, wanted[name] - have[name]) for name in wanted}, self._door)
        for profile, number in wanted.items():
            self._drop(profile, number)
            if self.status not in (Status.closing, Status.closed):
                self._add(profile, number - have[profile])
        if not any(self._names(pool.profile) for pool in self._plan.pools):
            self.worker_spec.clear()  # those too that were about to leave
        await self._correct_state()
        self.raise_failure()

    async def worker_jobs(self) -> tuple[WorkerJob, ...]:
        """The cluster's jobs, the oldest first."""
        snapshot = await self._door.jobs()
        found = []
        for name, job in list(self.workers.items()):
            job_id, resources = str(job.job_id), job.pool.resources
            came = name in self._came
            found.append(WorkerJob(name, job.pool.profile, resources.time, job_id, snapshot.get(job_id), came))
        return tuple(sorted(found, key=lambda one: int(one.job_id) if one.job_id.isdecimal() else 0))

    async def keep(self) -> None:
        """Look whether the jobs still do what they are for, and ask for others in their place."""
        if self.status != Status.running or self.scheduler.status != Status.running:
            return
        jobs = [one for one in await self.worker_jobs() if one.name in self.worker_spec]
        orders = self._watch.look(jobs, datetime.now(UTC))
        profiles = {one.name: one.profile for one in jobs}
        for name in orders.gone:
            self.workers.pop(name, None)
            self.worker_spec.pop(name, None)
        if self._adaptive is None:  # which knows by itself how many it wants
            for name in orders.again:
                self._add(profiles[name], 1)
        if orders.failure:
            self._failure = ClusterError(orders.failure)
        if self.worker_spec.keys() - self.workers.keys():
            await self._correct_state()

    def raise_failure(self) -> None:
        """Tell whoever waits what went wrong, once."""
        if self._failure is not None:
            error, self._failure = self._failure, None
            raise error

    def _names(self, profile: str) -> list[str]:
        """The workers of a pool that are wanted, those first that are there: the last are given back first."""
        here = {worker["name"] for worker in self.scheduler_info["workers"].values()}
        names = [
            name
            for name, spec in self.worker_spec.items()
            if spec["options"]["pool"].profile == profile and name not in self._watch.leaving
        ]
        return sorted(names, key=lambda name: name not in here)

    def _drop(self, profile: str, number: int) -> None:
        for name in self._names(profile)[number:]:
            del self.worker_spec[name]

    def _add(self, profile: str, number: int) -> None:
        (pool,) = (pool for pool in self._plan.pools if pool.profile == profile)
        for _ in range(number):
            # Never a name that was there before: Dask still looks after a worker that it has lost.
            name = f"{self._plan.name}-{next(self._numbers)}"
            self.worker_spec[name] = {**self.new_spec, "options": {**self.new_spec["options"], "pool": pool}}

    async def _start(self) -> None:
        """As Dask's own; from now on jobs are looked after, and tasks are noted: who waits for them looks idle."""
        self.periodic_callbacks["work"] = PeriodicCallback(self._note_work, 1000 * node_work.NOTE)
        self.periodic_callbacks["watch"] = PeriodicCallback(self.keep, 1000 * WATCH)
        await super()._start()

    def _note_work(self) -> None:
        scheduler: Any = self.scheduler
        if scheduler.queued or scheduler.unrunnable or any(worker.processing for worker in scheduler.workers.values()):
            node_work.note(os.environ)

    def _get_worker_security(self, security: Security) -> Security:
        """Put the workers' credentials where they find them, instead of into the working directory."""
        return write_credentials(self._plan, security)

    def _update_worker_status(self, op: str, msg: Any) -> None:
        """As Dask's own; who has come is remembered, and of one that is gone Slurm is asked at once."""
        if op == "add":
            self._came.update(worker["name"] for worker in msg["workers"].values())
        elif (name := self.scheduler_info["workers"][msg]["name"]) in self.workers:
            self._door.expect(str(self.workers[name].job_id))
        super()._update_worker_status(op, msg)

    async def _correct_state_internal(self) -> None:
        """As Dask's own, but who leaves hands over what it holds, and a refusal is kept for whoever asked."""
        leaves = self.workers.keys() - self.worker_spec.keys()
        if leaves and self.status == Status.running:
            await self._retire(leaves)
        try:
            await super()._correct_state_internal()
        except SchedulerError as error:
            self._forget_refused(error)

    async def _retire(self, names: set[str]) -> None:
        """Have workers hand over their results. Dask asks for that too, but by names where addresses are expected."""
        with contextlib.suppress(TimeoutError, OSError):
            await asyncio.wait_for(self.scheduler.retire_workers(names=list(names)), RETIRE)

    def _forget_refused(self, error: SchedulerError) -> None:
        words = " ".join(str(error).split())
        told = f"Slurm did not take all jobs of the cluster. Its words: {words}"
        self._watch.note(told)
        self._failure, self._refused_at = ClusterError(told), time.monotonic()
        for name in [name for name, job in self.workers.items() if job.job_id is None]:
            self.workers.pop(name)
            self.worker_spec.pop(name, None)
