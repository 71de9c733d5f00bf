"""cluster: Dask workers as Slurm jobs, asked for from a notebook; closing it, or losing its kernel, leaves no job."""

import asyncio
import os
import pwd
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

from spawners.cluster_plan import ClusterPlan
from spawners.plain_error import PlainError
from spawners.request import RequestError, Resources, parse_request, resolve
from spawners.scheduler import Scheduler, SchedulerError
from spawners.site import Site, SiteError, load_site
from spawners.slurm import Slurm

if TYPE_CHECKING:
    from spawners.cluster_dask import Cluster

# More than any course needs, and few enough that a slip of the finger does no harm. Slurm's own limits are lower.
MOST_JOBS = 100
_T = TypeVar("_T")


class ClusterError(PlainError, RuntimeError):
    """The cluster cannot be had, or cannot become what was asked; the message says why and what to do."""


def dask_cluster(
    profile: str = "cpu", jobs: int = 1, *, time: int | None = None, account: str | None = None, **options: object
) -> "Cluster":
    """Start a Dask cluster of `jobs` Slurm jobs, one worker each, and return it: a `dask_jobqueue.SLURMCluster`.

    `time` is in minutes; `options` are those of a start page (cpus_per_task, mem, gpus, qos, reservation, …).
    It returns as soon as Slurm has taken the jobs: `cluster.wait_for_workers(jobs)` waits for them. Raises
    RequestError for an unknown profile or option and ClusterError for everything else; then no job is left.
    """
    site = _site(os.environ)
    asked = {"profile": profile, "time": time, "account": account or os.environ.get("SLURM_JOB_ACCOUNT"), **options}
    user = pwd.getpwuid(os.geteuid()).pw_name
    plan = ClusterPlan(
        user=user,
        site=site,
        resources=_resources(asked, site, user),
        server=os.environ.get("SLURM_JOB_ID", "none"),
    )
    check_jobs(jobs, least=1)
    return open_cluster(plan, jobs, Slurm)


def open_cluster(plan: ClusterPlan, jobs: int, scheduler: Callable[[], Scheduler]) -> "Cluster":
    """Start the cluster of a plan; `scheduler` makes a client, one for each event loop that asks."""
    _run(check_budget(plan, jobs, scheduler()))
    # Dask takes a second to import, and only who wants a cluster shall wait for it.
    from spawners.cluster_dask import start_cluster

    return start_cluster(plan, jobs, scheduler())


def check_jobs(jobs: object, *, least: int) -> None:
    """Refuse a number of jobs that is none, or that nobody means; ClusterError."""
    if not isinstance(jobs, int) or isinstance(jobs, bool) or not least <= jobs <= MOST_JOBS:
        raise ClusterError(
            f"A cluster has {least} to {MOST_JOBS} jobs, given as a whole number; {ascii(jobs)[:40]} was asked for."
        )


async def check_budget(plan: ClusterPlan, jobs: int, scheduler: Scheduler) -> None:
    """Say at once that the account's GPU minutes cannot suffice: Slurm would let the jobs wait for ever."""
    cost = plan.resources.gpu_minutes * jobs
    if not cost:
        return
    try:
        account = plan.resources.account or (await scheduler.accounts(plan.user))[0]
        left = (await scheduler.usage(account)).gpu_minutes_left
    except (SchedulerError, IndexError):
        return  # Slurm checks by itself; this only says it sooner.
    if left is not None and cost > left:
        raise ClusterError(
            f"Jobs: {jobs}, GPUs in each: {plan.resources.gpus}, minutes: {plan.resources.time}. That can cost "
            f"{cost} GPU minutes, and the account '{account}' has {left} left. Ask for fewer jobs or less time."
        )


def _site(environ: Mapping[str, str]) -> Site:
    name = environ.get("ONRAMP_SITE")
    if not name:
        raise ClusterError(
            "A Dask cluster needs a scheduler, and this notebook does not know of one. "
            "Open it in a server that was started from the hub's start page."
        )
    try:
        return load_site(name)
    except SiteError as error:
        raise ClusterError(str(error)) from error


def _resources(asked: Mapping[str, object], site: Site, user: str) -> Resources:
    """What each job gets; a job is one node, since a worker is, which sees the cluster's folders."""
    request = parse_request(asked, site, purpose="cluster")
    folders = (site.runtime(user, request.account), site.spill(user, request.account))
    resources = resolve(request, site, *filter(None, folders))
    if resources.nodes > 1:
        single = ", ".join(p.name for p in site.profiles if p.nodes == 1 and "cluster" in p.purposes)
        raise RequestError(
            f"A cluster's jobs take one node each, and this asks for {resources.nodes}. "
            f"Ask for more jobs instead, with one of: {single or 'no profile of this site'}."
        )
    return resources


def _run(question: Coroutine[Any, Any, _T]) -> _T:
    """Answer a question now: a notebook's own event loop runs already, so it gets one of its own."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, question).result()
