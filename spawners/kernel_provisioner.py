"""jupyter_client's provisioner of kernels that are Slurm jobs: Jupyter's words for the life of such a kernel.

A signal, also one that kills, goes to the kernel's process: a restart stays in its job. Only `cleanup` ends the job.
"""

import os
import pwd
import signal
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import traitlets
import zmq
from jupyter_client.connect import KernelConnectionInfo
from jupyter_client.provisioning.provisioner_base import KernelProvisionerBase
from tornado import web

from spawners.kernel_life import GONE, KernelLife
from spawners.kernel_plan import KernelError, KernelPlan, plan_kernel
from spawners.kernel_stub import Keys, Stub
from spawners.scheduler import Scheduler
from spawners.slurm import Slurm


class KernelProvisioner(KernelProvisionerBase):
    """One kernel. Jupyter speaks to its stub, which is here at once; the first cell that is run asks for its job."""

    profile = traitlets.Unicode(help="The site's profile that its jobs are asked for with.").tag(config=True)
    site = traitlets.Unicode(
        help="The site that it is a profile of; that of this Jupyter's environment where empty."
    ).tag(config=True)
    account = traitlets.Unicode(help="Who pays; who pays for this Jupyter's own job where empty.").tag(config=True)
    scheduler = traitlets.Any(help="The client of Slurm.")

    _life: KernelLife | None = None
    _launched = False
    _limit: int | None = None

    @traitlets.default("scheduler")
    def _slurm(self) -> Scheduler:
        return Slurm()

    def plan(self) -> KernelPlan:
        """What is asked for; KernelError says why it cannot be."""
        named = {"ONRAMP_SITE": self.site, "SLURM_JOB_ACCOUNT": self.account}
        environ = os.environ | {name: value for name, value in named.items() if value}
        return plan_kernel(self.profile, pwd.getpwuid(os.geteuid()).pw_name, environ)

    # What the server's other parts ask.

    @property
    def busy(self) -> tuple[str, ...]:
        """What computes on its node."""
        return () if self._life is None else self._life.busy

    @property
    def notice(self) -> Mapping[str, str] | None:
        """What a person should know of its end, as spawners.kernel_end tells it."""
        return None if self._life is None else self._life.notice

    # What Jupyter asks for.

    @property
    def has_process(self) -> bool:
        """Whether there is a kernel, or will be."""
        return self._launched

    async def pre_launch(self, **kwargs: Any) -> dict[str, Any]:
        """Keep what the kernel needs to know, which is its folder: nothing of this server's environment leaves it."""
        return {"cmd": [], "cwd": str(kwargs.get("cwd") or Path.cwd())}

    async def launch_kernel(self, cmd: list[str], **kwargs: Any) -> KernelConnectionInfo:
        """Listen for a kernel, and ask for nothing yet; HTTPError, whose words a page shows, where none can be had."""
        try:
            self.plan()
        except KernelError as error:
            raise web.HTTPError(503, str(error)) from error
        if self._life is None or self._life.closed:
            self._life = self._begin()
        self._launched = True
        self.connection_info = self._connection(ip="127.0.0.1", **self._life.ports)
        self._life.start(kwargs["cwd"], {**self.connection_info, "key": self._manager.session.key.decode()})
        return self.connection_info

    def _begin(self) -> KernelLife:
        manager = self._manager
        manager.curve_publickey, manager.curve_secretkey = keys = Keys(*zmq.curve_keypair())
        stub = partial(Stub, manager.session.clone(), keys)
        return KernelLife(stub, self.plan, self.scheduler, self._never_again)

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
        return GONE if self._life is None else self._life.exit

    async def wait(self) -> int | None:
        """Jupyter has seen that it ended."""
        self._launched = False
        return await self.poll()

    async def send_signal(self, signum: int) -> None:
        """Signal the kernel; an interrupt while it waits for its node takes the request back."""
        if self._life is None:
            return
        if signum == signal.SIGINT and not self._manager.shutting_down:
            await self._life.interrupt()
        else:
            self._life.signal(signum)

    async def terminate(self, restart: bool = False) -> None:
        """End the kernel, and not its job."""
        await self.send_signal(signal.SIGTERM)

    async def kill(self, restart: bool = False) -> None:
        """End the kernel without a word, and not its job."""
        await self.send_signal(signal.SIGKILL)

    async def shutdown_requested(self, restart: bool = False) -> None:
        """Jupyter has told the kernel to end; one that is not there yet need not be waited for."""
        if self._life is not None:
            self._life.shut_down()

    async def cleanup(self, restart: bool = False) -> None:
        """End the job, if there is one, unless another kernel is to run in it."""
        life = self._life
        if life is not None and not restart:
            self._life = None
            await life.end()

    def _never_again(self) -> None:
        """Have Jupyter start no other kernel by itself: that variables are lost is for a person to know first."""
        if self._restarter is not None:
            self._limit = self._restarter.restart_limit if self._limit is None else self._limit
            self._restarter.restart_limit = 0

    @property
    def _manager(self) -> Any:
        """Jupyter's manager of this kernel."""
        return self.parent

    @property
    def _restarter(self) -> Any:
        """What restarts a kernel that dies, in a Jupyter Server; None elsewhere."""
        return getattr(self.parent, "_restarter", None)
