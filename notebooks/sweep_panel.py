"""The panel of a sweep: its members with their values, a plot, the best, and a button to cancel. A view only."""

import asyncio
import html
import io
from collections.abc import Sequence

import ipywidgets as widgets

from notebooks import words
from notebooks.cell_view import CellView, table
from notebooks.runs_panel import RunPanel
from notebooks.runs_panel import watch as watch_run
from spawners.run import Run
from spawners.scheduler import Scheduler
from spawners.slurm import Slurm
from spawners.sweep import Member, Sweep, SweepView, best, cancel, look

# Seconds between two looks.
LOOK = 2.0
# So many members are shown as rows: those that failed, then the others.
ROWS = 50
# What is small is good in these; of any other value the largest is the best.
SMALL = ("loss", "error", "seconds")


class SweepPanel(CellView):
    """A sentence, a bar that counts members, a plot of the first value they report, a table, and a button."""

    def __init__(self, sweep: Sweep, scheduler: Scheduler) -> None:
        super().__init__(f"Sweep {sweep.name}. How it is now: onramp runs show {sweep.name}")
        self.sweep = sweep
        self.facts, self.plot, self.members = (widgets.HTML() for _ in range(3))
        self.bar = widgets.IntProgress(value=0, max=1, description="Members")
        self.count = widgets.Label()
        self.button = widgets.Button(description="Cancel this sweep", tooltip="End its jobs; what is done is kept")
        self.button.on_click(self._click)
        bar = widgets.HBox([self.bar, self.count, self.button])
        self.view.children = [self.facts, bar, self.note, self.plot, self.members]
        self._scheduler, self._sure = scheduler, False

    def draw(self, seen: SweepView) -> None:
        """Show a sweep as it was seen."""
        rows = [("State", f"{seen.state}. {seen.sentence}"), ("Folder", str(self.sweep.folder)), *_best(seen.members)]
        if seen.gpu_minutes:
            rows.append(("Cost", f"{words.count(seen.gpu_minutes, 'GPU minute')}, by Slurm's clock."))
        self.facts.value = table(f"Sweep {self.sweep.name}", rows)
        done = seen.count("COMPLETED")
        self.bar.max, self.bar.value = max(1, len(seen.members)), done
        self.count.value = f"{done} of {len(seen.members)}"
        self.plot.value, self.members.value = plot(seen.members), members_table(seen.members)
        if seen.over:
            self.button.layout.display = "none"

    async def watch(self) -> None:
        """Look again and again, until the sweep is over."""
        while True:
            seen = await look(self.sweep, self._scheduler)
            self.draw(seen)
            if seen.over:
                return
            await asyncio.sleep(LOOK)

    def start(self) -> None:
        """Watch from now on, in the kernel's event loop."""
        self.spawn(self.watch())

    def _click(self, _button: object) -> None:
        """Ask once whether that is meant; then do it."""
        if not self._sure:
            self._sure = True
            self.button.description, self.button.button_style = "Really cancel?", "danger"
        else:
            self.button.disabled = True
            self.spawn(self._cancel())

    async def _cancel(self) -> None:
        await cancel(self.sweep, self._scheduler)

    def failed(self, error: BaseException) -> None:
        """Say why, and let the button be tried again."""
        super().failed(error)
        self.button.disabled = False


def members_table(members: Sequence[Member]) -> str:
    """Members with their parameters, what they reported, and why one failed; the failed ones first."""
    order = sorted(members, key=lambda member: (member.state != "FAILED", member.name))[:ROWS]
    parameters = list(dict.fromkeys(name for member in members for name in member.parameters))
    values = list(dict.fromkeys(name for member in members for name in member.values))
    head = "".join(f'<th scope="col">{html.escape(name)}</th>' for name in ["member", *parameters, *values, "state"])
    lines = []
    for member in order:
        cells = [member.name, *(str(member.parameters.get(name, "")) for name in parameters)]
        cells += [f"{member.values[name]:.4g}" if name in member.values else "" for name in values]
        cells.append(f"{member.state}. {member.sentence}" if member.sentence else member.state)
        lines.append("<tr>" + "".join(f"<td>{html.escape(cell)}&emsp;</td>" for cell in cells) + "</tr>")
    more = f"<p>and {len(members) - ROWS} more</p>" if len(members) > ROWS else ""
    return f"<table><thead><tr>{head}</tr></thead><tbody>{''.join(lines)}</tbody></table>{more}"


def plot(members: Sequence[Member]) -> str:
    """The first value that members report, over the parameter with the most numbers; "" where there is none."""
    name = next((name for member in members for name in member.values), None)
    over = _axis(members)
    if name is None or over is None:
        return ""
    from matplotlib.figure import Figure  # loaded only where there is something to see

    points = [(member.parameters[over], member.values[name]) for member in members if name in member.values]
    figure = Figure(figsize=(5, 2.6), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*points, strict=True), "o")
    at = [x for x, _ in points if isinstance(x, int | float)]
    if len(at) == len(points) and 0 < min(at) <= max(at) / 100:  # as learning rates are tried
        axes.set_xscale("log")
    axes.set_xlabel(over)
    axes.set_ylabel(name)
    picture = io.StringIO()
    figure.savefig(picture, format="svg")
    svg = picture.getvalue()
    text = html.escape(f"{name} of {len(points)} members over {over}", quote=True)
    return f'<div role="img" aria-label="{text}">{svg[svg.index("<svg") :]}</div>'


def _axis(members: Sequence[Member]) -> str | None:
    """The parameter with the most different numbers."""
    found: dict[str, set[float]] = {}
    for member in members:
        for name, value in member.parameters.items():
            if isinstance(value, int | float) and not isinstance(value, bool):
                found.setdefault(name, set()).add(value)
    return max(found, key=lambda name: len(found[name]), default=None)


def _best(members: Sequence[Member]) -> list[tuple[str, str]]:
    """The best member by each value."""
    rows = []
    for name in dict.fromkeys(name for member in members if member.state == "COMPLETED" for name in member.values):
        small = any(word in name.casefold() for word in SMALL)
        found = best(members, name, largest=not small)
        given = ", ".join(f"{key}={value}" for key, value in found.parameters.items())
        kind = "Smallest" if small else "Largest"
        rows.append((f"{kind} {name}", f"{found.values[name]:.4g}: member {found.name}, {given}"))
    return rows


def watch(what: Run | Sweep) -> RunPanel | SweepPanel:
    """Show a run or a sweep until it is over; it goes on without the panel, and without this server."""
    if isinstance(what, Run):
        return watch_run(what)
    panel = SweepPanel(what, Slurm())
    panel.start()
    return panel
