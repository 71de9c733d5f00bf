"""The cluster of JupyterLab's Dask sidebar, by the sidebar's own manager, and how a notebook finds its credentials."""

from collections.abc import AsyncIterator, Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import dask
import pytest
import yaml
from dask_labextension.manager import DaskClusterManager
from distributed import Client

from spawners.cluster import ClusterError
from spawners.cluster_dask import Cluster, start_here
from spawners.cluster_keys import find_security
from spawners.cluster_lab import lab_cluster
from spawners.cluster_plan import ClusterPlan
from spawners.request import RequestError
from spawners.site import SITES
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_cluster import REFUSED, ROOT, door, make_plan, plan, states  # noqa: F401 - some are fixtures

SETTINGS: dict[str, Any] = yaml.safe_load((ROOT / "notebooks/lab/dask.yaml").read_text())
# What a test puts there is what the sidebar's button makes.
making: dict[str, Any] = {}


async def factory(**_options: object) -> Cluster:
    """As `lab_cluster`, but with the test's plan and Slurm."""
    return await start_here(making["plan"], {"cpu": 2}, making["door"]())


@pytest.fixture
async def manager(
    plan: ClusterPlan, door: Callable[[], Slurm], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[DaskClusterManager]:
    """The sidebar's, with our settings, on a site whose runtime directory is the test's."""
    text = (SITES / "local.yaml").read_text().replace("/srv/onramp/spool/{user}", str(tmp_path / "spool"))
    (tmp_path / "site.yaml").write_text(text)
    monkeypatch.setenv("ONRAMP_SITE", str(tmp_path / "site.yaml"))
    monkeypatch.setenv("SLURMD_NODENAME", "localhost")
    making.update(plan=plan, door=door)
    with (
        dask.config.set(dask.config.merge(dask.config.config, SETTINGS)),
        dask.config.set({"labextension.factory.module": __name__, "labextension.factory.class": "factory"}),
    ):
        manager = DaskClusterManager()
        await manager.initialized
        yield manager
        await manager.close()


def test_the_settings_name_what_there_is() -> None:
    factory = SETTINGS["labextension"]["factory"]
    assert getattr(import_module(factory["module"]), factory["class"]) is lab_cluster
    module, _, name = SETTINGS["distributed"]["client"]["security-loader"].rpartition(".")
    assert getattr(import_module(module), name) is find_security


async def test_from_the_button_to_no_job(manager: DaskClusterManager, plan: ClusterPlan, fake_slurm: FakeSlurm) -> None:
    model = await manager.start_cluster()
    assert model["scheduler_address"].startswith("tls://")
    assert model["dashboard_link"].endswith("/status")
    assert states(fake_slurm) == ["PENDING"] * 2
    async with Client(model["scheduler_address"], asynchronous=True) as client:  # as the sidebar's code in a notebook
        assert await client.nthreads() == {}
    await manager.scale_cluster(model["id"], 3)
    assert states(fake_slurm) == ["PENDING"] * 3
    assert manager.adapt_cluster(model["id"], 0, 4)["adapt"] == {"minimum": 0, "maximum": 4}
    await manager.close_cluster(model["id"])
    assert states(fake_slurm) == ["CANCELLED"] * 3
    assert not plan.folder.exists()


async def test_what_cannot_be_had_is_what_the_sidebar_shows(
    manager: DaskClusterManager, plan: ClusterPlan, fake_slurm: FakeSlurm
) -> None:
    """It shows the words of whatever is raised."""
    model = await manager.start_cluster()
    with pytest.raises(ClusterError, match="0 to 100 jobs"):
        await manager.scale_cluster(model["id"], 1000)
    with pytest.raises(ClusterError, match="at least 3 jobs and at most 2"):
        manager.adapt_cluster(model["id"], 3, 2)
    fake_slurm.answer("sbatch", err=REFUSED, code=1)
    with pytest.raises(ClusterError, match="AssocMaxSubmitJobLimit"):
        await manager.scale_cluster(model["id"], 4)
    await manager.close()
    with pytest.raises(ClusterError, match="AssocMaxSubmitJobLimit"):
        await manager.start_cluster()
    assert not manager.list_clusters()
    assert not plan.folder.exists()


async def test_bad_settings_are_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ONRAMP_SITE", "local")
    with pytest.raises(RequestError, match=r"'huge'\. Choose from: cpu"):
        await lab_cluster("huge", asynchronous=True)
    with pytest.raises(RequestError, match="Unknown option 'memory'"):
        await lab_cluster(memory="4GB")
    with pytest.raises(ClusterError, match="1 to 100 jobs"):
        await lab_cluster(jobs=0)
    monkeypatch.delenv("ONRAMP_SITE")
    with pytest.raises(ClusterError, match="hub's start page"):
        await lab_cluster()


def test_without_credentials_dask_says_what_it_always_says(monkeypatch: pytest.MonkeyPatch) -> None:
    assert find_security({"address": "tls://127.0.0.1:1"}) is None
    monkeypatch.delenv("ONRAMP_SITE", raising=False)
    assert find_security({"address": "tls://127.0.0.1:1"}) is None
