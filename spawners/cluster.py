"""cluster: Dask workers as Slurm jobs, asked for from a notebook; closing it, or losing its kernel, leaves no job."""

import asyncio
import os
import pwd
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from typing import TYPE_CHECKING

from spawners.cluster_offer import offer
from spawners.cluster_plan import ClusterPlan, Pool
from spawners.plain_error import PlainError
from spawners.process import alone
from spawners.request import RequestError, Resources, parse_request, resolve
from spawners.scheduler import Scheduler, SchedulerError
from spawners.site import Profile, Site, SiteError, load_site
from spawners.site_here import vendor_here
from spawners.slurm import Slurm

if TYPE_CHECKING:
    from spawners.cluster_dask import Cluster
    from spawners.cluster_here import HereCluster

# More than any course needs, and few enough that a slip of the finger does no harm. Slurm's own limits are lower.
MOST_JOBS = 100


class ClusterError(PlainError, RuntimeError):
    """The cluster cannot be had, or cannot become what was asked; the message says why and what to do."""


def dask_cluster(
    profile: str | Mapping[str, int] = "cpu",
    jobs: int | None = None,
    *,
    time: int | None = None,
    account: str | None = None,
    **options: object,
) -> "Cluster":
    """Start a Dask cluster of Slurm jobs, one worker each, and return it: a `dask_jobqueue.SLURMCluster`.

    `profile` and `jobs` say which and how many (one); `{"cpu": 2, "gpu-1": 1}` is a cluster of both. `time` is in
    minutes; `options` are those of a start page (cpus_per_task, mem, gpus, qos, reservation, …), for all of its jobs.
    It prints when they would start and what they cost of what is left, and returns as soon as Slurm has taken the jobs:
    `cluster.wait_for_workers(jobs)` waits for them. Raises RequestError for an unknown profile or option and
    ClusterError for everything else; then no job is left.
    """
    wanted = wanted_jobs(profile, jobs)
    plan = plan_cluster(wanted, time=time, account=account, **options)
    with ThreadPoolExecutor(max_workers=1) as thread:
        said = thread.submit(asyncio.run, offer(plan, wanted, Slurm()))
        import_module("spawners.cluster_dask")  # which takes as long as Slurm's answer
    print(said.result())
    return open_cluster(plan, wanted, Slurm)


def wanted_jobs(profile: str | Mapping[str, int], jobs: int | None = None) -> dict[str, int]:
    """How many jobs of which profile were asked for; ClusterError where that cannot be told."""
    if isinstance(profile, str):
        jobs = 1 if jobs is None else jobs
        check_jobs(jobs, least=1)
        return {profile: jobs}
    if not isinstance(profile, Mapping):
        raise ClusterError(f"A profile is a name, or several with their numbers; {ascii(profile)[:40]} was given.")
    if jobs is not None or not profile:
        raise ClusterError("Say how many jobs there are of each profile in one place: {'cpu': 2, 'gpu-1': 1}.")
    for number in profile.values():
        check_jobs(number, least=0)
    check_jobs(sum(profile.values()), least=1)
    return dict(profile)


def plan_cluster(profiles: Iterable[str], **options: object) -> ClusterPlan:
    """Plan a cluster of this server with a pool of jobs for each profile; the options are those of `dask_cluster`."""
    site, user = own_site(), pwd.getpwuid(os.geteuid()).pw_name
    asked = {**options, "account": options.get("account") or os.environ.get("SLURM_JOB_ACCOUNT")}
    pools = tuple(Pool(profile, _resources({**asked, "profile": profile}, site, user)) for profile in profiles)
    return ClusterPlan(user=user, site=site, pools=pools, server=os.environ.get("SLURM_JOB_ID", "none"))


