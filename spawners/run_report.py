"""The inspection report of a run that is over: what it used of what it was given, and where the time went. Pure."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from spawners import run_record as files
from spawners.price import amount, price
from spawners.run_fit import NOTHING, fit, ran, span
from spawners.run_record import Record
from spawners.scheduler import JobState, Spent
from spawners.site import Site

SLOWEST = 3


class CellTime(NamedTuple):
    """One cell that ran: the number it is marked with, its first line, how many seconds it took, and since when."""

    number: int
    line: str
    seconds: float
    start: datetime | None = None


def cell_times(folder: Path) -> list[CellTime]:
    """The cells that ran, in order, as papermill timed them; none where there is no notebook that can be read."""
    try:
        cells = json.loads((folder / files.OUTPUT).read_bytes())["cells"]
        return [time for number, cell in enumerate(filter(_is_code, cells), 1) if (time := _time(number, cell))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def report(
    record: Record, job: JobState, times: list[CellTime], spent: Spent = NOTHING, site: Site | None = None
) -> Iterator[tuple[str, str]]:
    """What to tell, as pairs of a name and a sentence; nothing of what is not known."""
    seconds = ran(job)
    yield from fit(record.submitted.resources, job, spent, record.reported.use if record.reported else None)
    if seconds is not None and job.start:
        queue = queued(record, job)
        cells = sum(one.seconds for one in times)
        rest = f", {span(cells)} of them in its cells" if cells else ""
        yield "Where it went", f"{span(queue)} in the queue, {span(seconds)} on the node{rest}."
    slowest = sorted(times, key=lambda time: time.seconds, reverse=True)[:SLOWEST]
    if slowest:
        yield (
            "Slowest cells",
            "; ".join(f"[{one.number}] {one.line.rstrip(':')}: {span(one.seconds)}" for one in slowest),
        )
    if site is not None and (cost := price_of(site, record, seconds)):
        yield "Price", cost


def queued(record: Record, job: JobState) -> float:
    """How many seconds a job that has begun waited for that; one that was put back, since then."""
    since = min(record.asked, job.submitted or record.asked)
    return max(0.0, (job.start - since).total_seconds()) if job.start else 0.0


def price_of(site: Site, record: Record, seconds: float | None) -> str:
    """What it cost at the site's charge, and what it might have; "" where that is not known."""
    asked = record.submitted.resources
    most = price(site, asked)
    if most is None or not most.amount or seconds is None:
        return ""
    paid = amount(most.amount * seconds / (asked.time * 60), most.unit)
    return f"About {paid}; it might have cost up to {amount(most.amount, most.unit)}."


def _is_code(cell: Any) -> bool:
    return bool(cell["cell_type"] == "code")


def _time(number: int, cell: Any) -> CellTime | None:
    """How long a cell took; None where it did not run to an end."""
    timed = cell["metadata"].get("papermill", {})
    seconds, start = timed.get("duration"), timed.get("start_time")
    source = cell["source"]
    lines = ("".join(source) if isinstance(source, list) else source).splitlines()
    line = next((line.strip()[:40] for line in lines if line.strip() and not line.strip().startswith("#")), "")
    if not isinstance(seconds, int | float):
        return None
    return CellTime(cell.get("execution_count") or number, line, seconds, _moment(start))


def _moment(text: object) -> datetime | None:
    """A time as papermill writes it, in UTC where it names no zone."""
    try:
        found = datetime.fromisoformat(str(text))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)
