"""When a server ends: its own question to the hub, which knows the end of every job from the one poll."""

from datetime import UTC, datetime

from jupyterhub.apihandlers import APIHandler, default_handlers
from tornado import web

from spawners.server_token import whose


class EndHandler(APIHandler):  # type: ignore[misc]
    """GET with a server's own token: {"end": when Slurm ends its job, "now": the hub's clock}, in ISO 8601.

    `end` is null where it is not known. It comes from the poll that all servers share.
    """

    _accept_cookie_auth = False

    async def get(self) -> None:
        """Answer, or 403 where this is not a server's token; a page to sign in on would be no answer to a server."""
        spawner = whose(self)
        if spawner is None:
            raise web.HTTPError(403, "Only a server may ask when it ends, with its own token.")
        job = (await spawner.door().scheduler.jobs()).get(spawner.job_id)
        end = job.end if job is not None and job.running else None
        self.finish({"end": end and end.astimezone(UTC).isoformat(), "now": datetime.now(UTC).isoformat()})

    def _record_activity(self, obj: object, timestamp: datetime | None = None) -> bool:
        """Nobody is active because a page asks."""
        return False


def register() -> None:
    """Add the question to the hub's API."""
    kept = [entry for entry in default_handlers if entry[1] is not EndHandler]
    default_handlers[:] = [*kept, (r"/api/onramp/end", EndHandler)]


register()
