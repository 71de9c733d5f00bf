"""The job of a kernel as the server has it: submitted, waited for, spoken to over its line, and ended."""

import asyncio
import contextlib
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any, Protocol

from spawners.kernel_line import Line
from spawners.kernel_listener import Listener
from spawners.kernel_plan import KernelError, KernelPlan
from spawners.node_job import NodeError, node_address
from spawners.outage import refusal_of
from spawners.render import RenderError
from spawners.scheduler import JobState, Scheduler, SchedulerError

# Seconds between two looks at the queue: the next is so many times as long, up to the longest.
FIRST, TIMES, LONGEST = 0.5, 1.6, 15.0
# Seconds that a job which runs has to call, and accounting to know how one ended.
CALLS_WITHIN, TOLD_WITHIN = 120.0, 10.0


class Hears(Protocol):
    """Who wants to know what becomes of the job."""

    def waits(self, why: str) -> None:
        """The job waits, and `why` says for what."""

    def started(self, connection: Mapping[str, Any]) -> None:
        """The kernel that was asked for last is reached there."""

    def exited(self, code: int) -> None:
        """The kernel that was asked for last has ended; its job has not."""

    def looked(self, busy: Sequence[str]) -> None:
        """This computes on its node, as far as is seen there."""

    def ends(self, when: datetime) -> None:
        """Slurm ends the job then."""

    def lost(self) -> None:
        """There is no job any more; why not is looked for."""

    def gone(self, why: str) -> None:
        """And this is why."""


class KernelJob:
    """One job. A kernel may be started in it again and again; it ends when it is told to, or when its line ends."""

    def __init__(self, plan: KernelPlan, scheduler: Scheduler, hears: Hears) -> None:
        self._plan, self._scheduler, self._hears = plan, scheduler, hears
        self._listener = Listener()
        self._line: Line | None = None
        self._wanted: dict[str, Any] = {}
        self._asks: asyncio.Task[None] | None = None
        self._number = 1
        self._look: float | None = None
        self._task: asyncio.Task[None] | None = None
        self.job_id = ""

    @property
    def runs(self) -> bool:
        """The job has called, so that its node is ours."""
        return self._line is not None

    async def submit(self, look: float | None, cwd: str, connection: Mapping[str, Any]) -> None:
        """Hand it to Slurm, and with it how its first kernel is started; KernelError, and nothing left, on a refusal.

        Its node is to tell every `look` seconds what computes there; None: never.
        """
        self._look = look
        try:
            told = await self._listener.open(node_address(os.environ))
            values = {key: str(value) for key, value in asdict(told).items()} | {"ONRAMP_SITE": self._plan.named}
            values["kernel"] = json.dumps({"cwd": cwd, "connection": dict(connection)})
            self.job_id = await self._scheduler.submit(self._plan.user, self._plan.script(), self._plan.letter(values))
        except BaseException as error:
            self._listener.close()
            if isinstance(error, SchedulerError):
                raise KernelError(f"Slurm did not take the kernel's job: {refusal_of(str(error))[0]}") from error
            if isinstance(error, (RenderError, NodeError, OSError)):
                raise KernelError(f"The kernel's job cannot be asked for: {error}") from error
            raise
        self._task = asyncio.create_task(self._follow())

    def start(self, cwd: str, connection: Mapping[str, Any]) -> None:
        """Start another kernel as soon as there is a node for it, in place of the one that there is."""
        self._number += 1
        self._wanted = {"start": {"number": self._number, "cwd": cwd, "connection": dict(connection)}}
        if self._line is not None:
            self._line.send(self._wanted)

    def signal(self, number: int) -> None:
        """Signal the kernel."""
        if self._line is not None:
            self._line.send({"signal": number})

    async def end(self) -> None:
        """End the job, wherever it stands; what Slurm does not do now the job does when it finds nobody."""
        if self._task is not None and self._task is not asyncio.current_task():
            self._task.cancel()
        self._hang_up()
        with contextlib.suppress(SchedulerError):
            await self._scheduler.cancel(self._plan.user, self.job_id)

    async def _follow(self) -> None:
        """Wait for the job's call, pass on what it says, and find out how it ended."""
        try:
            self._line = await self._call()
            if self._wanted:
                self._line.send(self._wanted)
            if self._look is not None:
                self._line.send({"look": self._look})
            self._asks = asyncio.create_task(self._ask_end())
            async for message in self._line:
                self._hear(message)
            self._hears.lost()
            why = await self._ending()
        except KernelError as error:
            self._hears.lost()
            why = str(error)
        await self.end()
        self._hears.gone(why)

    def _hear(self, message: Mapping[str, Any]) -> None:
        """Pass on a word about the last kernel; one about an earlier kernel comes too late to matter."""
        if message.get("started") == self._number:
            self._hears.started(message["connection"])
        elif message.get("exited") == self._number:
            self._hears.exited(int(message["code"]))
        elif "busy" in message:
            self._hears.looked(message["busy"])

    async def _ask_end(self) -> None:
        """Ask once when Slurm will end the job."""
        self._scheduler.expect(self.job_id)
        job = (await self._scheduler.jobs()).get(self.job_id)
        if job is not None and job.end is not None:
            self._hears.ends(job.end)

    async def _call(self) -> Line:
        """The line of the job, once it calls; KernelError where it has ended, or never calls."""
        now = asyncio.get_running_loop().time
        pause, waited = FIRST, now()
        while True:
            done, _ = await asyncio.wait([self._listener.called], timeout=pause)
            if done:
                return self._listener.called.result()
            if await self._waits():
                waited = now()
            elif now() - waited > CALLS_WITHIN:
                raise KernelError(
                    f"Job {self.job_id} runs, but has not called this server within {CALLS_WITHIN:.0f} seconds. "
                    "Tell the operators that the nodes of this profile need a way to the ports of this one."
                )
            pause = min(TIMES * pause, LONGEST)

    async def _waits(self) -> bool:
        """Say why the job waits; False where it does not. KernelError where it is over."""
        snapshot = await self._scheduler.jobs()
        if snapshot.stale:
            self._hears.waits("Slurm does not answer just now. The job keeps its place in the queue.")
            return True
        job = snapshot.get(self.job_id) or await self._accounted()
        if job is None:
            return True  # so new that neither knows it
        if job.ended:
            raise KernelError(self._sentence(job))
        if job.waiting:
            self._hears.waits(f"Job {self.job_id} waits in the queue. {self._scheduler.explain(job)}")
        else:
            self._hears.waits(f"Job {self.job_id} has a node, {job.node}, and starts the kernel.")
        return job.waiting

    async def _ending(self) -> str:
        """How a job ended that has hung up, as soon as Slurm can tell."""
        for _ in range(int(TOLD_WITHIN)):
            job = await self._accounted()
            if job is not None and job.ended:
                return self._sentence(job)
            await asyncio.sleep(1)
        return f"Job {self.job_id}, in which this kernel ran, is gone."

    async def _accounted(self) -> JobState | None:
        try:
            return (await self._scheduler.accounted(self.job_id)).get(self.job_id)
        except SchedulerError:
            return None

    def _sentence(self, job: JobState) -> str:
        ran = "ran" if self.runs else "was to run"
        return f"Job {self.job_id}, in which this kernel {ran}, is over. {self._scheduler.explain(job)}"

    def _hang_up(self) -> None:
        self._listener.close()
        if self._asks is not None:
            self._asks.cancel()
        if self._line is not None:
            self._line.close()
