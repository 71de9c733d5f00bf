"""Jobs behind a cluster's scheduler: of several profiles, replaced when they end, retired without losing results."""

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from distributed import Client, get_worker

from spawners.cluster import ClusterError, dask_cluster, open_cluster
from spawners.cluster_adaptive import WAIT_COUNT
from spawners.cluster_dask import Cluster
from spawners.cluster_plan import ClusterPlan
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.hub_config.running_hub import wait
from tests.spawners.a_cluster import (  # noqa: F401 - some are fixtures
    REFUSED,
    ROOT,
    begin,
    cluster,
    door,
    ending,
    make_plan,
    plan,
    running,
    states,
)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spawners.cluster_pool.WATCH", 0.1)
    monkeypatch.setattr("spawners.slurm.FRESH_RUNNING", 0.05)
    monkeypatch.setattr("spawners.slurm.FRESH_WAITING", 0.05)
    monkeypatch.setenv("SLURMD_NODENAME", "localhost")


def submitted(fake: FakeSlurm, number: int) -> None:
    """Wait until so many jobs were asked for in all."""
    wait(lambda: len(fake.calls("sbatch")) >= number, lambda: f"{len(fake.calls('sbatch'))} jobs")


def look(adaptive: Any, times: int = 1) -> None:
    """Let an adaptive cluster look at its work so many times."""
    for _ in range(times):
        adaptive.cluster.sync(adaptive.adapt)


def test_a_cluster_of_cpus_and_gpus(
    make_plan: Callable[..., ClusterPlan], door: Callable[[], Slurm], fake_slurm: FakeSlurm
) -> None:
    """What needs a GPU says so, and goes to who has one; who leaves hands over what nobody could calculate again."""
    mixed = open_cluster(make_plan("gpu-1"), {"cpu": 1, "gpu-1": 1}, door)
    try:
        asked = [call["stdin"] for call in fake_slurm.calls("sbatch")]
        with_gpu = [number for number, text in enumerate(asked, start=1) if "--resources GPU=1" in text]
        assert [number for number, text in enumerate(asked, start=1) if "#SBATCH --gres=gpu:1" in text] == with_gpu
        assert len(with_gpu) == 1
        with running(fake_slurm), Client(mixed) as client:
            client.wait_for_workers(2, timeout=120)
            name = {one.profile: one.name for one in mixed.jobs()}
            tasks = [client.submit(lambda: get_worker().name, resources={"GPU": 1}, pure=False) for _ in range(3)]
            assert client.gather(tasks) == [name["gpu-1"]] * 3
            address = {worker["name"]: address for address, worker in mixed.scheduler_info["workers"].items()}
            data = client.scatter("sent to the one without a GPU", workers=[address[name["cpu"]]])
            mixed.scale({"cpu": 0})
            assert mixed.plan == {name["gpu-1"]}
            assert data.result(timeout=60) == "sent to the one without a GPU"
        assert sorted(states(fake_slurm)) == ["CANCELLED", "RUNNING"]
        mixed.scale(3)
        assert mixed.spread(3) == {"cpu": 2, "gpu-1": 1}
        with pytest.raises(ClusterError, match=r"no jobs of the profile 'gpu-4'\. Choose from: cpu, gpu-1\."):
            mixed.scale({"gpu-4": 1})
        mixed.scale({"cpu": 0, "gpu-1": 0})
        assert not mixed.plan
    finally:
        mixed.close()


