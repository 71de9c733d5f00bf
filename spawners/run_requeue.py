"""A run that Slurm takes off its node, preempted or as that fails, is put back and goes on after its last checkpoint.

Its job is submitted as one that may not be put back. It says that it may once this start has saved a checkpoint, and
no more when it begins again: so whatever happens, no cell runs twice without progress in between.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from spawners import run_record as files
from spawners.process import alone
from spawners.run_attempts import put_by
from spawners.run_record import Record
from spawners.scheduler import Scheduler, SchedulerError
from spawners.site import load_site


def begun_again(folder: Path, record: Record) -> Record:
    """The record of this start: where the same job began before, what that reported is put by as an attempt."""
    if record.reported is None:
        return record
    with files.one_at_a_time():
        put_by(folder, record)
        fresh = Record(submitted=record.submitted, resumed=datetime.now(UTC))
        files.write_record(folder, fresh)
        (folder / files.REPORT).unlink(missing_ok=True)
    return fresh


class Queue:
    """What Slurm is told on whether it may put a run's job back; nothing where the site puts no jobs back."""

    def __init__(self, record: Record, job_id: str | None, scheduler: Scheduler, say: Callable[[str], None]) -> None:
        """`record` is the run's as this start found it."""
        self._again = record.reported is not None
        self._site, self._job_id = record.submitted.site, job_id
        self._scheduler, self._say = scheduler, say
        self._told = False

    def begin(self) -> None:
        """A start after another one: it may not be put back until it has a further checkpoint."""
        if self._again:
            self._tell(allowed=False)

    def saved(self) -> None:
        """There is a checkpoint that this start has reached: from now on it may be put back."""
        if not self._told:
            self._told = True
            self._tell(allowed=True)

    def _tell(self, *, allowed: bool) -> None:
        if self._job_id is None or load_site(self._site).policy.requeue is not True:
            return
        try:
            alone(self._scheduler.let_requeue(self._job_id, allowed=allowed))
        except SchedulerError as error:
            self._say(f"Slurm does not let it say whether it may be put back into the queue: {error}")
