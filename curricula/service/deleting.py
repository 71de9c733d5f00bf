"""The files that go with somebody who was erased; what another learner handed in just so is theirs, and stays."""

import time
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from curricula.erasure import erased
from curricula.events import RESULTS, Event
from curricula.submissions import Store

if TYPE_CHECKING:  # nbgrader loads slowly, and a page needs none of it
    from curricula.marks import Key

_ABANDONED = 3600.0  # seconds after which nobody writes a gradebook any more


def gone(events: Iterable[Event]) -> frozenset[str]:
    """Return the sha256 of what erased people handed in, and nobody else."""
    received = [event for event in events if event.kind == "received"]
    kept = {event.payload["sha256"] for event in received if not erased(event)}
    return frozenset(event.payload["sha256"] for event in received) - kept


def delete_notebooks(store: Store, events: Iterable[Event]) -> int:
    """Delete what erased people handed in, by the events of all courses; return how many files there were."""
    there = [path for path in map(store.path, sorted(gone(events))) if path.exists()]
    for path in there:
        path.unlink()
    return len(there)


def delete_results(folder: Path, events: Iterable[Event], *also: "Key") -> None:
    """Delete results, notebooks as they ran, and logs of a course's erased people, also those that no event names.

    A result is found by its key: each that there is of the course, and those in `also`, with their notebooks in it.
    """
    from curricula.marks import Key

    events = tuple(events)
    told = (event.payload.get("key") for event in events if event.kind in RESULTS)
    known = {key.model_copy(update={"submission": ""}) for key in (*map(Key.model_validate, filter(None, told)), *also)}
    for sha256 in gone(events):
        for key in known:
            digest = key.model_copy(update={"submission": sha256}).digest
            for path in (folder / "results").glob(f"{digest}.*"):
                path.unlink(missing_ok=True)


def delete_abandoned(folder: Path) -> None:
    """Delete what a gradebook was being made in, where that was killed: names are in it."""
    for path in folder.glob("gradebook.*"):
        if path.suffix != ".db" and path.stat().st_mtime < time.time() - _ABANDONED:
            path.unlink(missing_ok=True)
