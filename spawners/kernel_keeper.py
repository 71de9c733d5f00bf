"""Keeps the kernel of a job: calls the server, tells where the kernel is, and starts another when that says so.

The job ends when the server hangs up, and when it has no kernel for long.
The server says {"start": {"number", "cwd", "connection"}}, {"signal": number}, {"look": seconds}; the job says
{"started": number, "connection": {…}}, {"exited": number, "code": code}, {"busy": [names]}.
"""

import asyncio
import os
import signal
import time
from collections.abc import Coroutine, Mapping
from typing import Any

from spawners import idle, node_usage, node_work
from spawners.kernel_line import Call, Line, call
from spawners.kernel_process import KernelProcess
from spawners.node_job import NodeError

# Seconds without a kernel after which the node is given back: Jupyter forgets one that it could not restart.
NO_KERNEL = 60.0
# Seconds that a kernel has to end by itself once the server is gone.
GRACE = 3.0
# Seconds in which Slurm, which signals every process of a job that it ends, has reached this one after the kernel.
TOLD_TOO = 1.0
# Seconds between two looks for the ports that a kernel has written down.
LOOK = 0.02


class Keeper:
    """The job's end: at most one kernel, and the line to the server."""

    def __init__(self, line: Line, kernel: KernelProcess, environ: Mapping[str, str]) -> None:
        """Keep the first `kernel`, which runs already."""
        self._line, self._environ = line, environ
        self._tasks: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._bored: asyncio.TimerHandle | None = None
        self._keep(kernel)

    async def obey(self) -> None:
        """Do what the server says until either end hangs up; Slurm's word that the job ends counts as that."""
        self._loop.add_signal_handler(signal.SIGTERM, self._line.close)
        try:
            async for message in self._line:
                if "start" in message:
                    self._start(**message["start"])
                elif "signal" in message and self._kernel is not None:
                    self._kernel.signal(int(message["signal"]))
                elif "look" in message:
                    self._task(self._look(float(message["look"])))
        finally:
            await self._end()

    def _start(self, number: int, **first: Any) -> None:
        """Start a kernel in place of the one that there is."""
        if self._kernel is not None:
            self._kernel.signal(signal.SIGKILL)
        self._keep(KernelProcess(number, self._line.address, first, self._environ))

    def _keep(self, kernel: KernelProcess) -> None:
        if self._bored is not None:
            self._bored.cancel()
        self._kernel: KernelProcess | None = kernel
        self._reports = self._task(self._report(kernel))

    async def _report(self, kernel: KernelProcess) -> None:
        """Say where a kernel is reached, and that it has ended; not where it is the job that ends."""
        if ports := await _taken(kernel):
            self._line.send({"started": kernel.number, "connection": {"ip": kernel.address, **ports}})
        code = await asyncio.to_thread(kernel.wait)
        if code < 0 and not kernel.signalled:
            await asyncio.sleep(TOLD_TOO)
        self._line.send({"exited": kernel.number, "code": code})
        if kernel is self._kernel:
            self._kernel = None
            self._bored = self._loop.call_later(NO_KERNEL, self._line.close)

    async def _look(self, seconds: float) -> None:
        """Say again and again what computes here."""
        now = await asyncio.to_thread(node_usage.take, self._environ)
        while True:
            await asyncio.sleep(seconds)
            before, now = now, await asyncio.to_thread(node_usage.take, self._environ)
            elsewhere = ("a Dask cluster",) if node_work.noted(self._environ, time.time()) else ()
            self._line.send({"busy": (*idle.busy(before, now, (), {}, os.getpid()), *elsewhere)})

    def _task(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _end(self) -> None:
        """End the kernel, first with a word and then without."""
        for number in (signal.SIGTERM, signal.SIGKILL):
            if self._kernel is not None:
                self._kernel.signal(number)
                await asyncio.wait([self._reports], timeout=GRACE)
        if self._bored is not None:
            self._bored.cancel()


async def _taken(kernel: KernelProcess) -> dict[str, int] | None:
    """The ports that a kernel has taken; None where it ends before it says so."""
    while kernel.runs:
        if ports := kernel.ports():
            return ports
        await asyncio.sleep(LOOK)
    return None


async def keep(told: Call, kernel: KernelProcess, environ: Mapping[str, str]) -> None:
    """Call the server, and do what it says until one of us is gone; NodeError where it is not there."""
    try:
        line = await call(told)
    except OSError as error:
        raise NodeError(f"the server that wanted this kernel is not there: {error}") from error
    await Keeper(line, kernel, environ).obey()
    line.close()
