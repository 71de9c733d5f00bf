"""What JupyterLab asks its own server: until when it runs, how idle it is, what it uses, and where the hub is."""

import asyncio
import json
import logging
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from jupyter_server.base.handlers import APIHandler
from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from tornado import web
from tornado.httpclient import AsyncHTTPClient, HTTPClientError

from notebooks.lab_kernels import notices
from spawners.node_idle import Watch, begin
from spawners.node_usage import Meter
from spawners.poll import Poll

# Seconds between two questions to the hub: a twentieth of what is left, but within these. An operator may move the end.
SOONEST, LATEST, UNKNOWN = 5.0, 300.0, 30.0
_PATIENCE = 10
_log = logging.getLogger(__name__)


class HubClient:
    """The hub as this server knows it, by the environment that the hub gave it."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        """`environ` is that of a server which a hub started; KeyError with any other."""
        self._question = f"{environ['JUPYTERHUB_API_URL']}/onramp/end"
        self._token = environ["JUPYTERHUB_API_TOKEN"]
        self._end: datetime | None = None
        self._poll = Poll(self._ask, fresh)
        names = (environ["JUPYTERHUB_USER"], environ.get("JUPYTERHUB_SERVER_NAME", ""))
        server = [quote(name, safe="@~") for name in names if name]
        hub = environ.get("JUPYTERHUB_HOST", "") + url_path_join(environ.get("JUPYTERHUB_BASE_URL", "/"), "hub")
        self.pages = {
            "home": url_path_join(hub, "home"),
            "again": url_path_join(hub, "spawn", *server),
            "ending": url_path_join(hub, "api/onramp/ending", *server),
        }

    async def end(self) -> datetime | None:
        """When Slurm ends this server's job, as the hub last said; None where it has not said so."""
        return await self._poll.get()

    async def _ask(self) -> datetime | None:
        """A hub that is away, or does not know, takes back nothing that it has said."""
        headers = {"Authorization": f"token {self._token}"}
        try:
            answer = await AsyncHTTPClient().fetch(self._question, headers=headers, request_timeout=_PATIENCE)
            said = json.loads(answer.body)["end"]
            self._end = datetime.fromisoformat(said) if said else self._end
        except (HTTPClientError, OSError, ValueError, KeyError, TypeError) as error:
            _log.info("The hub does not say when this server ends: %s", error)
        return self._end


def fresh(end: datetime | None) -> float:
    """For how many seconds the hub's answer is good."""
    if end is None:
        return UNKNOWN
    return min(LATEST, max(SOONEST, (end - datetime.now(UTC)).total_seconds() / 20))


class ServerHandler(APIHandler):
    """GET onramp/server: {"end", "now", "idle", "kernels", "usage", "hub"}; times in ISO 8601, null where not known.

    `hub` has addresses there: of its page "home", of "again", where this server is started anew, and of "ending",
    which tells a page why its server has ended. `idle` is as spawners.node_idle tells it, null where this server is
    never released; `usage` as spawners.node_usage does, `kernels` as notebooks.lab_kernels does. POST says that its
    person is there.
    """

    # The page asks by itself, so nobody is active because it does.
    _track_activity = False

    def initialize(self, hub: HubClient, meter: Meter, watch: Watch | None, server: ServerApp) -> None:
        """Take what the extension gives to each request."""
        self._hub, self._meter, self._watch, self._server = hub, meter, watch, server

    @web.authenticated
    async def get(self) -> None:
        """Answer."""
        end, usage = await asyncio.gather(self._hub.end(), self._meter.usage())
        answer: dict[str, Any] = {
            "end": end and end.isoformat(),
            "now": datetime.now(UTC).isoformat(),
            "idle": self._watch and self._watch.status(),
            "kernels": await notices(self._server),
            "usage": usage,
            "hub": self._hub.pages,
        }
        self.finish(answer)

    @web.authenticated
    async def post(self) -> None:
        """Answer 204."""
        if self._watch is not None:
            self._watch.still_here()
        self.set_status(204)
        self.finish()


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Tell Jupyter Server where the extension is: here."""
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Answer below the server's own address; outside a hub there is nothing to answer."""
    try:
        hub = HubClient(os.environ)
    except KeyError:
        return
    address = url_path_join(server.web_app.settings["base_url"], "onramp", "server")
    gives = {"hub": hub, "meter": Meter(os.environ), "watch": begin(server, os.environ), "server": server}
    server.web_app.add_handlers(".*", [(address, ServerHandler, gives)])  # type: ignore[no-untyped-call]
