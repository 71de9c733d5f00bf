"""The server of a hub user: a Slurm job, through the one door that every job takes."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import batchspawner
from batchspawner import JobStatus
from traitlets import Callable, Integer, default

from spawners import port as _port  # noqa: F401  (registers what a start may report)
from spawners.accounts import Account, AccountError
from spawners.door import Door
from spawners.render import RenderError
from spawners.request import Request, resolve
from spawners.scheduler import JobState, SchedulerError
from spawners.server_job import comment_prefix, describe, server_job
from spawners.server_options import refusal, server_request
from spawners.server_watch import JobWatch, left_behind

# A queued server is never ended by a timeout: its person, or Slurm, ends it. JupyterHub needs a number.
NEVER = 10 * 365 * 24 * 3600
_NO_PORT = "The job runs on {node}, but JupyterLab did not answer within {seconds} seconds. Its log is {log}."


class ServerSpawner(batchspawner.SlurmSpawner):  # type: ignore[misc]
    """JupyterHub's spawner: options pass the one gate, state comes from the one poll, the host from Slurm."""

    door = Callable(help="Returns the Door of this hub process.").tag(config=True)
    port_timeout = Integer(300, help="Seconds from a running job to a server that answers.").tag(config=True)

    watch: JobWatch | None = None
    _port_wanted: "asyncio.Future[int] | None" = None
    _log_path = ""

    @default("start_timeout")
    def _start_timeout(self) -> int:
        return NEVER

    @default("env_keep")
    def _env_keep(self) -> list[str]:
        """Nothing of the hub's own environment: the node has its own PATH."""
        return []

    def user_env(self, env: dict[str, str]) -> dict[str, str]:
        """Add nothing: who the user is, and where home is, the node knows best."""
        return env

    # Options: form, URL and REST give the same plain dict, which only parse_request reads.

    def options_from_form(self, form_data: Mapping[str, Sequence[Any]]) -> dict[str, object]:
        """Return the fields as options: one value each, nothing dropped, so that the gate sees all of it."""
        fields = {key: value for key, value in form_data.items() if key != "_xsrf"}
        return {key: value[0] if len(value) == 1 else list(value) for key, value in fields.items()}

    def apply_user_options(self, _: Any, user_options: Mapping[str, object]) -> None:
        """Refuse invalid options with HTTP 400, wherever they came from, also those stored long ago."""
        server_request(dict(user_options), self.door().site)

    # Start.

    async def start(self) -> tuple[str, int]:
        """Submit the job and return (host, port) once its server answers, however long it is queued."""
        self._port_wanted = asyncio.get_running_loop().create_future()
        try:
            await self.submit_batch_script()
            node = await self._running()
            return node, await self._reported(node)
        except (SchedulerError, AccountError, RenderError) as error:
            raise refusal(str(error), reason="slurm") from error
        finally:
            self._port_wanted = None

    async def submit_batch_script(self) -> str:
        """Submit as the user; the scheduler ends the job if this start is cancelled meanwhile."""
        request, account, door = self.request(), self.account(), self.door()
        comment = comment_prefix(door.hub, self.user.name, self.name)
        script, secrets = server_job(door.site, request, account, comment=comment, environment=self.get_env())
        self._log_path = next(str(line.value) for line in script.directives if line.name == "output")
        since = asyncio.get_running_loop().time()
        self.job_id = await door.scheduler.submit(account.name, script, secrets)
        self.watch = JobWatch(door.scheduler, self.job_id, since=since)
        self.log.info("Job %s of %s is submitted", self.job_id, self._log_name)
        return str(self.job_id)

    async def _running(self) -> str:
        """Wait in the queue; return the node once the job runs, or raise the plain cause of its end."""
        while (job := await self._look()) is None or not job.running or job.node is None:  # noqa: ASYNC110 -- a poll
            await asyncio.sleep(self.startup_poll_interval)
        return job.node

    async def _look(self) -> JobState | None:
        """Return what the poll knows of our job; raise the plain cause once it is gone while we start."""
        watch = self._watching()
        job = await watch.look()
        if watch.gone:
            raise refusal(watch.sentence(), reason="job", status_code=500)
        return job

    async def _reported(self, node: str) -> int:
        """Wait for the port; a job that ends first, or a server that never answers, is said plainly."""
        wanted = self._port_wanted
        assert wanted is not None
        deadline = asyncio.get_running_loop().time() + self.port_timeout
        while not (await asyncio.wait([wanted], timeout=self.startup_poll_interval))[0]:
            await self._look()
            if asyncio.get_running_loop().time() > deadline:
                sentence = _NO_PORT.format(node=node, seconds=self.port_timeout, log=self._log_path)
                raise refusal(sentence, reason="timeout", status_code=500)
        return wanted.result()

    def port_reported(self, port: int) -> bool:
        """Take the port that our server reports; False unless a start waits for one."""
        if self._port_wanted is None or self._port_wanted.done():
            return False
        self._port_wanted.set_result(port)
        return True

    # State, from the poll that all servers share.

    async def query_job_status(self) -> JobStatus:
        """Say batchspawner's word for the job's state; only the scheduler's own word makes it NOTFOUND."""
        if not self.job_id:
            return JobStatus.NOTFOUND
        watch, job = self._watching(), await self._watching().look()
        # A job that is COMPLETING has lost its server, although it holds its node a little longer.
        if watch.gone or (job is not None and job.state == "COMPLETING"):
            return JobStatus.NOTFOUND
        if job is None:
            return JobStatus.UNKNOWN
        return JobStatus.RUNNING if job.running else JobStatus.PENDING

    async def poll(self) -> int | None:
        """Return None while the job lives, else 1; a start that a stopped hub left behind is ended."""
        if not self.job_id:
            await self._cancel_left_behind()
            return 1
        return 1 if await self.query_job_status() is JobStatus.NOTFOUND else None

    async def cancel_batch_job(self) -> None:
        """End the job as its user; a refusal goes to the log."""
        await self._cancel(self.job_id)

    async def progress(self) -> AsyncIterator[dict[str, object]]:
        """Say in plain words what the start waits for, whenever that changes."""
        said = ""
        while True:
            percent, sentence = self._stage()
            if sentence != said:
                said = sentence
                yield {"progress": percent, "message": sentence}
            await asyncio.sleep(self.startup_poll_interval)

    def _stage(self) -> tuple[int, str]:
        """How far the start is, of 100, and the sentence for it."""
        job = self.watch.job if self.watch else None
        if not self.job_id or self.watch is None:
            return 5, f"Asking Slurm for {describe(resolve(self.request(), self.door().site))}."
        if job is None or job.waiting:
            return 20, f"In the queue. {self.watch.sentence()}" if job else "In the queue."
        if self._port_wanted is not None and not self._port_wanted.done():
            return 60, f"Running on {job.node}. JupyterLab is starting."
        return 90, "JupyterLab answers. Opening it."

    # What this server is.

    def request(self) -> Request:
        """Return what was asked for, through the one gate."""
        return server_request(dict(self.user_options), self.door().site)

    def account(self) -> Account:
        """Return the Unix user that this hub user is; AccountError says why there is none."""
        door: Door = self.door()
        return door.accounts.resolve(self.user.name)

    def _watching(self) -> JobWatch:
        """Return the watch of our job; after a restart of the hub it begins anew."""
        if self.watch is None or self.watch.job_id != self.job_id:
            self.watch = JobWatch(self.door().scheduler, self.job_id)
        return self.watch

    # Ending.

    async def _cancel(self, job_id: str) -> None:
        try:
            await self.door().scheduler.cancel(self.account().name, job_id)
        except (SchedulerError, AccountError) as error:
            self.log.error("Job %s of %s is not cancelled: %s", job_id, self._log_name, error)

    async def _cancel_left_behind(self) -> None:
        """End jobs of this server that a hub submitted and then died before it could note the job id."""
        prefix = comment_prefix(self.door().hub, self.user.name, self.name)
        try:
            found = left_behind(await self.door().scheduler.jobs(), self.account().name, prefix)
        except (SchedulerError, AccountError):
            return
        for job_id in found:
            await self._cancel(job_id)
