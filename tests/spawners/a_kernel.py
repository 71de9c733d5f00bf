"""Kernels in jobs, for tests: the real provisioner, the real program of a job; Slurm is played by small programs."""

import asyncio
import contextlib
import os
import pwd
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_client.kernelspec import KernelSpec
from jupyter_client.manager import AsyncKernelManager

from spawners import as_user
from spawners.kernel_provisioner import KernelProvisioner
from spawners.launcher import LauncherError
from spawners.site import Site
from spawners.slurm import Slurm
from tests.fake_slurm import FakeSlurm

ROOT = Path(__file__).parents[2]
ME = pwd.getpwuid(os.geteuid()).pw_name
# The job's own python, as a site's environment has it, but with this checkout's code.
PYTHON = f"""#!/bin/sh
shift 2
module=$1
shift
PYTHONPATH={ROOT} exec {sys.executable} -sP -m "$module" "$@"
"""


class OwnLauncher:
    """Does what the launcher does once it is the user, also where that is root, whom it refuses."""

    def __init__(self, fake: FakeSlurm) -> None:
        self._slurm = as_user._Commands(str(fake.bin), pwd.getpwuid(os.geteuid()))

    async def run(self, user: str, request: Mapping[str, object]) -> dict[str, Any]:
        """Submit or cancel."""
        try:
            words, secrets = as_user.check({**request, "user": user})
            if words["action"] == "submit":
                return dict(await asyncio.to_thread(as_user._submit, words, secrets, self._slurm))
            return dict(await asyncio.to_thread(as_user._cancel, words, self._slurm))
        except as_user.Refused as error:
            raise LauncherError(str(error)) from error


def here(site: Site, folder: Path, **profile: object) -> Path:
    """The file of a site whose jobs run on this machine, with this checkout's code; `profile` changes its profiles."""
    python = folder / "venv/bin/python"
    python.parent.mkdir(parents=True, exist_ok=True)
    python.write_text(PYTHON)
    python.chmod(0o755)
    environment = site.environments[0].model_copy(update={"path": str(folder / "venv")})
    paths = site.paths.model_copy(update={"runtime": str(folder / "spool")})
    file = folder / "here.yaml"
    profiles = tuple(one.model_copy(update=profile) for one in site.profiles)
    changed = {"environments": (environment,), "paths": paths, "profiles": profiles}
    file.write_text(yaml.safe_dump(site.model_copy(update=changed).model_dump(mode="json")))
    return file


class Jobs:
    """What was submitted to a fake Slurm, run here when the test wants it."""

    def __init__(self, fake: FakeSlurm) -> None:
        self.fake = fake
        self.processes: dict[str, subprocess.Popen[bytes]] = {}

    async def asked(self, job_id: str = "1") -> None:
        """Wait until a job was asked for, and sbatch has said its number."""
        while not (self.fake.state / "jobs" / job_id).exists():
            await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)

    async def begin(self, job_id: str = "1", **seen: str) -> "subprocess.Popen[bytes]":
        """Let a job begin as soon as it is asked for."""
        await self.asked(job_id)
        return self.run(job_id, **seen)

    def run(self, job_id: str = "1", **seen: str) -> "subprocess.Popen[bytes]":
        """Let the job that was asked for last begin, as Slurm would; `seen` is what squeue tells of it."""
        script = self.fake.calls("sbatch")[-1]["stdin"]
        slurm = {"SLURM_JOB_ID": job_id, "SLURMD_NODENAME": "gpu1", "CUDA_VISIBLE_DEVICES": "0"}
        job = subprocess.Popen(["sh"], stdin=subprocess.PIPE, env={**os.environ, **slurm}, start_new_session=True)
        assert job.stdin
        job.stdin.write(script.encode())
        job.stdin.close()
        self.processes[job_id] = job
        self.fake.change(job_id, state="RUNNING", node="gpu1", **seen)
        return job

    def state(self, job_id: str = "1") -> str:
        """A job's state."""
        return self.fake.job(job_id)["state"]

    def kill(self) -> None:
        """End whatever is left, and wait for it."""
        for job in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(job.pid, signal.SIGTERM)
            job.wait(20)


def manager(fake: FakeSlurm, profile: str = "gpu-1") -> AsyncKernelManager:
    """Jupyter's manager of one kernel of a profile."""
    made = AsyncKernelManager(kernel_name="onramp-gpu-1")
    spec = KernelSpec(argv=[], display_name="One GPU", language="python")
    made._kernel_spec = spec
    made.provisioner = KernelProvisioner(
        parent=made, kernel_spec=spec, profile=profile, scheduler=Slurm(OwnLauncher(fake), bin=str(fake.bin))
    )
    return made


@contextlib.asynccontextmanager
async def client(of: AsyncKernelManager) -> AsyncIterator[AsyncKernelClient]:
    """A client of a kernel that answers, be it by its stub."""
    one = of.client()
    one.start_channels()
    await one.wait_for_ready(timeout=30)
    try:
        yield one
    finally:
        one.stop_channels()


class Cell:
    """A cell that was sent to a kernel: what is seen below it."""

    def __init__(self, client: AsyncKernelClient, code: str) -> None:
        self._client, self.message = client, client.execute(code, stop_on_error=False)
        self.seen: list[tuple[str, str]] = []

    async def shows(self, kind: str, words: str = "", **state: str) -> str:
        """Wait for a message of this kind with these words; the text of it."""
        while True:
            message = await self._client.get_iopub_msg(timeout=30)
            if message["parent_header"].get("msg_id") != self.message:
                continue
            content = message["content"]
            text = str(
                content.get("text") or content.get("data", {}).get("text/plain") or content.get("evalue") or content
            )
            self.seen.append((message["msg_type"], text))
            if message["msg_type"] == kind and words in text:
                return text

    async def reply(self) -> dict[str, Any]:
        """Wait for its answer."""
        while True:
            answer = await self._client.get_shell_msg(timeout=30)
            if answer["parent_header"]["msg_id"] == self.message:
                return dict(answer["content"])
