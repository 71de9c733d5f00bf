"""The report of a run that is over, from its record, accounting and the executed notebook."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spawners import run_record as files
from spawners.resources import Request, fill
from spawners.run_record import Record, Submitted
from spawners.run_report import CellTime, cell_times, hint, report, span
from spawners.scheduler import JobState
from spawners.site import Site

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def cell(source: str | list[str], seconds: float | None, kind: str = "code") -> dict[str, Any]:
    """A cell as papermill leaves it."""
    return {"cell_type": kind, "source": source, "metadata": {"papermill": {"duration": seconds}}}


def record(site: Site) -> Record:
    """A run that asked for an hour."""
    resources = fill(Request(purpose="run", profile="gpu-1"), site)
    one = Submitted(notebook="n", sha256="", cwd="/", site="local", profile="gpu-1", resources=resources, at=AT)
    return Record(submitted=one)


def ended(minutes: float, state: str = "COMPLETED") -> JobState:
    """A job that waited for two minutes and ran for so many."""
    start = AT + timedelta(minutes=2)
    end = start + timedelta(minutes=minutes)
    return JobState(job_id="1", user="a", name="n", comment="", state=state, start=start, end=end)


def test_cells_are_timed_as_papermill_has_it(tmp_path: Path) -> None:
    cells = [cell("x", 9, "markdown"), cell("# a\nx = 1", 0.5), cell(["\n", "train()"], 70), cell("never()", None)]
    (tmp_path / files.OUTPUT).write_text(json.dumps({"cells": cells}))
    assert cell_times(tmp_path) == [CellTime(1, "x = 1", 0.5), CellTime(2, "train()", 70)]


@pytest.mark.parametrize("text", ["", "[]", '{"cells": 1}', '{"cells": [1]}', '{"cells": [{"cell_type": "code"}]}'])
def test_a_broken_notebook_has_no_times(tmp_path: Path, text: str) -> None:
    assert cell_times(tmp_path) == []
    (tmp_path / files.OUTPUT).write_text(text)
    assert cell_times(tmp_path) == []


def test_what_is_told(site: Site) -> None:
    times = [CellTime(n, f"step({n})", n) for n in range(1, 6)]
    assert dict(report(record(site), ended(6), times)) == {
        "Time": "Used 6 min of 1 h asked for. Next time --time 10 is enough, with room to spare; "
        "a shorter job often starts sooner.",
        "Where it went": "2 min in the queue, 6 min on the node.",
        "Slowest cells": "[5] step(5): 5 s; [4] step(4): 4 s; [3] step(3): 3 s",
    }


def test_what_never_ran_has_nothing_to_tell(site: Site) -> None:
    job = ended(0, "CANCELLED").model_copy(update={"start": None})
    assert list(report(record(site), job, [])) == []


@pytest.mark.parametrize(
    ("used", "asked", "state", "time"),
    [
        (60, 60, "COMPLETED", 5),
        (29 * 60, 60, "COMPLETED", 45),
        (31 * 60, 60, "COMPLETED", None),
        (60, 5, "COMPLETED", None),
        (60, 60, "FAILED", None),
        (60, 60, "TIMEOUT", None),
    ],
)
def test_less_is_advised_only_where_it_was_far_too_much(used: float, asked: int, state: str, time: int | None) -> None:
    said = hint(used, asked, state)
    assert (f"--time {time} is enough" in said) if time else (said == "")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (0.44, "0.4 s"), (12.4, "12 s"), (60, "1 min"), (185, "3 min 5 s"), (7800, "2 h 10 min")],
)
def test_spans(seconds: float, said: str) -> None:
    assert span(seconds) == said
