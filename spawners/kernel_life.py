"""The life of one kernel: its stub is there at once, the first cell that is run asks for a job, and what then becomes.

Who only reads a notebook asks for nothing. What has not begun loses nothing when its job goes: the next cell asks
again. What has begun loses its variables, so it is dead, and a person restarts it.
"""

import asyncio
import logging
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from spawners.kernel_end import WARN, KernelEnd, interrupted, nothing_lost, variables_lost
from spawners.kernel_job import KernelJob
from spawners.kernel_plan import KernelError, KernelPlan
from spawners.kernel_stub import Stub
from spawners.scheduler import Scheduler

# What Jupyter is told of a kernel whose job is over.
GONE = 1
# Seconds that a page has to show the last words: of a kernel that it knows to be dead it shows nothing more.
READ = 1.0
# Seconds for which the stub of a kernel that is dead is still heard: Jupyter ends what is left of one, but not always.
LAST_WORDS = 30.0
_Call = Callable[[], None]
_Makes = Callable[[_Call], Stub]
_log = logging.getLogger(__name__)


class KernelLife:
    """One kernel. `exit` is None while there is one, or will be; `busy` names what computes on its node."""

    def __init__(self, stub: _Makes, plan: Callable[[], KernelPlan], scheduler: Scheduler, dies: _Call) -> None:
        """`stub` makes one, `plan` says what a cell asks for, `dies` hears that one which had begun will be dead."""
        self._stub = stub(self._wanted)
        self._plan, self._scheduler, self._dies = plan, scheduler, dies
        self._kernel: tuple[str, dict[str, Any]]
        self._asking: asyncio.Task[None] | None = None
        self._job: KernelJob | None = None
        self._end: KernelEnd
        self._reached = self._lost = False
        self._over = ""
        self._farewell: list[asyncio.TimerHandle] = []
        self._ending: asyncio.Task[None] | None = None
        self.exit: int | None = None
        self.busy: tuple[str, ...] = ()
        self.closed = False

    @property
    def ports(self) -> dict[str, int]:
        """Where each of Jupyter's channels is."""
        return self._stub.ports

    @property
    def notice(self) -> dict[str, str] | None:
        """What a person should know of its end, as spawners.kernel_end tells it."""
        return None if self._job is None else self._end.notice(time.time())

    # What Jupyter wants.

    def start(self, cwd: str, connection: Mapping[str, Any]) -> None:
        """From now on there is a kernel: in the job that there is, or once a cell asks for one."""
        for timer in self._farewell:
            timer.cancel()
        self._stub.leave()
        self._kernel = (cwd, dict(connection))
        self.exit, self._reached, self._over = None, False, ""
        if self._job is not None:
            self._job.start(*self._kernel)

    def signal(self, number: int) -> None:
        """Signal the kernel; what kills one that is not there has done so."""
        if self._job is not None and self._reached:
            self._job.signal(number)
        elif number != signal.SIGINT:
            self.shut_down()

    def shut_down(self) -> None:
        """It was told to end; one that is not there need not be waited for."""
        if self.exit is None and (self._job is None or not self._reached):
            self.exit = 0

    async def interrupt(self) -> None:
        """Interrupt the cell that runs; where none can, answer those that wait, and take a job back that waits too."""
        if self._asking is not None:
            await asyncio.wait([self._asking])
        job = self._job
        if job is not None and self._reached:
            job.signal(signal.SIGINT)
        elif job is not None and job.runs:
            self._stub.cells.refuse("Interrupted before the kernel was ready.")
        elif job is not None:
            await self._give_up(interrupted(job.job_id))

    async def end(self) -> None:
        """End the job, wherever it stands, and hear nobody any more."""
        self.exit = 0 if self.exit is None else self.exit
        if self._asking is not None:
            await asyncio.wait([self._asking])
        job, self._job = self._job, None
        if job is not None:
            await job.end()
        self._close()

    # What a cell wants.

    def _wanted(self) -> None:
        """Ask for a job, unless there is one, or was."""
        if self._over:
            self._stub.cells.refuse(self._over)
        elif not (self.exit is not None or self._job or self._asking or self._lost):
            self._asking = asyncio.create_task(self._ask())

    async def _ask(self) -> None:
        self.waits("Slurm is asked for a job.")
        try:
            plan = self._plan()
            self._end = KernelEnd(plan.idle, time.time())
            job, kernel = KernelJob(plan, self._scheduler, self), self._kernel
            await job.submit(self._end.interval, *kernel)
            if kernel is not self._kernel:  # it was restarted meanwhile
                job.start(*self._kernel)
            self._job = job
        except KernelError as error:
            self._stub.cells.refuse(nothing_lost(str(error)))
        finally:
            self._asking = None

    # What becomes of the job.

    def waits(self, why: str) -> None:
        """Show why there is no kernel yet."""
        self._stub.cells.waits(why)

    def started(self, connection: Mapping[str, Any]) -> None:
        """Reach the kernel."""
        self._reached = True
        self._stub.reach(connection)

    def exited(self, code: int) -> None:
        """Let Jupyter see that it ended; it restarts one that nobody has ended."""
        self.exit, self._reached = code, False
        self._stub.leave()

    def looked(self, busy: Sequence[str]) -> None:
        """Release the kernel where nothing has happened for long."""
        job, cells = self._job, self._stub.cells
        if job is None:
            return
        self.busy = tuple(busy)
        if self._end.look(time.time(), asked=cells.asked, busy=[*busy, *(["a cell"] if cells.busy else [])]):
            self._ending = asyncio.create_task(self._give_up(self._end.unused(job.job_id)))

    def ends(self, when: datetime) -> None:
        """Say shortly before that the job's time will be up."""
        self._end.time_up = when.timestamp()
        left = self._end.time_up - time.time()
        asyncio.get_running_loop().call_later(max(0.0, left - WARN), self._nearly_over, self._job)

    def _nearly_over(self, job: KernelJob | None) -> None:
        if job is not None and job is self._job:
            self._stub.tell(self._end.nearly_over(job.job_id))

    def lost(self) -> None:
        """There is no job any more; until it is known why, no other is asked for."""
        self._job, self._lost, self.busy = None, True, ()
        if self._reached:
            self._dies()

    def gone(self, why: str) -> None:
        """Say why, below each cell that has no answer; what had begun is dead then."""
        if self.closed:
            return
        _log.warning("%s", why)
        self._lost = False
        if not self._reached:
            self._stub.cells.refuse(nothing_lost(why))
            return
        self._over = variables_lost(why)
        self._stub.cells.refuse(self._over)
        self._stub.leave()
        later = asyncio.get_running_loop().call_later
        self._farewell = [later(READ, self._die), later(LAST_WORDS, self._close)]

    def _die(self) -> None:
        self.exit = GONE

    async def _give_up(self, why: str) -> None:
        """End the job, for a reason that is ours."""
        job = self._job
        if job is not None:
            self.lost()
            await job.end()
            self.gone(why)

    def _close(self) -> None:
        if not self.closed:
            self.closed = True
            self._stub.close()
