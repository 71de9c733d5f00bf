"""The grading jobs of one account: they begin when there is work, stand by for more, and end when there is none.

Work goes to them and answers come back through their folders (curricula.handover), so neither slurmctld nor this
process has to be there while something is examined. What a job that ends had not answered goes to another one.
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from curricula.grading_job import GradingJob
from curricula.handover import Handover
from curricula.marks import GradingError, NotRun
from curricula.pieces import Outcome, Piece, Waiting
from curricula.report import Task
from curricula.standing_job import StandingJob
from curricula.trial import Trial
from spawners.request import RequestError
from spawners.scheduler import JobState, Scheduler, SchedulerError, Snapshot
from spawners.site import SiteError

log = logging.getLogger(__name__)
MOST = 8
# Seconds: between two looks for answers while there may be some, and else; between two at Slurm; how long work may wait
# before another job is asked for.
LOOK, REST, ASK, PATIENCE = 0.02, 0.25, 0.5, 2.0
# Seconds after which a job that nobody needs is ended; and one of a profile that an assignment asked for: nobody else
# can use its GPUs meanwhile.
IDLE, SOON = 60.0, 5.0
# Seconds after which a job to stand by is asked for anew where none could be had.
AGAIN = 30.0
# How often something is tried, where the job and not the work failed.
TRIES = 2
_ABSENT = 240  # looks in a row, two minutes: accounting may be late, but not that late
# How Slurm says that a job used more than it was given: the notebook's doing, unlike a lost node.
_TOO_MUCH = {"OUT_OF_MEMORY", "TIMEOUT", "DEADLINE"}


class Workers:
    """Grading jobs of `user`: `least` stand by once `stand_by` was called, and there are never more than `most`."""

    def __init__(
        self,
        scheduler: Scheduler,
        job: GradingJob,
        handover: Path,
        *,
        user: str = "onramp-grade",
        least: int = 0,
        most: int = MOST,
    ) -> None:
        self.job, self.handover = job, handover
        self._others: dict[str, Workers] = {}
        self._scheduler, self._user = scheduler, user
        self._least, self._most = least, max(least, most)
        self._waiting = Waiting()
        self._workers: list[StandingJob] = []
        self._loops: list[asyncio.Task[None]] = []
        self._fruitless = 0
        self._started = self._refused = float("-inf")

    def of(self, profile: str | None) -> "Workers":
        """Return those of the profile that an assignment asks for, of which none stands by; without one, these."""
        if profile is None:
            return self
        if profile not in self._others:
            job = self.job.of(profile)
            self._others[profile] = Workers(self._scheduler, job, self.handover, user=self._user, most=self._most)
        return self._others[profile]

    async def run(self, work: Task | Trial, minutes: int, *, alone: bool = False) -> Outcome:
        """Have something done that may take so many `minutes`: by a job of its own where `alone`, or by any."""
        piece = Piece(work, minutes, alone, asyncio.get_running_loop().create_future())
        self._waiting.add(piece)
        self._fill()
        self.stand_by()
        try:
            return await piece.done
        except asyncio.CancelledError:
            await self._drop(piece)
            raise

    def stand_by(self) -> None:
        """Begin to look after the jobs; of no effect while that is done already."""
        if not self._loops or any(loop.done() for loop in self._loops):
            for loop in self._loops:
                loop.cancel()
            self._loops = [
                asyncio.create_task(self._for_ever(self._move, lambda: LOOK if self._given else REST)),
                asyncio.create_task(self._for_ever(self._watch, lambda: ASK)),
            ]

    async def close(self) -> None:
        """End all jobs, of other profiles too; who still waits is told so."""
        await asyncio.gather(*(one.close() for one in self._others.values()))
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)
        self._loops = []
        gone = Outcome(problem=GradingError("Grading was ended. Nothing is lost: grade again."))
        begun = [piece for worker in self._workers for piece in worker.unanswered]
        self._waiting.settle((*self._waiting, *begun), gone)
        await asyncio.gather(*(self._end(worker) for worker in tuple(self._workers)))

    @property
    def _given(self) -> bool:
        """Whether any job works."""
        return any(worker.given for worker in self._workers)

    async def _for_ever(self, step: Callable[[], Awaitable[None]], seconds: Callable[[], float]) -> None:
        """Take a step again and again; one that fails is named in the log, and the next may not."""
        while True:
            try:
                await step()
            except Exception:
                log.exception("grading jobs")
            await asyncio.sleep(seconds())

    # Files: answers and work.

    async def _move(self) -> None:
        """Take what was answered, and give what waits to whoever has room."""
        for worker in tuple(self._workers):
            if worker not in self._workers:  # ended while another one's answer was read
                continue
            worker.beat()
            await self._collect(worker)
            if not worker.ready and worker.folder.ready:
                worker.ready, worker.idle_since, self._fruitless = True, time.monotonic(), 0
        self._fill()

    async def _collect(self, worker: StandingJob) -> None:
        """Take its answers; one that was a piece's alone ends with that."""
        began = bool(worker.given)
        await worker.collect()
        if worker.own is not None and began and not worker.given:
            await self._end(worker)

    def _fill(self) -> None:
        """Give out what waits, to those first who have least."""
        for worker in sorted(self._workers, key=lambda one: len(one.given)):
            self._fill_one(worker)

    def _fill_one(self, worker: StandingJob) -> None:
        """Give a job that is ready what it has room and time for, the first that waits first."""
        if worker.own is not None and worker.ready and not worker.given:
            worker.give(worker.own)
        for piece in self._waiting.shared if worker.room > 0 else ():
            if worker.room > 0 and worker.left > piece.minutes * 60:
                self._waiting.take(piece)
                worker.give(piece)

    # Slurm: jobs begin and end.

    async def _watch(self) -> None:
        """Start what is needed, see what has ended, end what nobody needs."""
        await self._start()
        if self._workers:
            snapshot = await self._scheduler.jobs()
            for worker in tuple(self._workers):
                await self._judge(worker, snapshot)
        idle = SOON if self.job.asked else IDLE
        for worker in self._spare():
            wanted = worker.given or (self._waiting and not worker.ready)
            if not wanted and time.monotonic() - worker.idle_since > idle:
                await self._end(worker)

    def _spare(self) -> Sequence[StandingJob]:
        """Those that need not stand by: more than there are to be, and those that end soon where others are ready."""
        shared = [one for one in self._workers if one.own is None]
        lasting = [one for one in shared if one.lasts]
        ready = sum(one.ready for one in lasting)
        return [*lasting[self._least :], *(one for one in shared if not one.lasts and ready >= self._least)]

    async def _start(self) -> None:
        """Start a job for each that wants its own, and as many others as the work and those that stand by need."""
        for piece in self._waiting.alone[: self._most]:
            self._waiting.take(piece)
            await self._submit(piece)
        now = time.monotonic()
        shared = [one for one in self._workers if one.own is None]
        lacking = sum(one.lasts for one in shared) < self._least and len(shared) < self._most
        asked = [one.since for one in self._waiting.shared]
        coming = sum(one.slots for one in shared if not one.ready and not one.put_back)
        late = len(asked) > coming and now - max(self._started, min(asked)) > PATIENCE and len(shared) < self._most
        first = bool(asked) and not shared
        if first or late or (lacking and now - self._refused > AGAIN):
            self._started = now
            await self._submit(None)

    async def _submit(self, own: Piece | None) -> None:
        """Start one job. Where Slurm refuses, those hear of it who would have had to wait for this one."""
        minutes = max((one.minutes for one in ((own,) if own else self._waiting)), default=1)
        try:
            resources = self.job.resources(minutes)
            folder = await asyncio.to_thread(Handover, self.handover)
        except (GradingError, RequestError, SiteError) as error:
            self._refuse(own, GradingError(str(error)))
            return
        try:
            script = self.job.script(resources, folder.path, folder.log)
            job_id = await self._scheduler.submit(self._user, script)
        except asyncio.CancelledError:
            folder.remove()
            if own is not None:
                self._waiting.add(own)
            raise
        except SchedulerError as error:
            folder.remove()
            text = f"The grading job was not accepted: {error}. Nothing is lost: grade again."
            self._refuse(own, GradingError(text))
            return
        worker = StandingJob(folder, job_id, resources, self.job.slots(resources), own)
        self._workers.append(worker)
        if own is not None and own.done.done():  # nobody waits for it any more
            await self._end(worker)

    def _refuse(self, own: Piece | None, error: GradingError) -> None:
        self._refused = time.monotonic()
        log.error("%s", error)
        if own is not None:
            own.settle(Outcome(problem=error))
        elif not any(worker.own is None for worker in self._workers):
            self._waiting.settle(self._waiting.shared, Outcome(problem=error))

    async def _judge(self, worker: StandingJob, snapshot: Snapshot) -> None:
        """See whether a job still is, and what becomes of its work where not."""
        job = snapshot.get(worker.job_id)
        if job is None and not snapshot.stale:
            job = await self._accounted(worker.job_id)
        worker.absent = 0 if job is not None or snapshot.stale else worker.absent + 1
        if job is not None and job.running:
            worker.ends = job.end
        if job is not None and job.waiting and worker.ready:
            self._waiting.put_back(worker.begin_anew())  # others may do it sooner
        elif job is not None and job.ended:
            await self._lose(worker, self._without_answer(job))
        elif worker.absent >= _ABSENT:
            text = f"Slurm knows nothing of grading job {worker.job_id} any more. Nothing is lost: grade again."
            await self._lose(worker, GradingError(text))

    async def _accounted(self, job_id: str) -> JobState | None:
        """How a job ended that squeue does not show."""
        try:
            return (await self._scheduler.ended(job_id)).get(job_id)
        except SchedulerError:
            return None

    async def _lose(self, worker: StandingJob, why: Exception) -> None:
        """Go on without a job that has ended: what it answered counts, and the rest is tried elsewhere or given up."""
        await self._collect(worker)
        if worker not in self._workers:
            return
        self._workers.remove(worker)
        outcome = Outcome(job_id=worker.job_id, problem=why, log=worker.log)
        log.warning("%s It printed last: %s", why, outcome.log[-500:].decode(errors="replace").strip() or "nothing")
        worker.folder.remove()
        unanswered = worker.unanswered
        again = [piece for piece in unanswered[: worker.slots] if self._tried(piece, outcome)]
        self._waiting.put_back([*again, *unanswered[worker.slots :]])  # the rest only waited there
        if not worker.ready and worker.own is None:
            self._fruitless += 1
            self._refused = time.monotonic()
            if self._fruitless >= TRIES and not any(one.ready for one in self._workers):
                self._fruitless = 0
                self._waiting.settle(self._waiting.shared, outcome)

    def _tried(self, piece: Piece, outcome: Outcome) -> bool:
        """Whether to try again, alone where it may have been the piece itself; else it is told what came of it."""
        piece.tries += 1
        too_much = isinstance(outcome.problem, NotRun)
        if (too_much and piece.alone) or (piece.tries >= TRIES and not too_much):
            piece.settle(outcome)
        piece.alone = piece.alone or too_much
        return not piece.done.done()

    def _without_answer(self, job: JobState) -> Exception:
        """What a job means that left nothing: too much used, or a failure that is not the notebook's."""
        why = self._scheduler.explain(job)
        killed = job.state == "FAILED" and (job.exit_code or "").endswith(":9")
        if job.state in _TOO_MUCH or killed:
            return NotRun(f"Its job was ended: {why}")
        return GradingError(f"Grading job {job.job_id} ended without a report: {why} Nothing is lost: grade again.")

    async def _drop(self, piece: Piece) -> None:
        """Nobody waits for a piece any more: it costs nothing further."""
        self._waiting.take(piece)
        for worker in tuple(self._workers):
            if worker.own is piece:
                await self._end(worker)
            worker.drop(piece)

    async def _end(self, worker: StandingJob) -> None:
        """End a job: one that has begun ends by itself, and well, since its folder is gone; so does one that begins."""
        if worker in self._workers:
            self._workers.remove(worker)
        worker.folder.remove()
        if not worker.ready:
            with contextlib.suppress(SchedulerError):
                await self._scheduler.cancel(self._user, worker.job_id)
