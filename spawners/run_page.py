"""The report of a run as a page: one file that loads nothing and runs nothing, with its timeline as a picture. Pure.

What it shows of the notebook is text; whoever opens it, an instructor say, runs nothing of its owner's.
"""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import NamedTuple

from spawners.run_fit import ran, span
from spawners.run_record import Record
from spawners.run_report import CellTime, queued
from spawners.scheduler import JobState

# The picture's width, the height of a bar, of its words and of the gap below, in its own units.
WIDTH, BAR, LINE, GAP = 760, 26, 22, 14
# A part that is narrower than this is drawn this wide, so that it is seen.
SEEN = 2.0
# Blues and oranges that people tell apart who see few colours, and on white and on black.
QUEUE, START, CELLS, END = "#b8860b", "#6b7f99", ("#1f6fb2", "#5fa3d9"), "#8a8a8a"
STYLE = """
:root { color-scheme: light dark; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; overflow-wrap: anywhere; } h2 { font-size: 1.15rem; margin: 2rem 0 .5rem; }
table { border-collapse: collapse; } th, td { text-align: left; vertical-align: top; padding: .2rem 1.5rem .2rem 0; }
th { white-space: nowrap; font-weight: 600; } td { overflow-wrap: anywhere; } code { font-size: .95em; }
td.number { text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums; }
figure { margin: 1rem 0; overflow-x: auto; } svg { width: 100%; min-width: 36rem; height: auto; }
svg text { font: 13px system-ui, sans-serif; fill: currentColor; } svg .title { font-weight: 600; }
.note { opacity: .75; }
"""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{name}</title>
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<style>{style}</style></head><body>
<h1>{title}</h1><p>{sentence}</p>
{timeline}
<h2>What it used</h2><table>{rows}</table>
{cells}
<p class="note">Time and price are from Slurm's accounting. How busy GPUs were, and how long cells took, is the job's
own word. Which of it is proven: <code>onramp runs verify {name}</code></p>
</body></html>
"""


class Part(NamedTuple):
    """A part of a bar: what it is, how many seconds, its colour."""

    what: str
    seconds: float
    colour: str


def page(
    name: str,
    sentence: str,
    record: Record,
    job: JobState,
    rows: Iterable[tuple[str, str]],
    times: Sequence[CellTime],
) -> str:
    """The whole page."""
    return _PAGE.format(
        name=escape(name),
        style=STYLE,
        title=escape(f"Run {name}"),
        sentence=escape(sentence),
        timeline=timeline(record, job, times),
        rows="".join(f'<tr><th scope="row">{escape(one)}</th><td>{escape(text)}</td></tr>' for one, text in rows),
        cells=_table(times),
    )


def timeline(record: Record, job: JobState, times: Sequence[CellTime]) -> str:
    """From handing it in to its end, and below that what it did on its node; "" for what never ran."""
    seconds = ran(job)
    if seconds is None or job.start is None:
        return ""
    queue = queued(record, job)
    whole = [Part("In the queue", queue, QUEUE), Part("On the node", seconds, CELLS[0])]
    bars = [("From handing it in to its end", whole), ("On the node", [*_on_node(job, seconds, times)])]
    drawn = "".join(_bar(title, parts, number) for number, (title, parts) in enumerate(bars))
    height = len(bars) * (2 * LINE + BAR + GAP)
    label = escape(f"Timeline: {span(queue)} in the queue, {span(seconds)} on the node")
    return f'<figure><svg viewBox="0 0 {WIDTH} {height}" role="img" aria-label="{label}">{drawn}</svg></figure>'


def _on_node(job: JobState, seconds: float, times: Sequence[CellTime]) -> Iterator[Part]:
    """The start of Python, each cell, and what came after the last one."""
    begun = [one.start for one in times if one.start]
    first = (begun[0] - job.start).total_seconds() if begun and job.start else 0.0
    start = min(max(0.0, first), seconds)
    yield Part("Start of Python", start, START)
    for number, one in enumerate(times):
        yield Part(f"[{one.number}] {one.line}", one.seconds, CELLS[number % 2])
    yield Part("The rest", max(0.0, seconds - start - sum(one.seconds for one in times)), END)


def _bar(title: str, parts: Sequence[Part], number: int) -> str:
    """One bar, with its title above and, below, how long its longest parts are."""
    shown = [part for part in parts if part.seconds > 0]
    total = sum(part.seconds for part in shown)
    top, left, drawn = number * (2 * LINE + BAR + GAP) + 2, 0.0, ""
    for part in shown:
        width = max(SEEN, part.seconds / total * WIDTH)
        said = escape(f"{part.what}: {span(part.seconds)}")
        drawn += (
            f'<rect x="{min(left, WIDTH - SEEN):.1f}" y="{top + LINE}" width="{width:.1f}" height="{BAR}" '
            f'fill="{part.colour}"><title>{said}</title></rect>'
        )
        left += width
    longest = sorted(shown, key=lambda part: part.seconds, reverse=True)[:3]
    words = escape(" · ".join(f"{part.what} {span(part.seconds)}" for part in longest))
    return (
        f'<text x="0" y="{top + 14}" class="title">{escape(title)}: {span(total)}</text>{drawn}'
        f'<text x="0" y="{top + LINE + BAR + 16}">{words}</text>'
    )


def _table(times: Sequence[CellTime]) -> str:
    """Each cell and how long it took."""
    rows = "".join(
        f'<tr><th scope="row">[{one.number}]</th><td><code>{escape(one.line)}</code></td>'
        f'<td class="number">{span(one.seconds)}</td></tr>'
        for one in times
    )
    return f"<h2>Its cells</h2><table>{rows}</table>" if rows else ""
