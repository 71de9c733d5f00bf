"""The cluster itself: Dask's scheduler in the notebook's kernel, encrypted; its workers go through our one door."""

import asyncio
import math
import os
import secrets
import time
import warnings
from collections.abc import Mapping
from typing import Any

import dask
from dask.utils import parse_bytes
from dask_jobqueue.slurm import SLURMCluster
from distributed.security import Security
from tornado.ioloop import PeriodicCallback

from spawners import node_work
from spawners.cluster import ClusterError, check_jobs
from spawners.cluster_guard import Guard
from spawners.cluster_job import ClusterJob, make_private, write_credentials
from spawners.cluster_plan import ClusterPlan
from spawners.node import NodeError, node_address
from spawners.node_server import free_port
from spawners.scheduler import JobState, Scheduler, SchedulerError

# The scheduler's pages, without the one that lets whoever reads them connect to anywhere.
ROUTES = [f"distributed.http.{name}" for name in ("scheduler.info", "scheduler.json", "health", "statics")]
LOOK = 0.5
# Seconds that closing waits until Slurm shows that no job is left, and where there was none to begin with.
CLOSING, CLOSING_NOTHING = 15.0, 2.0


def start_cluster(plan: ClusterPlan, jobs: int, scheduler: Scheduler) -> "Cluster":
    """Start the scheduler, the guard and the jobs of a plan; ClusterError, and nothing left, where one fails."""
    make_private(plan)
    guard = Guard(plan)
    try:
        cluster = Cluster(plan, scheduler, guard)
    except (RuntimeError, NodeError, OSError, ValueError) as error:
        guard.release(CLOSING_NOTHING)
        raise ClusterError(f"The Dask scheduler could not be started on this node: {error}") from error
    try:
        cluster.scale(jobs=jobs)
    except BaseException:
        cluster.close()
        raise
    return cluster


