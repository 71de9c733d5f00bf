"""The inspection report of a run that is over: what it used of what it asked for, and where the time went. Pure."""

import json
import math
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from spawners import run_record as files
from spawners.foresight import HOUR, MINUTE
from spawners.run_record import Record
from spawners.scheduler import JobState

# A job that used less of its time than this share may well ask for less; what it is told to ask for has room to spare.
MUCH, MARGIN, STEP = 0.5, 1.5, 5
SLOWEST = 3


class CellTime(NamedTuple):
    """One cell that ran: the number it is marked with, its first line, and how many seconds it took."""

    number: int
    line: str
    seconds: float


def cell_times(folder: Path) -> list[CellTime]:
    """The cells that ran, in order, as papermill timed them; none where there is no notebook that can be read."""
    try:
        cells = json.loads((folder / files.OUTPUT).read_bytes())["cells"]
        return [time for number, cell in enumerate(filter(_is_code, cells), 1) if (time := _time(number, cell))]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return []


def report(record: Record, job: JobState, times: list[CellTime]) -> Iterator[tuple[str, str]]:
    """What to tell, as pairs of a name and a sentence; nothing of what is not known."""
    asked = record.submitted.resources.time
    if job.start and job.end and not job.waiting:
        used = max(0.0, (job.end - job.start).total_seconds())
        yield "Time", f"Used {span(used)} of {span(asked * MINUTE)} asked for. {hint(used, asked, job.state)}".rstrip()
        yield "Where it went", f"{span(_queue(record, job.start))} in the queue, {span(used)} on the node."
    slowest = sorted(times, key=lambda time: time.seconds, reverse=True)[:SLOWEST]
    if slowest:
        yield "Slowest cells", "; ".join(f"[{one.number}] {one.line}: {span(one.seconds)}" for one in slowest)


def hint(used: float, asked: int, state: str) -> str:
    """What time (minutes) to ask for next time, by one run that ended as it should; "" where it was well chosen."""
    enough = max(STEP, math.ceil(used * MARGIN / MINUTE / STEP) * STEP)
    if state != "COMPLETED" or used > MUCH * asked * MINUTE or enough >= asked:
        return ""
    return f"Next time --time {enough} is enough, with room to spare; a shorter job often starts sooner."


def span(seconds: float) -> str:
    """A length of time: 0.4 s, 12 s, 3 min 5 s, 2 h 10 min."""
    if seconds < 10:
        return f"{seconds:.1f} s".replace(".0 ", " ")
    whole = round(seconds)
    if whole < MINUTE:
        return f"{whole} s"
    if whole < HOUR:
        return f"{whole // 60} min {whole % 60} s".removesuffix(" 0 s")
    return f"{whole // 3600} h {whole % 3600 // 60} min".removesuffix(" 0 min")


def _queue(record: Record, start: datetime) -> float:
    return max(0.0, (start - record.submitted.at).total_seconds())


def _is_code(cell: Any) -> bool:
    return bool(cell["cell_type"] == "code")


def _time(number: int, cell: Any) -> CellTime | None:
    """How long a cell took; None where it did not run to an end."""
    seconds = cell["metadata"].get("papermill", {}).get("duration")
    source = cell["source"]
    lines = ("".join(source) if isinstance(source, list) else source).splitlines()
    line = next((line.strip()[:40] for line in lines if line.strip() and not line.strip().startswith("#")), "")
    return CellTime(cell.get("execution_count") or number, line, seconds) if isinstance(seconds, int | float) else None
