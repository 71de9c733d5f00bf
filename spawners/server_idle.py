"""A server that was idle asks the hub to end it, and no other, so that its person is told why."""

from jupyterhub.apihandlers import APIHandler, default_handlers
from tornado import web

from spawners.ending import Ending
from spawners.server_job import duration
from spawners.server_token import whose
from spawners.site_parts import IdleRule


class IdleHandler(APIHandler):  # type: ignore[misc]
    """POST with a server's own token: it is ended, and its person is told that it was idle."""

    _accept_cookie_auth = False

    @web.authenticated
    async def post(self) -> None:
        """Answer 202 once the end has begun, or 403 (not a server's token), 409 (not up)."""
        spawner = whose(self)
        if spawner is None:
            raise web.HTTPError(403, "Only a server may say that it was idle, with its own token.")
        if not spawner.ready:
            raise web.HTTPError(409, "This server is not up.")
        spawner.trail.say(_ending(spawner.door().site.profile(spawner.request().profile).idle))
        await self.stop_single_user(spawner.user, spawner.name)
        self.set_status(202)


def _ending(rule: IdleRule | None) -> Ending:
    """What a person is told; there is no rule any more where the site was changed since the server's start."""
    idle = f" for {duration(max(1, round(rule.after)))}" if rule else ""
    return Ending(
        cause="idle",
        sentence=f"It was idle{idle}, and a warning was not answered, so its node went to others.",
        advice="Start again when you need it.",
    )


def register() -> None:
    """Add the request to the hub's API."""
    kept = [entry for entry in default_handlers if entry[1] is not IdleHandler]
    default_handlers[:] = [*kept, (r"/api/onramp/idle", IdleHandler)]


register()
