"""The one thing a starting server tells the hub: its port. The host is Slurm's word, never the caller's."""

from datetime import datetime

import batchspawner.api
from jupyterhub.apihandlers import APIHandler, default_handlers
from tornado import web

from spawners.server_token import whose

PORTS = range(1024, 65536)


class PortHandler(APIHandler):  # type: ignore[misc]
    """POST {"port": N} with a server's own token, once, while that server's start is pending."""

    _accept_cookie_auth = False

    @web.authenticated
    def post(self) -> None:
        """Answer 204, or 400 (not a port), 403 (not a server's token), 409 (no start waits for a port)."""
        spawner = whose(self)
        if spawner is None:
            raise web.HTTPError(403, "Only a starting server may report a port, with its own token.")
        port = self._port()
        if not spawner.port_reported(port):
            raise web.HTTPError(409, "No start of this server waits for a port.")
        self.set_status(204)

    def _port(self) -> int:
        match self.get_json_body():
            case {"port": int(port), **rest} if not rest and type(port) is int and port in PORTS:
                return port
        raise web.HTTPError(400, f'Send {{"port": N}} and nothing else, N from {PORTS[0]} to {PORTS[-1]}.')

    def _record_activity(self, obj: object, timestamp: datetime | None = None) -> bool:
        """Note nothing: on a full disk that would fail, and JupyterHub would call the server a stranger."""
        return False


def register() -> None:
    """Let a start report a port and nothing else: our handler takes the place of batchspawner's."""
    kept = [entry for entry in default_handlers if entry[1] is not batchspawner.api.BatchSpawnerAPIHandler]
    default_handlers[:] = [
        *(entry for entry in kept if entry[1] is not PortHandler),
        (r"/api/onramp/port", PortHandler),
    ]


register()
