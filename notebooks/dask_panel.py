"""The panel of a Dask cluster: what more workers cost and when they start, what each does, how to have more or fewer.

A view only; what it shows and does are spawners.cluster and its siblings.
"""

import asyncio
import html
import importlib
import os
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

import ipywidgets as widgets

from notebooks.cell_view import CSS, CellView
from notebooks.dask_words import gets, happened, power, spelled, table
from spawners.cluster import (
    MOST_JOBS,
    check_jobs,
    dask_here,
    fitting_profiles,
    open_cluster,
    own_site,
    plan_cluster,
)
from spawners.cluster_offer import offer
from spawners.node_gpus import visible
from spawners.node_usage import cpus, memory_limit
from spawners.plain_error import PlainError
from spawners.scheduler import Scheduler
from spawners.site_here import vendor_here
from spawners.slurm import Slurm

# Seconds between two looks at the workers.
LOOK = 2.0
_LINK = '<a href="{}" target="_blank" style="color: var(--jp-content-link-color, #06c)">Open the dashboard</a>'


class DaskPanel(CellView):
    """Two ways to a cluster, and once there is one its workers, with buttons; `cluster` is the cluster, or None."""

    def __init__(self, scheduler: Scheduler) -> None:
        """`scheduler` is asked when jobs would start and what is left."""
        super().__init__("The panel of a Dask cluster. Run its cell.")
        self.cluster: Any = None
        self._scheduler = scheduler
        fitting = fitting_profiles(own_site())
        self.jobs = {one.name: _number(one.display_name, 0, MOST_JOBS) for one in fitting}
        self._rows = {
            one.name: widgets.HBox([self.jobs[one.name], widgets.Label(gets(one.cpus_per_task, one.mem, one.gpus))])
            for one in fitting
        }
        next(iter(self.jobs.values())).value = 2
        self.minutes = _number("Minutes", 1, 10_000)
        self.minutes.value = 30
        self.here = self._button("Use what I hold", "A worker in this notebook's own job", self._hold)
        self.price = self._button("Wait and price", "Ask Slurm when they would start, and what they cost", self._price)
        self.ask = self._button("Ask for these", "Submit these jobs", self._ask)
        self.scale = self._button("Scale", "Have so many workers", self._scale)
        self.adapt = self._button("Adapt", "As many as there is work for, up to this number", self._adapt)
        self.close = self._button("Close", "End all workers", self._close)
        self.ask.button_style = self.here.button_style = "primary"
        self.bar = widgets.IntProgress(value=0, max=1, description="Workers")
        self.count, self.facts = widgets.Label(), widgets.HTML()
        self._lay_out()

    async def watch(self, cluster: Any) -> None:
        """Show its workers again and again, until the cluster is closed."""
        while self.cluster is cluster:
            await self._draw(cluster)
            await asyncio.sleep(LOOK)

    async def _draw(self, cluster: Any) -> None:
        here = cluster.scheduler_info["workers"].values()
        jobs = await asyncio.to_thread(cluster.jobs) if _asked_for(cluster) else None
        self.bar.max = max(1, len(here) if jobs is None else len(jobs))
        self.bar.value = len(here)
        self.count.value = f"{len(here)} of {len(here) if jobs is None else len(jobs)}. {power(here)}"
        if jobs is not None:
            self.facts.value = table(jobs, self._scheduler.explain) + happened(cluster.notes)

    async def _hold(self) -> None:
        await self._open(dask_here)

    async def _ask(self) -> None:
        wanted = self._wanted()
        plan = plan_cluster(wanted, time=self.minutes.value)
        await self._open(lambda: open_cluster(plan, wanted, Slurm))

    async def _open(self, start: Callable[[], Any]) -> None:
        """Start a cluster in a thread: Slurm may be slow, and the notebook goes on meanwhile."""
        self.say("Starting …")
        importlib.import_module("spawners.cluster_jobqueue")  # here, in the main thread, as it must be
        self.show(await asyncio.to_thread(start))

    def show(self, cluster: Any) -> None:
        """Show a cluster until it is closed."""
        self.cluster = cluster
        self.say("")
        self._lay_out()
        self.spawn(self.watch(cluster))

    async def _price(self) -> None:
        more = self._wanted(least=0)
        if self.cluster is not None:
            have = Counter(one.profile for one in await asyncio.to_thread(self.cluster.jobs) if not one.ended)
            more = {profile: number - have[profile] for profile, number in more.items() if number > have[profile]}
        if not any(more.values()):
            self.say("No more workers than there are: that costs nothing, and who is too many leaves at once.")
            return
        self.say("Asking Slurm …")
        self.say(str(await offer(plan_cluster(more, time=self.minutes.value), more, self._scheduler)))

    async def _scale(self) -> None:
        wanted = self._wanted(least=0)
        await asyncio.to_thread(self.cluster.scale, wanted)
        self.say(f"So many workers are wanted now: {spelled(wanted)}.")

    async def _adapt(self) -> None:
        profile = self.cluster.profiles[0]
        most = self.jobs[profile].value
        await asyncio.to_thread(lambda: self.cluster.adapt(minimum=0, maximum=most))
        self.say(f"As many workers as there is work for, at most {spelled({profile: most})}. Who is idle leaves.")

    async def _close(self) -> None:
        cluster, self.cluster = self.cluster, None
        self.say("Closing …")
        await asyncio.to_thread(cluster.close)
        self.facts.value = ""
        self.say("Closed: no worker is left.")
        self._lay_out()

    def _wanted(self, *, least: int = 1) -> dict[str, int]:
        """How many jobs of which profile the boxes say: of the cluster's, or of those that are wanted at all."""
        if self.cluster is not None:
            return {profile: self.jobs[profile].value for profile in self.cluster.profiles}
        wanted = {profile: box.value for profile, box in self.jobs.items() if box.value}
        check_jobs(sum(wanted.values()), least=least)
        return wanted

    def _lay_out(self) -> None:
        """Show the buttons for what can be done now."""
        if self.cluster is None:
            held = gets(
                cpus(os.environ), memory_limit(os.environ) >> 20, len(visible(os.environ, vendor_here(os.environ)))
            )
            hold = f"One worker in this notebook's own job, which holds {held}. At once, and for nothing more."
            ask = "Workers that are jobs of their own, on any node. They wait in the queue, and may cost GPU minutes."
            boxes = [*self._rows.values(), self.minutes, widgets.HBox([self.price, self.ask])]
            ways = [_way("What this job holds", hold, self.here), _way("Ask for more", ask, *boxes)]
            self.view.children = [*ways, self.note]
            return
        link = widgets.HTML(_LINK.format(html.escape(self.cluster.dashboard_link, quote=True)))
        top = [_way("Dask cluster", "", widgets.HBox([self.bar, self.count]), self.facts, link)]
        if _asked_for(self.cluster):
            boxes = [self._rows[profile] for profile in self.cluster.profiles]
            top.append(_way("More or fewer", "", *boxes, widgets.HBox([self.price, self.scale, self.adapt])))
        self.view.children = [*top, self.close, self.note]

    def _button(self, label: str, hint: str, act: Callable[[], Coroutine[object, object, None]]) -> widgets.Button:
        button = widgets.Button(description=label, tooltip=hint)
        button.on_click(lambda _button: self.spawn(self._once(act)))
        return button

    async def _once(self, act: Callable[[], Coroutine[object, object, None]]) -> None:
        """Do what a button is for; while it is done, no button does anything: a double click is one."""
        buttons = (self.here, self.price, self.ask, self.scale, self.adapt, self.close)
        if any(button.disabled for button in buttons):
            return
        for button in buttons:
            button.disabled = True
        try:
            await act()
        except PlainError as error:
            self.failed(error)
        finally:
            for button in buttons:
                button.disabled = False


def dask_panel() -> DaskPanel:
    """Show what a Dask cluster costs and when it starts, start one, and watch and change it: `panel.cluster` is it."""
    return DaskPanel(Slurm())


def _asked_for(cluster: Any) -> bool:
    """Whether its workers are jobs; else it is what this job holds."""
    return hasattr(cluster, "jobs")


def _way(title: str, text: str, *below: widgets.Widget) -> widgets.VBox:
    """A box with a heading."""
    said = f"<p>{html.escape(text)}</p>" if text else ""
    box = widgets.VBox([widgets.HTML(f"{CSS}<h4>{title}</h4>{said}"), *below])
    box.add_class("onramp-way")
    return box


def _number(label: str, least: int, most: int) -> widgets.BoundedIntText:
    wide = {"layout": {"width": "14rem"}, "style": {"description_width": "9rem"}}
    return widgets.BoundedIntText(least, min=least, max=most, description=label, **wide)
