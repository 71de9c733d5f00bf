"""Onramp for learners: `import onramp` in any notebook, then `onramp.panel()`."""

from curricula.check import check
from curricula.learner import courses, fetch, submit
from curricula.materials import MaterialsError, refresh, reset
from notebooks.dask_panel import dask_panel
from notebooks.gpu_cell import load_ipython_extension as load_ipython_extension  # which `%load_ext onramp` calls
from notebooks.panel import panel
from notebooks.status import status
from notebooks.sweep_panel import watch
from spawners.bundle import bundle
from spawners.cluster import ClusterError, dask_cluster, dask_here
from spawners.run import Run, runs, this_run
from spawners.run_evidence import evidence
from spawners.run_record import RunError
from spawners.run_script import to_script
from spawners.run_submit import price, promote
from spawners.run_values import report
from spawners.sweep import Sweep, sweeps
from spawners.sweep_submit import retry, sweep

__all__ = [
    "ClusterError",
    "MaterialsError",
    "Run",
    "RunError",
    "Sweep",
    "bundle",
    "check",
    "courses",
    "dask_cluster",
    "dask_here",
    "dask_panel",
    "evidence",
    "fetch",
    "panel",
    "price",
    "promote",
    "refresh",
    "report",
    "reset",
    "retry",
    "runs",
    "status",
    "submit",
    "sweep",
    "sweeps",
    "this_run",
    "to_script",
    "watch",
]
