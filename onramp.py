"""Onramp for learners: `import onramp` in any notebook, then `onramp.panel()`."""

from curricula.check import check
from curricula.learner import courses, fetch, submit
from notebooks.panel import panel
from notebooks.runs_panel import watch
from notebooks.status import status
from spawners.cluster import ClusterError, dask_cluster
from spawners.run import Run, runs, this_run
from spawners.run_record import RunError
from spawners.run_submit import promote

__all__ = [
    "ClusterError",
    "Run",
    "RunError",
    "check",
    "courses",
    "dask_cluster",
    "fetch",
    "panel",
    "promote",
    "runs",
    "status",
    "submit",
    "this_run",
    "watch",
]
