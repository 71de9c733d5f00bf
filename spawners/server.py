"""The server of a hub user: a Slurm job, through the one door that every job takes."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from functools import partial
from typing import Any

import batchspawner
import traitlets
from batchspawner import JobStatus
from jupyterhub.spawner import SpawnException
from jupyterhub.utils import maybe_future
from traitlets import Integer, default

from spawners import ending_api as _ending_api  # noqa: F401  (registers what is told of an end)
from spawners import metrics
from spawners import port as _port  # noqa: F401  (registers what a start may report)
from spawners import run_seal_api as _run_seal_api  # noqa: F401  (and what a run is proven by)
from spawners import server_end as _server_end  # noqa: F401  (and what a server may ask)
from spawners import server_idle as _server_idle  # noqa: F401  (and what it may say)
from spawners.accounts import Account, AccountError
from spawners.door import Door
from spawners.ending import MISTAKE, NOT_SUBMITTED, UNREACHABLE, Ending, not_answering, stopped
from spawners.lanes import with_lane
from spawners.ledger import LedgerError, Start
from spawners.orphans import end_orphans
from spawners.outage import refusal_of
from spawners.render import RenderError
from spawners.request import Request, RequestError
from spawners.scheduler import JobState, SchedulerError
from spawners.server_job import comment_prefix, server_job
from spawners.server_options import refusal, server_request
from spawners.server_progress import follow
from spawners.server_ready import tell
from spawners.server_record import record
from spawners.server_token import revoke
from spawners.server_watch import JobWatch, find_job
from spawners.trail import Log, Trail

# A queued server is never ended by a timeout: its person, or Slurm, ends it. JupyterHub needs a number.
NEVER = 10 * 365 * 24 * 3600


class ServerSpawner(batchspawner.SlurmSpawner):  # type: ignore[misc]
    """JupyterHub's spawner: options pass the one gate, state comes from the one poll, the host from Slurm."""

    door = traitlets.Callable(help="Returns the Door of this hub process.").tag(config=True)
    trail = traitlets.Instance(Trail, ())
    port_timeout = Integer(300, help="Seconds from a running job to a server that answers.").tag(config=True)

    watch: JobWatch | None = None
    ready_command = traitlets.List(traitlets.Unicode(), help="Tells a person that a server is ready.").tag(config=True)

    switching = telling = False
    interrupted: "asyncio.Task[None] | None" = None
    _port_wanted: "asyncio.Future[int] | None" = None
    _cancelled = False

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
        options = {key: value[0] if len(value) == 1 else list(value) for key, value in fields.items()}
        return with_lane(options, self.door().site)

    def apply_user_options(self, _: Any, user_options: Mapping[str, object]) -> None:
        """Refuse invalid options with HTTP 400, wherever they came from, also those stored long ago."""
        server_request(dict(user_options), self.door().site)

    # Start.

    async def start(self) -> tuple[str, int]:
        """Submit the job and return (host, port) once its server answers, however long it is queued."""
        return await self._answering(self.submit_batch_script)

    async def resume(self, start: Start) -> tuple[str, int]:
        """Go on with a start that an earlier process of this hub noted, however far it has come."""
        return await self._answering(partial(self._take_up, start))

    async def _answering(self, job: Callable[[], Awaitable[object]]) -> tuple[str, int]:
        """Wait until there is a job, until it runs, and until its server answers."""
        self._port_wanted, self.trail = asyncio.get_running_loop().create_future(), Trail()
        self.telling = False
        try:
            await job()
            node = await self._running()
            port = await self._reported(node)
            await record(self, self._look)
            metrics.came_up(self.user_options.get("profile", "default"), self._watching().job)
            if self.telling:
                tell(self)
            return node, port
        except (SchedulerError, AccountError, RenderError, RequestError) as error:
            sentence, status = refusal_of(str(error))
            raise self._ends(Ending(cause="refused", sentence=sentence), "slurm", status_code=status) from error
        except LedgerError as error:
            raise self._ends(Ending(cause="hub", sentence=str(error)), "hub") from error
        except Exception:
            self.trail.say(MISTAKE)
            raise
        finally:
            self._port_wanted = None

    def _ends(self, ending: Ending, reason: str, *, status_code: int = 500) -> SpawnException:
        """Return what ends this start; the ledger gets the same."""
        self.trail.say(ending)
        return refusal(ending.text, reason=reason, status_code=status_code)

    async def submit_batch_script(self) -> str:
        """Submit as the user; the scheduler ends the job if this start is cancelled meanwhile."""
        request, account, door = self.request(), self.account(), self.door()
        comment = comment_prefix(door.hub, self.user.name, self.name)
        script, secrets = server_job(door.site, request, account, comment=comment, environment=self.get_env())
        self.trail.log = Log(account.name, secrets.runtime, secrets.nonce)
        since = asyncio.get_running_loop().time()
        door.ledger.ask(
            nonce=secrets.nonce,
            user=self.user.name,
            server=self.name,
            account=account.name,
            options=self.user_options,
            foreseen=door.lanes.told(request, account),
        )
        self.job_id = await door.scheduler.submit(account.name, script, secrets)
        self._note(partial(door.ledger.submitted, secrets.nonce, self.job_id))
        self.watch = JobWatch(door.scheduler, self.job_id, nonce=secrets.nonce, since=since)
        self.log.info("Job %s of %s is submitted", self.job_id, self._log_name)
        return str(self.job_id)

    async def _take_up(self, start: Start) -> None:
        """Go on with a start, without its job's being submitted again."""
        assert self._port_wanted is not None
        if start.port is not None:
            self._port_wanted.set_result(start.port)
        self.take_over(start)
        if not self.job_id:
            job_id = await find_job(start, self.door().scheduler, interval=self.startup_poll_interval)
            if not job_id:
                raise self._ends(NOT_SUBMITTED, "hub")
            self._note(partial(self.door().ledger.submitted, start.nonce, job_id))
            self.take_over(start.model_copy(update={"job_id": job_id}))
        self.log.info("Job %s of %s is waited for again", self.job_id, self._log_name)

    def take_over(self, start: Start) -> None:
        """Be the spawner that noted this start, as far as it had come."""
        door: Door = self.door()
        self.user_options, self.job_id = dict(start.options), start.job_id or ""
        runtime = door.site.runtime(start.account, start.options.get("account"))
        self.trail = Trail(Log(start.account, runtime, start.nonce), came_up=start.port is not None)
        self.telling = bool(start.tell)
        if self.job_id:
            door.scheduler.expect(self.job_id)
            self.watch = JobWatch(door.scheduler, self.job_id, nonce=start.nonce, begun=start.port is not None)

    async def _running(self) -> str:
        """Wait in the queue; return the node once the job runs, or raise the plain cause of its end."""
        wanted, pause = self._port_wanted, self.startup_poll_interval
        assert wanted is not None
        while (job := await self._look()) is None or not job.running or job.node is None:
            # A server that reports its port runs, and nobody waits for the next poll to hear of it.
            await (asyncio.sleep(pause) if wanted.done() else asyncio.wait([wanted], timeout=pause))
        if job.start and self.trail.log is not None:
            self._note(partial(self.door().ledger.began, self.trail.log.nonce, job.start))
        return job.node

    async def _look(self) -> JobState | None:
        """Return what the poll knows of our job; raise the plain cause once it is gone while we start."""
        watch = self._watching()
        job = await watch.look()
        if watch is not self.watch:
            return None  # another job has taken its place meanwhile
        if watch.gone:
            raise self._ends(await self.trail.ending(self.door().scheduler, watch), "job")
        return job

    async def _reported(self, node: str) -> int:
        """Wait for the port; a job that ends first, or a server that never answers, is said plainly."""
        wanted = self._port_wanted
        assert wanted is not None
        deadline = asyncio.get_running_loop().time() + self.port_timeout
        while not (await asyncio.wait([wanted], timeout=self.startup_poll_interval))[0]:
            job, now = await self._look(), asyncio.get_running_loop().time()
            if job is not None and job.paused:
                deadline = now + self.port_timeout
            if now > deadline:
                self.trail.say(not_answering(node, self.port_timeout))
                raise self._ends(await self.trail.ending(self.door().scheduler, self.watch), "timeout")
        return wanted.result()

    def port_reported(self, port: int) -> bool:
        """Take the port that our server reports; False unless a start waits for one."""
        if self._port_wanted is None or self._port_wanted.done():
            return False
        if self.trail.log is not None:
            self._note(partial(self.door().ledger.running, self.trail.log.nonce, port))
        self.trail.came_up = True
        self.door().scheduler.expect(self.job_id)
        self._port_wanted.set_result(port)
        return True

    def _note(self, write: Callable[[], None]) -> None:
        """Write what can be found out again without the ledger: a full disk costs nobody a server."""
        try:
            write()
        except LedgerError as error:
            self.log.error("The start of %s goes on: %s", self._log_name, error)

    # State, from the poll that all servers share.

    async def query_job_status(self) -> JobStatus:
        """Say batchspawner's word for the job's state; only the scheduler's own word makes it NOTFOUND."""
        if not self.job_id:
            return JobStatus.NOTFOUND
        watch = self._watching()
        job = await watch.look()
        # A job that is COMPLETING has lost its server, although it holds its node a little longer.
        if watch.gone or (job is not None and job.completing):
            return JobStatus.NOTFOUND
        if job is None:
            return JobStatus.UNKNOWN
        return JobStatus.RUNNING if job.running else JobStatus.PENDING

    async def poll(self) -> int | None:
        """Return None while the job lives, else 1."""
        if not self.job_id:
            return 1
        return 1 if await self.query_job_status() is JobStatus.NOTFOUND else None

    async def progress(self) -> AsyncIterator[dict[str, object]]:
        """Say in plain words what the start waits for, whenever that changes."""
        async for event in follow(self):
            yield event

    @property
    def answering(self) -> bool:
        """The server has reported its port."""
        return self._port_wanted is None or self._port_wanted.done()

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

    async def cancel_batch_job(self) -> None:
        """End the job as its user; a refusal goes to the log, and the ledger's strays are ended later."""
        try:
            await self.door().scheduler.cancel(self.account().name, self.job_id)
            self._cancelled = True
        except (SchedulerError, AccountError) as error:
            self.log.error("Job %s of %s is not cancelled: %s", self.job_id, self._log_name, error)

    async def stop(self, now: bool = False) -> None:
        """End the server because somebody asked for that, or because JupyterHub does not reach it."""
        unreached = self._waiting_for_response and not self.trail.stopper
        self.trail.say(UNREACHABLE if unreached else stopped(self.trail.stopper))
        await super().stop(now)

    async def run_post_stop_hook(self) -> None:
        """Close the start: JupyterHub comes here however a server ended. The ledger is last, as it was first."""
        revoke(self.user, self.name)
        # Asked before anything is cancelled here, which accounting would then give as the end.
        ending = await self.trail.ending(self.door().scheduler, self.watch)
        # COMPLETING may end in a requeue: what Slurm does not call over is cancelled.
        over = self.watch is not None and self.watch.gone and not self.watch.requeued
        # One that never answered may have left its secrets unread: cancelling removes them.
        unread = over and not self.trail.came_up and bool(self.watch and self.watch.job and self.watch.job.ended)
        if self.job_id and not self._cancelled and (not over or unread):
            await self.cancel_batch_job()
        metrics.is_over(ending)
        self._note(partial(self.door().ledger.end, self.user.name, self.name, ending))
        await self._end_orphans()
        await maybe_future(super().run_post_stop_hook())

    async def _end_orphans(self) -> None:
        """Cancel what waits in the queue for this server: where it was killed, nobody there has done so."""
        if self.job_id and self.trail.log is not None:
            for said in await end_orphans(self.door().scheduler, self.trail.log.account, self.job_id):
                self.log.warning("%s", said)