@pytest.mark.parametrize(
    ("asked", "sentence"),
    [
        ({"profile": {}}, "in one place"),
        ({"profile": {"cpu": 1}, "jobs": 2}, "in one place"),
        ({"profile": {"cpu": -1}}, "-1 was asked for"),
        ({"profile": {"cpu": 0, "gpu-1": 0}}, "1 to 100 jobs"),
        ({"profile": {"cpu": 60, "gpu-1": 60}}, "120 was asked for"),
        ({"profile": ["cpu"]}, "A profile is a name"),
    ],
)
def test_a_mixture_that_cannot_be_had_is_a_sentence(
    asked: dict[str, Any], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ONRAMP_SITE", "local")
    with pytest.raises(ClusterError, match=sentence):
        dask_cluster(**asked)


def test_a_job_that_is_ended_is_replaced_and_its_work_done(cluster: Cluster, fake_slurm: FakeSlurm) -> None:
    """Before a worker leaves because its time is nearly over, the next is asked for, and once."""

    def slowly(number: int) -> int:  # in here, since workers cannot import tests
        time.sleep(0.05)
        return number

    with running(fake_slurm) as jobs, Client(cluster) as client:
        client.wait_for_workers(2, timeout=120)
        futures = client.map(slowly, range(40))
        jobs[0].kill()
        fake_slurm.change("1", state="NODE_FAIL")
        submitted(fake_slurm, 3)
        assert client.gather(futures) == list(range(40))
        assert "Job 1 of a worker has ended." in cluster.explain()
        assert "Another takes its place." in cluster.explain()
        assert len(cluster.plan) == 2

        fake_slurm.change("2", start=str(int(time.time()) - 239 * 60))
        submitted(fake_slurm, 4)
        fake_slurm.change("2", state="COMPLETED", exit_code="0:0")
        wait(lambda: len(cluster.plan) == 2, lambda: str(cluster.plan))
        assert len(fake_slurm.calls("sbatch")) == 4


def test_a_worker_whose_time_is_nearly_over_leaves_and_nothing_is_lost(
    cluster: Cluster, fake_slurm: FakeSlurm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By itself, after seconds in place of hours: what it holds is then with the other, and nothing is done twice."""
    done = tmp_path / "done"

    def noted(number: int) -> int:
        with done.open("a") as file:
            file.write(f"{number}\n")
        return number

    monkeypatch.setattr("spawners.cluster_plan.lifetime", lambda _minutes: 20)
    cluster.scale(3)
    with ending([begin(fake_slurm, 1), begin(fake_slurm, 3)]) as (_, leaves), Client(cluster) as client:
        client.wait_for_workers(2, timeout=120)
        address = next(one for one, about in cluster.scheduler_info["workers"].items() if about["name"].endswith("-2"))
        futures = client.map(noted, range(20), workers=[address], allow_other_workers=True)
        client.gather(futures)
        assert address in {where for places in client.who_has(futures).values() for where in places}
        wait(lambda: leaves.poll() is not None, lambda: str(cluster.scheduler_info["workers"]))
        assert client.gather(futures) == list(range(20))
        assert sorted(map(int, done.read_text().split())) == list(range(20))


def test_an_adaptive_cluster_asks_once_for_what_is_refused(cluster: Cluster, fake_slurm: FakeSlurm) -> None:
    """Dask's own asks again every second."""
    fake_slurm.answer("sbatch", err=REFUSED, code=1)
    adaptive = cluster.adapt(minimum=3, maximum=3, interval="1h")
    look(adaptive, 5)
    assert len(fake_slurm.calls("sbatch")) == 3
    assert "AssocMaxSubmitJobLimit" in cluster.explain()


def test_an_adaptive_cluster_grows_with_its_work_and_waits_before_it_shrinks(
    cluster: Cluster, fake_slurm: FakeSlurm
) -> None:
    """A worker may have waited in the queue for hours; a quiet second is no reason to give it back."""
    adaptive = cluster.adapt(minimum=0, maximum=3, interval="1h")
    with Client(cluster) as client:
        futures = client.map(time.sleep, [60] * 30, pure=False)
        wait(lambda: cluster.scheduler.tasks, lambda: "no task")
        cluster.scale(0)
        assert cluster._adaptive is None  # a number that a person says holds
        adaptive = cluster.adapt(minimum=0, maximum=3, interval="1h")
        look(adaptive)
        assert len(cluster.plan) == 3
        for future in futures:
            future.cancel()
        wait(lambda: not cluster.scheduler.tasks, lambda: "still a task")
        look(adaptive, WAIT_COUNT - 1)
        assert len(cluster.plan) == 3
        look(adaptive)
        assert not cluster.plan


def test_bounds_that_cannot_be_are_a_sentence(cluster: Cluster) -> None:
    bounds: list[tuple[Any, Any]] = [(0, 0), (3, 2), (0, 101), (-1, 2), (0, "many"), (0, True)]
    for minimum, maximum in bounds:
        with pytest.raises(ClusterError, match=r"A cluster (has|cannot have)"):
            cluster.adapt(minimum=minimum, maximum=maximum)
    assert cluster._adaptive is None


def test_an_interrupted_cell_is_no_end_of_the_kernel() -> None:
    """dask_jobqueue makes it one, to whoever imports it."""
    code = "import signal, spawners.cluster_dask; print(signal.getsignal(2) is signal.default_int_handler)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True"
