"""The cluster that JupyterLab's Dask sidebar makes: the same, in the event loop of the person's own server.

Dask's settings name this as `labextension.factory`, with the arguments that go with it (notebooks/lab/dask.yaml).
"""

from typing import TYPE_CHECKING

from spawners.cluster import own_site, plan_cluster, smallest_profile, wanted_jobs
from spawners.slurm import Slurm

if TYPE_CHECKING:
    from spawners.cluster_dask import Cluster


async def lab_cluster(profile: str | None = None, jobs: int = 1, **options: object) -> "Cluster":
    """Start a cluster as `onramp.dask_cluster` does; without a profile, of the site's smallest."""
    options.pop("asynchronous", None)  # the sidebar awaits every cluster, and says so
    wanted = wanted_jobs(profile or smallest_profile(own_site()), jobs)
    plan = plan_cluster(wanted, **options)
    from spawners.cluster_dask import start_here  # it takes a second, and few servers ever have a cluster

    return await start_here(plan, wanted, Slurm())
