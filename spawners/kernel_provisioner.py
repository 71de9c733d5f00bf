"""jupyter_client's provisioner of kernels that are Slurm jobs: Jupyter's words for a kernel, our job and our stub.

A signal, also one that kills, goes to the kernel's process: a restart stays in its job. Only `cleanup` ends the job.
"""

import asyncio
import os
import pwd
import signal
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import traitlets
import zmq
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from tornado import web

from spawners.kernel_end import WARN, KernelEnd
from spawners.kernel_job import KernelJob
from spawners.kernel_plan import KernelError, KernelPlan, plan_kernel
from spawners.kernel_stub import Keys, Stub
from spawners.scheduler import Scheduler
from spawners.slurm import Slurm

# What Jupyter is told of a kernel whose job is over.
GONE = 1
# Seconds that a page has to show the last words: of a kernel that it knows to be dead it shows nothing more.
READ = 1.0
# Seconds for which the stub of a kernel that is dead is still heard: Jupyter ends what is left of one, but not always.
LAST_WORDS = 30.0
AGAIN = "Restart the kernel to ask for another one."


class KernelProvisioner(KernelProvisionerBase):
    """One kernel. Jupyter speaks to its stub, which is here at once; the kernel comes when Slurm has a node for it."""

    profile = traitlets.Unicode(help="The site's profile that its jobs are asked for with.").tag(config=True)
    scheduler = traitlets.Any(help="The client of Slurm.")

    _job: KernelJob | None = None
    _stub: Stub | None = None
    _launched = False
    _exit: int | None = None
    busy: tuple[str, ...] = ()
    _reached = False
    _limit: int | None = None
    _end: KernelEnd
    _ending: "asyncio.Future[None] | None" = None

    @traitlets.default("scheduler")
    def _slurm(self) -> Scheduler:
        return Slurm()

    def plan(self) -> KernelPlan:
        """What is asked for; KernelError says why it cannot be."""
        return plan_kernel(self.profile, pwd.getpwuid(os.geteuid()).pw_name, os.environ)

    # What Jupyter asks for.

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel, or will be."""
        return self._launched

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Keep what the kernel needs to know, which is its folder: nothing of this server's environment leaves it."""
        return {"cmd": [], "cwd": str(kwargs.get("cwd") or Path.cwd())}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Ask for a kernel, in its job or in a new one; HTTPError, whose words a page shows, where none is had."""
        manager = self._manager
        if self._job is None:
            try:
                self._job = await self._submitted(self.plan())
            except KernelError as error:
                raise web.HTTPError(503, str(error)) from error
        if self._stub is None:
            manager.curve_publickey, manager.curve_secretkey = keys = Keys(*zmq.curve_keypair())
            self._stub = Stub(manager.session.clone(), keys)
        self._stub.leave()
        self._launched, self._exit, self._reached = True, None, False
        self.connection_info = self._connection(ip="127.0.0.1", **self._stub.ports)
        self._job.start(kwargs["cwd"], {**self.connection_info, "key": manager.session.key.decode()})
        return self.connection_info

    async def _submitted(self, plan: KernelPlan) -> KernelJob:
        self._end = KernelEnd(plan.idle, time.time())
        job = KernelJob(plan, self.scheduler, self)
        await job.submit(os.environ["ONRAMP_SITE"], self._end.interval)
        return job

    def _connection(self, **place: Any) -> Any:
        """A connection file's content."""
        manager = self._manager
        return {
            "transport": "tcp",
            "signature_scheme": manager.session.signature_scheme,
            "key": manager.session.key,
            "curve_publickey": manager.curve_publickey.decode(),
            "curve_secretkey": manager.curve_secretkey.decode(),
            **place,
        }

    async def post_launch(self, **kwargs: Any) -> None:
        """Let Jupyter restart a kernel that dies while it has its job."""
        if self._restarter is not None and self._limit is not None:
            self._restarter.restart_limit = self._limit

    async def poll(self) -> int | None:
        """None while there is a kernel, or will be. This is asked every few seconds, and asks nobody."""
        return self._exit

    async def wait(self) -> int | None:
        """Jupyter has seen that it ended."""
        self._launched = False
        return self._exit

    async def send_signal(self, signum: int) -> None:
        """Signal the kernel; an interrupt while it waits for its node takes the request back."""
        if self._job is None:
            return
        if self._reached:
            self._job.signal(signum)
        elif signum != signal.SIGINT:
            self._never_began()
        elif not self._manager.shutting_down:
            await self._interrupted(self._job)

    async def terminate(self, restart: bool = False) -> None:
        """End the kernel, and not its job."""
        await self.send_signal(signal.SIGTERM)

    async def kill(self, restart: bool = False) -> None:
        """End the kernel without a word, and not its job."""
        await self.send_signal(signal.SIGKILL)

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Jupyter has told the kernel to end; one that is not there yet need not be waited for."""
        if not self._reached:
            self._never_began()

    async def cleanup(self, restart: bool = False) -> None:
        """End the job, unless another kernel is to run in it."""
        if restart:
            return
        job, self._job = self._job, None
        if job is not None:
            await job.end()
        self._close()

    # What becomes of the job.

    def waits(self, why: str) -> None:
        """Show why there is no kernel yet."""
        if self._stub is not None:
            self._stub.cells.waits(why)

    def started(self, connection: Mapping[str, Any]) -> None:
        """Reach the kernel."""
        self._reached = True
        if self._stub is not None:
            self._stub.reach(connection)

    def exited(self, code: int) -> None:
        """Let Jupyter see that it ended; it restarts one that nobody has ended."""
        self._exit, self._reached = code, False
        if self._stub is not None:
            self._stub.leave()

    def looked(self, busy: Sequence[str]) -> None:
        """Release the kernel where nothing has happened for long."""
        if self._stub is None or self._job is None:
            return
        self.busy, cells = tuple(busy), self._stub.cells
        if self._end.look(time.time(), asked=cells.asked, busy=[*busy, *(["a cell"] if cells.busy else [])]):
            self._ending = asyncio.ensure_future(self._give_up(self._end.unused(self._job.job_id)))

    def ends(self, when: datetime) -> None:
        """Say shortly before that the job's time will be up."""
        self._end.time_up = when.timestamp()
        left = self._end.time_up - time.time()
        asyncio.get_running_loop().call_later(max(0.0, left - WARN), self._nearly_over, self._job)

    def _nearly_over(self, job: KernelJob | None) -> None:
        if self._stub is not None and job is not None and job is self._job:
            self._stub.tell(self._end.nearly_over(job.job_id))

    @property
    def notice(self) -> dict[str, str] | None:
        """What a person should know of its end, as spawners.kernel_end tells it."""
        return None if self._job is None else self._end.notice(time.time())

    def lost(self) -> None:
        """Have Jupyter ask for no other kernel by itself: nobody may have a use for that any more."""
        self._job, self._reached, self.busy = None, False, ()
        if self._restarter is not None:
            self._limit = self._restarter.restart_limit if self._limit is None else self._limit
            self._restarter.restart_limit = 0

    def gone(self, why: str) -> None:
        """Say why, below each cell that has no answer, and then let Jupyter see that the kernel is dead."""
        self.log.warning("%s", why)
        loop = asyncio.get_running_loop()
        if self._stub is not None:
            self._stub.cells.refuse(why)
            loop.call_later(LAST_WORDS, self._forget)
        loop.call_later(READ, self._dies)

    def _dies(self) -> None:
        if self._job is None:
            self._exit = GONE

    def _forget(self) -> None:
        if self._job is None:
            self._close()

    async def _interrupted(self, job: KernelJob) -> None:
        """Answer the cells that wait and, where the job itself still waits, take it back."""
        if self._stub is None:
            return
        if job.runs:
            self._stub.cells.refuse("Interrupted before the kernel was ready.")
        else:
            waited = f"You interrupted this kernel while job {job.job_id} waited in the queue"
            await self._give_up(f"{waited}, so the job is cancelled.")

    async def _give_up(self, why: str) -> None:
        """End the job, for a reason that is ours."""
        job = self._job
        if job is not None:
            self.lost()
            await job.end()
            self.gone(f"{why} {AGAIN}")

    def _never_began(self) -> None:
        if self._exit is None:
            self._exit = 0

    @property
    def _manager(self) -> Any:
        """Jupyter's manager of this kernel."""
        return self.parent

    @property
    def _restarter(self) -> Any:
        """What restarts a kernel that dies, in a Jupyter Server; None elsewhere."""
        return getattr(self.parent, "_restarter", None)

    def _close(self) -> None:
        if self._stub is not None:
            self._stub.close()
            self._stub = None
