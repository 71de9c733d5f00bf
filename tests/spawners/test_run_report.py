"""The report of a run that is over, from its record, accounting and the executed notebook."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from spawners import run_record as files
from spawners.resources import Request, fill
from spawners.run_record import Record, Submitted
from spawners.run_report import CellTime, cell_times, report
from spawners.scheduler import JobState
from spawners.site import Site
from spawners.site_parts import Charge

AT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def cell(source: str | list[str], seconds: float | None, kind: str = "code", start: str = "") -> dict[str, Any]:
    """A cell as papermill leaves it."""
    return {"cell_type": kind, "source": source, "metadata": {"papermill": {"duration": seconds, "start_time": start}}}


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
    at = "2026-11-20T12:00:00"
    first = cell("# a\nx = 1", 0.5, start=f"{at}+00:00")
    cells = [cell("x", 9, "markdown"), first, cell(["\n", "train()"], 70, start=at), cell("never()", None)]
    (tmp_path / files.OUTPUT).write_text(json.dumps({"cells": cells}))
    assert cell_times(tmp_path) == [CellTime(1, "x = 1", 0.5, AT), CellTime(2, "train()", 70, AT)]


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
        "GPUs": "Not measured: no driver on its node told what they did.",
        "Where it went": "2 min in the queue, 6 min on the node, 15 s of them in its cells.",
        "Slowest cells": "[5] step(5): 5 s; [4] step(4): 4 s; [3] step(3): 3 s",
    }


def test_what_was_put_back_waited_since_then(site: Site) -> None:
    """Its record is from when it began again; accounting knows when it came back into the queue."""
    job = ended(6).model_copy(update={"submitted": AT})
    again = record(site).model_copy(update={"resumed": job.start})
    assert dict(report(again, job, []))["Where it went"] == "2 min in the queue, 6 min on the node."


def test_what_never_ran_has_nothing_to_tell(site: Site) -> None:
    job = ended(0, "CANCELLED").model_copy(update={"start": None})
    assert list(report(record(site), job, [])) == []


def test_what_it_cost_is_told_at_the_charge_of_the_site(site: Site) -> None:
    charge = Charge(per="gpu", rate=1, unit="GPU-hour")
    partitions = tuple(one.model_copy(update={"charge": charge}) for one in site.partitions)
    told = dict(report(record(site), ended(6), [], site=site.model_copy(update={"partitions": partitions})))
    assert told["Price"] == "About 0.1 GPU-hours; it might have cost up to 1 GPU-hour."
    assert "Price" not in dict(report(record(site), ended(6), [], site=site))
