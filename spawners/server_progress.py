"""What a start waits for, as its page tells it: how far it is, why, how many are before it, and when it begins."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from spawners.accounts import AccountError
from spawners.foresight import Foreseen, Range, in_words
from spawners.request import resolve
from spawners.scheduler import JobState
from spawners.server_job import describe
from spawners.server_sooner import Question, Sooner, sooner
from spawners.server_switch import may_switch
from spawners.server_watch import JobWatch

# What Slurm foresaw for a moment that is over did not come true, and nothing newer is known.
_STALE = timedelta(minutes=1)
# Nothing is said to start sooner than a job that has waited no longer than this.
_AT_ONCE = timedelta(seconds=10)
_SILENT = "Slurm does not answer just now. The place in the queue is kept, and this page goes on when it answers again."


@dataclass(frozen=True)
class Step:
    """How far a start is, of 100; `title` is for the window's tab. Empty sentences are those that nobody can say."""

    percent: int
    title: str
    sentence: str
    place: str = ""
    starts: str = ""


async def follow(spawner: Any) -> AsyncIterator[dict[str, Any]]:
    """Tell what a start waits for, whenever that changes; nothing of what was told is kept."""
    told, last, asked = (
        None,
        spawner.watch,
        describe(spawner.door().site, resolve(spawner.request(), spawner.door().site)),
    )
    async with Question(partial(_sooner, spawner)) as question:
        while True:
            now = datetime.now(UTC)
            watch = spawner.watch if spawner.job_id else None
            if watch is not last:
                last = watch
                question.forget()
            offer = question.answer() if may_switch(spawner) and _long_queued(watch, now) else None
            expected = await _expected(spawner, watch, now)
            new = step(asked=asked, watch=watch, answering=spawner.answering, expected=expected), offer
            if new != told:
                told = new
                yield event(new[0], watch, now) | {"sooner": asdict(offer) if offer else None}
            await asyncio.sleep(spawner.startup_poll_interval)


def _long_queued(watch: JobWatch | None, now: datetime) -> bool:
    """Whether the job has waited for longer than one that starts at once does."""
    job = watch.job if watch else None
    return job is not None and job.waiting and job.submitted is not None and now - job.submitted > _AT_ONCE


async def _sooner(spawner: Any) -> Sooner | None:
    """Ask what would start sooner."""
    door, job = spawner.door(), spawner.watch.job
    now = datetime.now(UTC)
    try:
        account = spawner.account()
    except AccountError:
        return None
    return await sooner(door.site, door.lanes, spawner.request(), account, queued=job.start, now=now)


async def _expected(spawner: Any, watch: JobWatch | None, now: datetime) -> Range | None:
    """Return between when the job starts, as the scheduler foresees it and as that was right lately."""
    job = watch.job if watch else None
    if job is None or not job.waiting or not job.partition or job.start is None or now - job.start > _STALE:
        return None
    door = spawner.door()
    foreseen: Foreseen = await door.lanes.range(job.partition, resolve(spawner.request(), door.site).qos, job.start)
    return foreseen.range


def step(*, asked: str, watch: JobWatch | None, answering: bool, expected: Range | None = None) -> Step:
    """Return how far a start is.

    `asked` is what Slurm is asked for, `watch` the job once there is one; `answering` says that its server has
    reported its port, and `expected` is when the job starts, where that is known.
    """
    if watch is None:
        return Step(5, "Asking", f"Asking Slurm for {asked}.")
    job = watch.job
    if watch.unanswered and (job is None or job.waiting):
        return Step(20, "In the queue", f"In the queue. {_SILENT}")
    if job is None:
        return Step(20, "In the queue", watch.sentence())
    if job.waiting:
        sentence = f"In the queue. {watch.sentence()}"
        return Step(
            20, "In the queue", sentence, place=_place(job, watch.ahead), starts=in_words(expected) if expected else ""
        )
    if not answering:
        return Step(60, "Starting", f"Running on {job.node}. JupyterLab is starting.")
    return Step(90, "Starting", "JupyterLab answers. Opening it.")


def event(told: Step, watch: JobWatch | None, now: datetime) -> dict[str, Any]:
    """Return the step as JupyterHub sends it to the page, with the seconds for which the job has waited."""
    job = watch.job if watch else None
    submitted = job.submitted if job is not None and job.waiting else None
    return {
        "progress": told.percent,
        "title": told.title,
        "message": told.sentence,
        "place": told.place,
        "starts": told.starts,
        "waited": None if submitted is None else max(0, round((now - submitted).total_seconds())),
    }


def _place(job: JobState, ahead: int | None) -> str:
    """Say how many are before it."""
    if ahead is None:
        return ""
    if ahead == 0:
        return f"It is next in the partition {job.partition}"
    jobs = "1 job is" if ahead == 1 else f"{ahead} jobs are"
    return f"{jobs} ahead of it in the partition {job.partition}"
