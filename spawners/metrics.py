"""What an operator's Prometheus is told of servers, beside JupyterHub's own metrics.

Labels take few values, and none is a person's name: profiles and partitions are those of the site, causes those of
spawners.ending.
"""

import asyncio
from collections import Counter as Count
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import get_args

from prometheus_client import Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from spawners.door import Door
from spawners.ending import Cause, Ending
from spawners.scheduler import JobState
from spawners.strays import live_servers

# Seconds, from a free node to a weekend.
BUCKETS = (5, 10, 20, 30, 60, 120, 300, 600, 1800, 3600, 7200, 14400, 43200, 86400, 259200)
STATES = ("waiting", "running", "paused", "other")

_waited = Histogram(
    "onramp_queue_wait_seconds",
    "From submission to the start of the job, by Slurm's clock, of servers that came up",
    ("profile", "partition"),
    buckets=BUCKETS,
)
_came_up = Histogram(
    "onramp_start_seconds",
    "From submission until the server answered",
    ("profile", "partition"),
    buckets=BUCKETS,
)
_ended = Counter("onramp_ended", "Servers and starts that are over, by cause", ("cause",))
for _cause in get_args(Cause):  # a cause that has not happened yet is shown as 0
    _ended.labels(_cause)


def came_up(profile: str, job: JobState | None) -> None:
    """Note that a server answers, and how long its job waited before."""
    if job is None or job.submitted is None:
        return
    labels = (profile, job.partition or "")
    _came_up.labels(*labels).observe(_seconds(job.submitted, datetime.now(UTC)))
    if job.start is not None:
        _waited.labels(*labels).observe(_seconds(job.submitted, job.start))


def is_over(ending: Ending) -> None:
    """Note that a server, or its start, is over."""
    _ended.labels(ending.cause).inc()


def _seconds(begin: datetime, end: datetime) -> float:
    """Never negative: the clocks of two machines may differ."""
    return max(0.0, (end - begin).total_seconds())


class Polled(Collector):
    """What is counted elsewhere, read when Prometheus asks: the one poll, what it showed, and the ledger."""

    def __init__(self, door: Door) -> None:
        """Nothing is asked of Slurm for this."""
        self._door = door

    def collect(self) -> Iterable[Metric]:
        """Say how often squeue was asked and what its last answer was worth."""
        polls = self._door.scheduler.polls
        yield _counter("onramp_polls", "Calls of squeue, one for all servers", polls.asked)
        yield _counter("onramp_poll_failures", "Calls of squeue that failed; servers are kept", polls.failed)
        yield _counter("onramp_poll_seconds", "Seconds that squeue took, all calls together", polls.seconds)
        if polls.asked > polls.failed:
            age = asyncio.get_running_loop().time() - polls.last.at
            yield GaugeMetricFamily("onramp_poll_age_seconds", "Seconds since squeue last answered", value=age)
        servers = Count(_state(job) for job in live_servers(polls.last, self._door.hub).values())
        gauge = GaugeMetricFamily("onramp_servers", "Servers by the state of their job", labels=("state",))
        for state in STATES:
            gauge.add_metric((state,), servers[state])
        yield gauge
        yield _counter("onramp_ledger_errors", "Reads and writes of the ledger that failed", self._door.ledger.errors)


def _counter(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(name, text, value=value)


def _state(job: JobState) -> str:
    if job.waiting:
        return "waiting"
    if job.paused:
        return "paused"
    return "running" if job.running else "other"