class Cluster(SLURMCluster):
    """A SLURMCluster whose refusals are exceptions, whose traffic is encrypted, and which leaves nothing behind."""

    job_cls = ClusterJob  # type: ignore[assignment]  # its arguments are ours

    def __init__(self, plan: ClusterPlan, door: Scheduler, guard: Guard) -> None:
        """Start the scheduler in this process; there are no workers yet."""
        self._plan, self._door, self._guard = plan, door, guard
        self._refusal: SchedulerError | None = None
        self._dashboard = free_port("127.0.0.1")
        self._pages = _pages(self._dashboard)
        site = plan.site
        place = {"interface": site.interface} if site.interface else {"host": node_address(os.environ)}
        with dask.config.set({"distributed.scheduler.http.routes": list(ROUTES)}):
            super().__init__(
                name=plan.name,
                security=Security.temporary(),
                shared_temp_directory=str(plan.folder),
                scheduler_options={
                    **place,
                    "port": 0,
                    "dashboard_address": f"127.0.0.1:{self._dashboard}",
                    "http_prefix": self._pages,
                },
                interface=site.interface,
                plan=plan,
                door=door,
                cores=plan.resources.cpus_per_task,
                memory=f"{plan.resources.mem}MiB",
                processes=1,
            )

    @property
    def dashboard_link(self) -> str:
        """Where the user's browser finds the dashboard: through their own server, which asks who they are."""
        if self.scheduler_info.get("services", {}).get("dashboard") != self._dashboard:
            return ""  # somebody else took the port first; the cluster works without
        host = "" if "JUPYTERHUB_SERVICE_PREFIX" in os.environ else f"http://127.0.0.1:{self._dashboard}"
        return f"{host}{self._pages}/status"

    def scale(  # type: ignore[override]  # as dask_jobqueue has it
        self, n: int | None = None, jobs: int = 0, memory: str | None = None, cores: int | None = None
    ) -> Any:
        """Ask for so many jobs in all; ClusterError, with Slurm's own words, where it refuses one of them."""
        each = self._plan.resources
        wanted = jobs if n is None else n
        check_jobs(wanted, least=0)
        if memory is not None:
            wanted = max(wanted, math.ceil(parse_bytes(memory) / (each.mem << 20)))
        if cores is not None:
            wanted = max(wanted, math.ceil(cores / each.cpus_per_task))
        check_jobs(wanted, least=0)
        self._refusal = None
        answer = super().scale(jobs=wanted)
        # Dask only logs what goes wrong here, so we wait for it; its own loop must not wait for itself.
        return answer if self.asynchronous else self.sync(self._settle)

    def explain(self) -> str:
        """Say for each job, in plain words, what it does or why it waits."""
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

    async def _start(self) -> None:
        """As Dask's own, and from now on note that there are tasks: a kernel that waits for them looks idle."""
        self.periodic_callbacks["work"] = PeriodicCallback(self._note_work, 1000 * node_work.NOTE)
        await super()._start()

    def _note_work(self) -> None:
        scheduler: Any = self.scheduler
        if scheduler.queued or scheduler.unrunnable or any(worker.processing for worker in scheduler.workers.values()):
            node_work.note(os.environ)

    def _get_worker_security(self, security: Security) -> Security:
        """Put the workers' credentials where they find them, instead of into the working directory."""
        return write_credentials(self._plan, security)

    async def _correct_state_internal(self) -> None:
        """As Dask's own, but a refusal is kept for whoever asked, and what was refused is forgotten."""
        try:
            await super()._correct_state_internal()
        except SchedulerError as error:
            self._refusal = error
            for name in [name for name, job in self.workers.items() if job.job_id is None]:
                self.workers.pop(name)
                self.worker_spec.pop(name, None)

    async def _settle(self) -> None:
        await self._correct_state()
        self._raise_refusal()

    def _raise_refusal(self) -> None:
        if self._refusal is not None:
            error, self._refusal = self._refusal, None
            words = " ".join(str(error).split())
            raise ClusterError(f"Slurm did not take all jobs of the cluster. Its words: {words}") from error

    async def _wait_for_workers(self, n_workers: int = 0, timeout: float | None = None) -> None:  # noqa: ASYNC109 - Dask's name
        """As Dask's own, but a job that ends before its worker came is an error, and waiting is explained."""
        end = time.monotonic() + timeout if timeout else None
        waiting = asyncio.ensure_future(super()._wait_for_workers(n_workers))
        try:
            while not (await asyncio.wait({waiting}, timeout=LOOK))[0]:
                await self._check_jobs()
                if end is not None and time.monotonic() > end:
                    came = len(self.scheduler_info["workers"])
                    why = await self._explain()
                    raise ClusterError(f"{came} of {n_workers} workers came within {timeout:.0f} seconds.\n{why}")
            await waiting
        finally:
            waiting.cancel()

    async def _check_jobs(self) -> None:
        """ClusterError where a job was refused or has ended; while workers are waited for, none should."""
        self._raise_refusal()
        for job_id, job in (await self._jobs()).items():
            if job is not None and job.ended:
                raise ClusterError(
                    f"Job {job_id} of a worker has ended. {self._door.explain(job)} See {self._plan.log(job_id)}"
                )

    async def _jobs(self) -> Mapping[str, JobState | None]:
        """The cluster's jobs by id; None for one that Slurm does not show (yet)."""
        snapshot = await self._door.jobs()
        return {str(worker.job_id): snapshot.get(str(worker.job_id)) for worker in self.workers.values()}

    async def _explain(self) -> str:
        jobs = await self._jobs()
        return "\n".join(f"Job {job_id}: {self._words(jobs[job_id])}" for job_id in sorted(jobs)) or "No jobs."

    def _words(self, job: JobState | None) -> str:
        if job is None:
            return "Slurm does not show it (yet)."
        return f"It runs on {job.node}." if job.state == "RUNNING" else self._door.explain(job)


def _pages(port: int) -> str:
    """Return the path of the dashboard's pages, as the browser sees it: Bokeh writes it into them.

    Others may have jobs on this node, and there is no sign-in; what they cannot guess, they cannot read.
    """
    base = os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "").rstrip("/")
    return f"{base}/proxy/absolute/{port}/{secrets.token_urlsafe(16)}" if base else f"/{secrets.token_urlsafe(16)}"
