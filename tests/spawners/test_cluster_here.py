"""A cluster of what this job holds: encrypted, its dashboard hidden, as large as the job, and no job more."""

import os
import urllib.request

import pytest
from distributed import Client

from spawners.cluster import dask_here


def test_it_calculates_with_what_the_job_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONRAMP_SITE", "local")
    monkeypatch.setenv("SLURM_CPUS_PER_TASK", "1")
    monkeypatch.setenv("SLURM_MEM_PER_NODE", "2000")
    monkeypatch.setenv("SLURM_JOB_GPUS", "0,1")
    for name in ("CUDA_VISIBLE_DEVICES", "JUPYTERHUB_SERVICE_PREFIX"):
        monkeypatch.delenv(name, raising=False)
    with dask_here() as cluster, Client(cluster) as client:
        assert cluster.scheduler_address.startswith("tls://127.0.0.1:")
        assert client.submit(os.getppid, resources={"GPU": 2}).result(timeout=60) == os.getpid()
        (worker,) = cluster.scheduler_info["workers"].values()
        assert (worker["nthreads"], worker["memory_limit"]) == (1, 1321205760)
        assert urllib.request.urlopen(cluster.dashboard_link).status == 200


def test_outside_a_job_it_is_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ONRAMP_SITE", "SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE"):
        monkeypatch.delenv(name, raising=False)
    with dask_here() as cluster:
        (worker,) = cluster.scheduler_info["workers"].values()
        assert worker["nthreads"] == len(os.sched_getaffinity(0))
