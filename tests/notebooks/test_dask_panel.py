"""The panel of a Dask cluster: the price before the jobs, each worker in words, refusals as sentences."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from notebooks.dask_panel import DaskPanel
from spawners.cluster_dask import Cluster
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm
from tests.spawners.a_cluster import begin, cluster, door, ending, make_plan, plan
from tests.spawners.test_slurm import DirectLauncher

__all__ = ["cluster", "door", "make_plan", "plan"]


@pytest.fixture
async def panel(fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch) -> DaskPanel:
    """A panel without a cluster, on a busy system."""
    monkeypatch.setenv("ONRAMP_SITE", "local")
    monkeypatch.setenv("SLURM_JOB_ACCOUNT", "onboarding")
    fake_slurm.starts(cpu=0, gpu=60)
    fake_slurm.answer("sshare", out="onboarding||gres/gpu=1000|cpu=5,gres/gpu=40\n")
    return DaskPanel(Slurm(DirectLauncher(fake_slurm), bin=str(fake_slurm.bin)))


async def says(panel: DaskPanel, words: str) -> None:
    """Wait until the panel says something."""
    async with asyncio.timeout(60):
        while words not in panel.note.value:
            await asyncio.sleep(0.02)


async def test_the_price_is_said_before_anything_is_asked_for(panel: DaskPanel, fake_slurm: FakeSlurm) -> None:
    panel.jobs["cpu"].value, panel.jobs["gpu-1"].value, panel.minutes.value = 0, 3, 60
    panel.price.click()
    await says(panel, "3 workers. The first starts within about 2 hours.")
    assert "Uses up to 180 of 960 GPU minutes left." in panel.note.value
    assert [call for call in fake_slurm.calls("sbatch") if "--test-only" not in call["argv"]] == []
    panel.jobs["gpu-1"].value = 0
    await says_after(panel.price.click, panel, "No more workers than there are")
    panel.jobs["cpu"].value = panel.jobs["gpu-1"].value = 1
    await says_after(panel.price.click, panel, "2 workers. The first cpu starts at once; gpu-1 starts within")


async def says_after(act: Callable[[], object], panel: DaskPanel, words: str) -> None:
    """Do something once no button is busy, and wait for what the panel says of it."""
    async with asyncio.timeout(60):
        while panel.price.disabled:
            await asyncio.sleep(0.02)
    act()
    await says(panel, words)


async def test_what_cannot_be_had_is_a_sentence(panel: DaskPanel) -> None:
    panel.jobs["cpu"].value = 0
    await says_after(panel.ask.click, panel, "A cluster has 1 to 100 jobs")
    panel.jobs["cpu"].value, panel.minutes.value = 1, 10_000
    await says_after(panel.ask.click, panel, "allows 1 to 480")
    assert panel.cluster is None


async def test_what_the_job_holds_costs_nothing_and_can_be_closed(panel: DaskPanel) -> None:
    assert "at once" in str(panel.view.children[0].children[0].value).casefold()
    panel.here.click()
    panel.here.click()  # a double click is one
    async with asyncio.timeout(60):
        while panel.close not in shown(panel):
            await asyncio.sleep(0.02)
    assert panel.cluster.scheduler_address.startswith("tls://")
    assert panel.scale not in shown(panel)
    await says_after(panel.close.click, panel, "Closed: no worker is left.")
    assert panel.ask in shown(panel)


def shown(panel: DaskPanel) -> list[Any]:
    """The widgets that can be seen, those in rows too."""
    found, left = list[Any](), list[Any](panel.view.children)
    while left:
        found.append(one := left.pop())
        left.extend(getattr(one, "children", ()))
    return found


async def test_workers_are_counted_and_what_happened_is_said(
    cluster: Cluster, panel: DaskPanel, fake_slurm: FakeSlurm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those that wait with the reason; when one comes, what it has; when one ends before it came, why."""
    monkeypatch.setattr("notebooks.dask_panel.LOOK", 0.1)
    panel.show(cluster)
    await holds(panel.facts, "Job 2")
    assert (panel.bar.value, panel.bar.max, panel.count.value) == (0, 2, "0 of 2. None is there yet.")
    with ending([begin(fake_slurm, 1)]):
        await holds(panel.count, "1 of 2. Together: 1 CPU, 1.8 GiB of memory.")
        await holds(panel.facts, "It runs on cpu1.")
        fake_slurm.change("2", state="FAILED", exit_code="7:0")
        await holds(panel.facts, "Job 2 of a worker has ended.")
        assert panel.bar.max == 1
        panel.jobs["cpu"].value = 1
        await says_after(panel.price.click, panel, "No more workers than there are")
        await says_after(panel.close.click, panel, "Closed: no worker is left.")


async def holds(widget: Any, words: str) -> None:
    """Wait until a widget shows something."""
    async with asyncio.timeout(60):
        while words not in widget.value:
            await asyncio.sleep(0.02)
