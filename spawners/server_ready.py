"""Tell a person that a queued server is ready: a command of the site's, which learns of it as a line of JSON."""

import asyncio
import json
from typing import Any

from jupyterhub.apihandlers import APIHandler, default_handlers
from jupyterhub.scopes import needs_scope
from tornado import web

from spawners import process
from spawners.ledger import LedgerError

# Seconds that the command may take, and how many of them run at once: the polls of the queue share their threads.
SECONDS, AT_ONCE = 30.0, 2
_ENVIRONMENT = {"PATH": "/usr/local/bin:/usr/bin:/bin", "LANG": "C.UTF-8"}
_under_way: set[asyncio.Task[None]] = set()
_slots = asyncio.Semaphore(AT_ONCE)


def tell(spawner: Any) -> None:
    """Run the command as soon as the server is ready. Whatever becomes of it costs nobody a server."""
    task = asyncio.create_task(_tell(spawner))
    _under_way.add(task)
    task.add_done_callback(_under_way.discard)


async def _tell(spawner: Any) -> None:
    try:
        async with asyncio.timeout(spawner.http_timeout + spawner.port_timeout):
            while not spawner.ready:  # noqa: ASYNC110 -- JupyterHub says this to nobody
                await asyncio.sleep(spawner.startup_poll_interval)
        line = json.dumps(await message(spawner)) + "\n"
        async with _slots:
            done = await process.run(*spawner.ready_command, seconds=SECONDS, stdin=line.encode(), env=_ENVIRONMENT)
    except (TimeoutError, OSError) as error:
        spawner.log.error("Nobody was told that the server of %s is ready: %r", spawner._log_name, error)
        return
    if done.returncode:
        said = done.err.strip()[-500:]
        spawner.log.error("Telling that %s is ready ended with %d: %s", spawner._log_name, done.returncode, said)


async def message(spawner: Any) -> dict[str, Any]:
    """Return what the command is told: "user", "server", "url", "waited" in seconds, and "email" or null.

    The URL has a host where JupyterHub knows its public one, else it is the path on this hub.
    """
    user, job = spawner.user, spawner.watch.job if spawner.watch else None
    waited = (job.start - job.submitted).total_seconds() if job and job.start and job.submitted else 0
    return {
        "user": user.name,
        "server": spawner.name,
        "url": user.public_url(spawner.name) or user.server_url(spawner.name),
        "waited": max(0, round(waited)),
        "email": _email(await user.get_auth_state()),
    }


def _email(state: Any) -> str | None:
    """The address in what an authenticator keeps of a person: OAuthenticator's user, or a field of its own."""
    known: dict[str, Any] = state if isinstance(state, dict) else {}
    places = [known, *(known[key] for key in ("oauth_user", "user") if isinstance(known.get(key), dict))]
    found = (place.get("email") for place in places)
    return next((one for one in found if isinstance(one, str) and "@" in one), None)


class TellHandler(APIHandler):  # type: ignore[misc]
    """PUT or DELETE /hub/api/onramp/tell/USER[/SERVER]: the person wants to be told, or does not any more."""

    @needs_scope("servers")  # type: ignore[untyped-decorator]
    def put(self, user_name: str, server_name: str = "") -> None:
        """Answer 204, or 404 (no such server, or this hub tells nobody) or 409 (nothing is starting)."""
        self._want(user_name, server_name, wanted=True)

    @needs_scope("servers")  # type: ignore[untyped-decorator]
    def delete(self, user_name: str, server_name: str = "") -> None:
        """Answer as PUT does."""
        self._want(user_name, server_name, wanted=False)

    def _want(self, user_name: str, server_name: str, *, wanted: bool) -> None:
        user = self.find_user(user_name)
        spawner = user.spawners[server_name] if user is not None and server_name in user.spawners else None
        if spawner is None or not spawner.ready_command:
            raise web.HTTPError(404, "There is no such server, or this hub tells nobody.")
        if spawner.pending != "spawn":
            raise web.HTTPError(409, "This server is not starting.")
        try:
            spawner.door().ledger.tell(user.name, server_name, wanted)
        except LedgerError as error:
            raise web.HTTPError(503, str(error)) from error
        spawner.telling = wanted
        self.set_status(204)


def register() -> None:
    """Add it to the hub's API."""
    kept = [entry for entry in default_handlers if entry[1] is not TellHandler]
    path = r"/api/onramp/tell/([^/]+)"
    default_handlers[:] = [*kept, (path, TellHandler), (path + r"/([^/]+)", TellHandler)]


register()
