"""Inspection: once a run is over, ask what it used, say so, and leave that as a page in its folder."""

import contextlib
from collections.abc import Iterator

from spawners import run_record as files
from spawners.run import Run, View
from spawners.run_attempts import attempts
from spawners.run_fit import NOTHING, ran
from spawners.run_page import page
from spawners.run_record import REPORT
from spawners.run_report import cell_times, price_of, report
from spawners.scheduler import Scheduler, SchedulerError, Spent
from spawners.site import Site, SiteError, load_site


async def inspect(run: Run, seen: View, scheduler: Scheduler) -> list[tuple[str, str]]:
    """What to tell of a run, as names and sentences, also left as report.html; nothing while it is not over."""
    if not seen.over or seen.job is None:
        return []
    # What was taken over from an earlier attempt took no time of this one's.
    begun = seen.job.start if seen.earlier else None
    times = [one for one in cell_times(run.folder) if not (begun and one.start and one.start < begun)]
    spent, site = await _spent(seen.job.job_id, scheduler), _site(seen.record.submitted.site)
    rows = [*attempts(seen.earlier), *report(seen.record, seen.job, times, spent, site), *_in_all(seen, site)]
    with contextlib.suppress(OSError):  # a full home folder: it is written at a later look
        files.write_whole(run.folder / REPORT, page(run.name, seen.sentence, seen.record, seen.job, rows, times))
    return rows


def _in_all(seen: View, site: Site | None) -> Iterator[tuple[str, str]]:
    """What all attempts cost together, where there were several."""
    jobs = [record.accounting for record in seen.earlier] + [seen.job]
    seconds = sum(ran(job) or 0.0 for job in jobs if job)
    if seen.earlier and site is not None and (cost := price_of(site, seen.record, seconds)):
        yield "Price in all", cost.partition(";")[0] + "."


async def _spent(job_id: str, scheduler: Scheduler) -> Spent:
    try:
        return await scheduler.spent(job_id)
    except SchedulerError:
        return NOTHING


def _site(name: str) -> Site | None:
    """The site that it ran on; None where its file is here no more."""
    try:
        return load_site(name)
    except SiteError:
        return None
