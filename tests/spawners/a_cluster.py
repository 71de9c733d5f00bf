"""A cluster of a real Dask scheduler and real workers, whose Slurm is played by small programs."""

import contextlib
import os
import pwd
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from spawners.cluster import open_cluster
from spawners.cluster_dask import Cluster
from spawners.cluster_plan import ClusterPlan, Pool
from spawners.request import parse_request, resolve
from spawners.site import Site
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.spawners.test_slurm import DirectLauncher

ME = pwd.getpwuid(os.geteuid()).pw_name
ROOT = Path(__file__).parents[2]
REFUSED = "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates policy\n"
# The job's own python, as a site's environment has it, but with this checkout's code.
PYTHON = f"""#!/bin/sh
shift 2
module=$1
shift
PYTHONPATH={ROOT} exec {sys.executable} -sP -m "$module" "$@"
"""


@pytest.fixture
def make_plan(site: Site, tmp_path: Path, fake_slurm: FakeSlurm) -> Callable[..., ClusterPlan]:
    """A plan for this machine: its runtime directory is the test's."""
    python = tmp_path / "venv/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    environment = site.environments[0].model_copy(update={"path": str(tmp_path / "venv")})
    paths = site.paths.model_copy(update={"runtime": str(tmp_path / "spool")})
    here = site.model_copy(update={"environments": (environment,), "paths": paths})

    def make(*others: str, profile: str = "cpu", **options: object) -> ClusterPlan:
        asked = [{"profile": name, "cpus_per_task": 1} | options for name in (profile, *others)]
        requests = [parse_request(one, here, purpose="cluster") for one in asked]
        pools = tuple(Pool(request.profile, resolve(request, here)) for request in requests)
        return ClusterPlan(ME, here, pools, commands=str(fake_slurm.bin))

    return make


@pytest.fixture
def plan(make_plan: Callable[..., ClusterPlan]) -> ClusterPlan:
    """One CPU for each worker."""
    return make_plan()


@pytest.fixture
def door(fake_slurm: FakeSlurm) -> Callable[[], Slurm]:
    """Makes clients of the fake Slurm."""
    return lambda: Slurm(DirectLauncher(fake_slurm), bin=str(fake_slurm.bin))


@pytest.fixture
def cluster(plan: ClusterPlan, door: Callable[[], Slurm], monkeypatch: pytest.MonkeyPatch) -> Iterator[Cluster]:
    """A cluster of two jobs that both wait in the queue."""
    monkeypatch.setenv("SLURMD_NODENAME", "localhost")
    opened = open_cluster(plan, {"cpu": 2}, door)
    yield opened
    opened.close()


def begin(fake: FakeSlurm, number: int, **values: str) -> "subprocess.Popen[bytes]":
    """Run the job of this number, as Slurm would; `values` are what it then says of it."""
    job = subprocess.Popen(["sh"], stdin=subprocess.PIPE)
    assert job.stdin
    job.stdin.write(fake.calls("sbatch")[number - 1]["stdin"].encode())
    job.stdin.close()
    fake.change(str(number), state="RUNNING", node=f"cpu{number}", **values)
    return job


@contextlib.contextmanager
def ending(jobs: list["subprocess.Popen[bytes]"]) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """End jobs, those too that are added, whatever becomes of the test."""
    try:
        yield jobs
    finally:
        for job in jobs:
            job.terminate()
            job.wait()


@contextlib.contextmanager
def running(fake: FakeSlurm) -> Iterator[list["subprocess.Popen[bytes]"]]:
    """Run what was submitted, as Slurm would, and let the jobs end as they do."""
    with ending([begin(fake, number) for number in range(1, len(fake.calls("sbatch")) + 1)]) as jobs:
        yield jobs


def states(fake: FakeSlurm) -> list[str]:
    """The state of every job there ever was."""
    return [fake.job(name)["state"] for name in sorted(os.listdir(fake.state / "jobs"))]
