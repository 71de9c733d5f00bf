"""A Dask cluster of what this job already holds: no job is asked for, nothing is waited for, nothing more is paid."""

import os

import dask
from distributed import LocalCluster
from distributed.security import Security

from spawners.cluster_pages import ROUTES, new_pages
from spawners.cluster_plan import SHARE_OF_MEMORY
from spawners.node_gpus import visible
from spawners.node_usage import cpus, memory_limit

# Of the memory so much stays with the notebook itself: its kernel and JupyterLab are in the same job.
KEPT = 0.3


class HereCluster(LocalCluster):
    """One worker as a process of this job, encrypted as those elsewhere: other people have jobs on this node too."""

    def __init__(self, vendor: str | None) -> None:
        """`vendor` is the make of this site's GPUs."""
        self._pages, gpus = new_pages(), len(visible(os.environ, vendor))
        with dask.config.set({"distributed.scheduler.http.routes": list(ROUTES)}):
            super().__init__(  # type: ignore[no-untyped-call]
                n_workers=1,
                threads_per_worker=cpus(os.environ),
                memory_limit=int(memory_limit(os.environ) * (1 - KEPT) * SHARE_OF_MEMORY),
                host="127.0.0.1",
                protocol="tls://",
                security=Security.temporary(),
                dashboard_address=self._pages.options["dashboard_address"],
                scheduler_kwargs={"http_prefix": self._pages.path},
                **({"resources": {"GPU": gpus}} if gpus else {}),
            )

    @property
    def dashboard_link(self) -> str:
        """Where the user's browser finds the dashboard; empty where there is none."""
        return self._pages.link(self.scheduler_info.get("services", {}))