def own_site() -> Site:
    """The site that this server runs at; ClusterError where there is none."""
    name = os.environ.get("ONRAMP_SITE")
    if not name:
        raise ClusterError(
            "A Dask cluster needs a scheduler, and this notebook does not know of one. "
            "Open it in a server that was started from the hub's start page."
        )
    try:
        return load_site(name)
    except SiteError as error:
        raise ClusterError(str(error)) from error


def fitting_profiles(site: Site) -> tuple[Profile, ...]:
    """The profiles that a cluster's jobs can have: a worker is on one node."""
    return tuple(profile for profile in site.profiles if profile.nodes == 1 and "cluster" in profile.purposes)


def smallest_profile(site: Site) -> str:
    """The name of the profile that takes least: no GPU where there is one without."""
    fitting = sorted(fitting_profiles(site), key=lambda profile: (profile.gpus, profile.cpus_per_task))
    if not fitting:
        raise ClusterError(f"{site.title} has no profile for Dask workers.")
    return fitting[0].name


def dask_here() -> "HereCluster":
    """Start a Dask cluster of what this notebook's own job holds, and return it: a `distributed.LocalCluster`.

    It asks Slurm for nothing, so it is there at once and costs nothing more; a worker shares CPUs and memory with the
    notebook, and ends with it.
    """
    from spawners.cluster_here import HereCluster

    return HereCluster(vendor_here(os.environ))


def open_cluster(plan: ClusterPlan, wanted: Mapping[str, int], scheduler: Callable[[], Scheduler]) -> "Cluster":
    """Start the cluster of a plan; `scheduler` makes a client, one for each event loop that asks."""
    alone(check_budget(plan, wanted, scheduler()))
    # Dask takes a second to import, and only who wants a cluster shall wait for it.
    from spawners.cluster_dask import start_cluster

    return start_cluster(plan, wanted, scheduler())


def check_jobs(jobs: object, *, least: int) -> None:
    """Refuse a number of jobs that is none, or that nobody means; ClusterError."""
    if not isinstance(jobs, int) or isinstance(jobs, bool) or not least <= jobs <= MOST_JOBS:
        raise ClusterError(
            f"A cluster has {least} to {MOST_JOBS} jobs, given as a whole number; {ascii(jobs)[:40]} was asked for."
        )


async def check_budget(plan: ClusterPlan, more: Mapping[str, int], scheduler: Scheduler) -> None:
    """Say at once that the account's GPU minutes cannot suffice for so many more jobs: Slurm would let them wait."""
    pools = [(pool, more[pool.profile]) for pool in plan.pools if pool.resources.gpus and more.get(pool.profile)]
    cost = sum(pool.resources.gpu_minutes * jobs for pool, jobs in pools)
    if not cost:
        return
    try:
        account = plan.account or (await scheduler.accounts(plan.user))[0]
        left = (await scheduler.usage(account)).gpu_minutes_left
    except (SchedulerError, IndexError):
        return  # Slurm checks by itself; this only says it sooner.
    if left is not None and cost > left:
        asked = ", ".join(
            f"{jobs} × {pool.profile} (GPUs: {pool.resources.gpus}, minutes: {pool.resources.time})"
            for pool, jobs in pools
        )
        raise ClusterError(
            f"Jobs: {asked}. That can cost {cost} GPU minutes, and the account '{account}' has {left} left. "
            "Ask for fewer jobs or less time."
        )


def _resources(asked: Mapping[str, object], site: Site, user: str) -> Resources:
    """What each job gets; a job is one node, since a worker is, which sees the cluster's folders."""
    request = parse_request(asked, site, purpose="cluster")
    folders = (site.runtime(user, request.account), site.spill(user, request.account))
    resources = resolve(request, site, *filter(None, folders))
    if resources.nodes > 1:
        single = ", ".join(profile.name for profile in fitting_profiles(site))
        raise RequestError(
            f"A cluster's jobs take one node each, and this asks for {resources.nodes}. "
            f"Ask for more jobs instead, with one of: {single or 'no profile of this site'}."
        )
    return resources
