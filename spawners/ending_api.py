"""What a page of a server asks once that server is gone: why, and where it is started again."""

from typing import Any
from urllib.parse import urlencode

from jupyterhub.apihandlers import APIHandler, default_handlers
from jupyterhub.scopes import needs_scope
from jupyterhub.utils import url_escape_path, url_path_join
from tornado import web

from spawners.ledger import LedgerError, Start
from spawners.remedy import again
from spawners.site import Site


class EndingHandler(APIHandler):  # type: ignore[misc]
    """GET /hub/api/onramp/ending/USER[/SERVER]: {"ended", "cause", "sentence", "advice", "again"}.

    `ended` (ISO 8601) is null while the last start is not over, and then so is the rest but `again`: the hub's page
    that starts the server with the same options at once, and takes `&next=PATH` of what is then to be opened.
    Nothing that a job printed is told here, so a page that has no token of the hub's pages may ask: one of a server.
    """

    _xsrf_safe_methods = frozenset({"GET", "HEAD", "OPTIONS"})

    @needs_scope("read:servers")  # type: ignore[untyped-decorator]
    async def get(self, user_name: str, server_name: str = "") -> None:
        """Answer, or 404 where there is no such server or it was never started.

        A page asks when its server is silent, so Slurm is asked now and not at the hub's next poll.
        """
        user = self.find_user(user_name)
        if user is None:
            raise web.HTTPError(404, f"There is no user {user_name}.")
        door = user.spawner.door()
        await _look(user.spawners.get(server_name))
        try:
            start = door.ledger.last(user.name, server_name)
        except LedgerError as error:
            raise web.HTTPError(503, str(error)) from error
        if start is None:
            raise web.HTTPError(404, "This server was never started.")
        path = url_path_join(self.hub.base_url, "spawn", user.escaped_name, url_escape_path(server_name))
        self.finish({**_told(start), "again": again_url(path, start, door.site)})

    def _record_activity(self, obj: object, timestamp: object = None) -> bool:
        """Nobody is active because a page asks."""
        return False


async def _look(spawner: Any) -> None:
    """See whether a server that is believed to run still does; if not, JupyterHub clears up at once."""
    if spawner is not None and spawner.ready:
        spawner.door().scheduler.expect(spawner.job_id)
        await spawner.poll_and_notify()


def _told(start: Start) -> dict[str, Any]:
    ended = start.ended and start.ended.isoformat()
    if start.ending is None:
        return {"ended": ended, "cause": None, "sentence": start.cause, "advice": ""}
    return {"ended": ended, **start.ending.model_dump(include={"cause", "sentence", "advice"})}


def again_url(path: str, start: Start, site: Site) -> str:
    """Return the URL below `path`, JupyterHub's page that starts a server, which starts it as it was at once.

    Where the site does not take its options any more it is the page where they are chosen.
    """
    same = again(start.options, site)
    return f"{path}?{urlencode([(f'opt-{key}', value) for key, value in same.fields])}" if same else path


def register() -> None:
    """Add the question to the hub's API."""
    default_handlers[:] = [*(entry for entry in default_handlers if entry[1] is not EndingHandler), *_ENTRIES]


_ENTRIES = (
    (r"/api/onramp/ending/([^/]+)", EndingHandler),
    (r"/api/onramp/ending/([^/]+)/([^/]*)", EndingHandler),
)
register()
