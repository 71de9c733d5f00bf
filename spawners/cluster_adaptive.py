"""An adaptive cluster: Dask says how many workers there is work for; here is what that means where jobs queue."""

import contextlib
from typing import Any

from distributed.deploy import adaptive

from spawners.cluster import ClusterError

# Looks, one a second, at which a worker must be without work before its job is given back: the next may wait for hours.
WAIT_COUNT = 60


class Adaptive(adaptive.Adaptive):
    """Dask's own, but it does not ask again and again for what Slurm has refused, and leaves the other pools alone."""

    cluster: Any  # a spawners.cluster_pool.PoolCluster

    async def safe_target(self) -> int:
        """How many jobs there should be: while Slurm refuses more, no more than there are."""
        wanted = int(await super().safe_target())
        return min(wanted, len(self.plan)) if self.cluster.refused_lately else wanted

    async def scale_up(self, n: int) -> None:  # type: ignore[override]  # as Dask calls it
        """Ask for so many jobs in all; a refusal is kept by the cluster for whoever waits."""
        with contextlib.suppress(ClusterError):
            await self.cluster.order(self.cluster.spread(n))

    async def scale_down(self, workers: Any) -> None:
        """Give jobs of the pool back that grows and shrinks."""
        await super().scale_down([name for name in workers if self.cluster.adapts(name)])
