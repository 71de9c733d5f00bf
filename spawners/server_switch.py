"""Another job instead of the queued one, whose place in the queue is given up only for one that Slurm has taken."""

import asyncio
from collections.abc import Mapping
from typing import Any

from jupyterhub.apihandlers import APIHandler, default_handlers
from jupyterhub.scopes import needs_scope
from jupyterhub.spawner import SpawnException
from tornado import web

from spawners.accounts import AccountError
from spawners.ledger import LedgerError
from spawners.outage import refusal_of
from spawners.render import RenderError
from spawners.request import RequestError
from spawners.scheduler import SchedulerError
from spawners.server_job import comment_prefix, server_job
from spawners.server_options import server_request
from spawners.server_watch import JobWatch

_NOT_QUEUED = "Slurm does not show that this server still waits in the queue, so nothing was changed."
# Seconds for which a good poll is waited for, and those between two looks.
_PATIENCE, _PAUSE = 5.0, 0.2
_UNDER_WAY = "This start is being changed already."
_RESTARTED = "The hub was restarted meanwhile, so this start stays as it is. Cancel it to choose something else."


class NotQueued(RuntimeError):
    """The start waits for no job, or not surely; the message says so, and nothing was changed."""


async def switch(spawner: Any, options: Mapping[str, object]) -> None:
    """Let a queued start wait for a job with these options instead.

    Whatever goes wrong, at whatever moment, the queued job keeps its place: the other one is noted as a stray until
    it has taken that place. Raises NotQueued, SpawnException for options that are not valid, and SchedulerError,
    AccountError, RenderError or LedgerError as a start does.
    """
    if spawner.switching:
        raise NotQueued(_UNDER_WAY)
    spawner.switching = True
    try:
        await _switch(spawner, options)
    finally:
        spawner.switching = False


async def _switch(spawner: Any, options: Mapping[str, object]) -> None:
    door, account, old = spawner.door(), spawner.account(), spawner.watch
    if not may_switch(spawner):
        raise NotQueued(_RESTARTED)
    if not await _queued(spawner, old):
        raise NotQueued(_NOT_QUEUED)
    request = server_request(dict(options), door.site)
    comment = comment_prefix(door.hub, spawner.user.name, spawner.name)
    script, secrets = server_job(door.site, request, account, comment=comment, environment=spawner.get_env())
    with door.ledger.attempt(
        nonce=secrets.nonce,
        user=spawner.user.name,
        server=spawner.name,
        account=account.name,
        options=options,
        foreseen=door.lanes.told(request, account),
    ) as take_place:
        job_id = await door.scheduler.submit(account.name, script, secrets)
        try:
            # The queued job may have begun meanwhile.
            if not await _queued(spawner, old):
                raise NotQueued(_NOT_QUEUED)
            start = take_place(job_id)
        except (NotQueued, LedgerError):
            await door.scheduler.cancel(account.name, job_id)
            raise
    spawner.take_over(start)
    spawner.log.info("Job %s of %s takes the place of job %s", job_id, spawner._log_name, old.job_id)
    try:
        await door.scheduler.cancel(account.name, old.job_id)
    except SchedulerError as error:
        spawner.log.error("Job %s of %s is cancelled later: %s", old.job_id, spawner._log_name, error)


def may_switch(spawner: Any) -> bool:
    """Whether another job could be told the server's token: a hub that was restarted knows it by its hash alone."""
    return bool(spawner.api_token)


async def _queued(spawner: Any, watch: JobWatch | None) -> bool:
    """Whether the start surely waits for this job, and the job for its turn."""
    if watch is None or not await _shown(watch) or watch.job is None:
        return False
    return watch.job.waiting and not watch.gone and spawner.watch is watch and spawner.pending == "spawn"


async def _shown(watch: JobWatch) -> bool:
    """Wait for a good poll that shows the job: one that was under way when it was submitted does not."""
    until = asyncio.get_running_loop().time() + _PATIENCE
    while await watch.look() is None or not watch.shown:
        if asyncio.get_running_loop().time() > until:
            return False
        await asyncio.sleep(_PAUSE)
    return True


class SwitchHandler(APIHandler):  # type: ignore[misc]
    """POST {"user_options": {…}} to /hub/api/onramp/instead/USER[/SERVER], as the person or for them."""

    @needs_scope("servers")  # type: ignore[untyped-decorator]
    async def post(self, user_name: str, server_name: str = "") -> None:
        """Answer 204, or 400 (not valid, or Slurm refuses), 404 (no such server), 409 (not queued), 503 (no Slurm)."""
        user = self.find_user(user_name)
        if user is None or server_name not in user.spawners:
            raise web.HTTPError(404, "There is no such server.")
        spawner, body = user.spawners[server_name], self.get_json_body()
        if not isinstance(body, dict) or not isinstance(body.get("user_options"), dict) or len(body) != 1:
            raise web.HTTPError(400, 'Send {"user_options": {…}} and nothing else.')
        try:
            await switch(spawner, body["user_options"])
        except NotQueued as error:
            raise web.HTTPError(409, str(error)) from error
        except SpawnException as error:
            raise web.HTTPError(400, str(error)) from error
        except (SchedulerError, AccountError, RenderError, RequestError, LedgerError) as error:
            sentence, status = refusal_of(str(error))
            raise web.HTTPError(status, f"Your place in the queue stays. {sentence}") from error
        spawner.orm_spawner.user_options = spawner.user_options
        self.db.commit()
        self.set_status(204)


def register() -> None:
    """Add it to the hub's API."""
    kept = [entry for entry in default_handlers if entry[1] is not SwitchHandler]
    path = r"/api/onramp/instead/([^/]+)"
    default_handlers[:] = [*kept, (path, SwitchHandler), (path + r"/([^/]+)", SwitchHandler)]


register()
