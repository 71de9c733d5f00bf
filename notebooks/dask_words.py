"""What the panel of a Dask cluster says of workers: what they have, do and did."""

import html
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from notebooks import words
from spawners.cluster_watch import Explain, WorkerJob


def gets(cpus: int, mem: int, gpus: int) -> str:
    """What a worker has: `mem` in MiB."""
    parts = [words.count(cpus, "CPU"), f"{words.memory(mem)} of memory", *([words.count(gpus, "GPU")] if gpus else [])]
    return ", ".join(parts)


def power(workers: Iterable[Mapping[str, Any]]) -> str:
    """What the workers that are there have together."""
    found = [*workers]
    if not found:
        return "None is there yet."
    mem = sum(int(worker["memory_limit"]) >> 20 for worker in found)
    gpus = sum(int(worker.get("resources", {}).get("GPU", 0)) for worker in found)
    return f"Together: {gets(sum(int(worker['nthreads']) for worker in found), mem, gpus)}."


def spelled(wanted: Mapping[str, int]) -> str:
    """How many of which profile."""
    return ", ".join(f"{number} × {profile}" for profile, number in wanted.items())


def table(jobs: Sequence[WorkerJob], explain: Explain) -> str:
    """A row for each worker."""
    now = datetime.now(UTC)
    rows = "".join(
        f'<tr><th scope="row">Job {one.job_id}</th><td>{html.escape(one.profile)}</td>'
        f"<td>{html.escape(one.words(explain) + _left(one.left(now)))}</td></tr>"
        for one in jobs
    )
    return f'<table role="status" class="onramp-workers">{rows or "<tr><td>No jobs.</td></tr>"}</table>'


def _left(seconds: float | None) -> str:
    return "" if seconds is None else f" It has {words.duration(seconds)} left."


def happened(notes: Sequence[str]) -> str:
    """What happened to jobs: what was refused, and which ended early."""
    shown = "".join(f"<li>{html.escape(note)}</li>" for note in notes)
    return f'<ul class="onramp-notes" role="log" aria-label="What happened">{shown}</ul>' if shown else ""
