"""A cluster's dashboard: where it listens on its node, and where its user's browser finds it."""

import os
import secrets
from collections.abc import Mapping
from typing import Any, NamedTuple

from spawners.node_server import free_port

# The scheduler's pages, without the one that lets whoever reads them connect to anywhere.
ROUTES = tuple(f"distributed.http.{name}" for name in ("scheduler.info", "scheduler.json", "health", "statics"))


class Pages(NamedTuple):
    """The port on this node alone, and the path of the pages as the browser sees it: Bokeh writes it into them.

    Others may have jobs on this node, and there is no sign-in; what they cannot guess, they cannot read.
    """

    port: int
    path: str

    @property
    def options(self) -> dict[str, Any]:
        """What Dask's scheduler is told of it."""
        return {"dashboard_address": f"127.0.0.1:{self.port}", "http_prefix": self.path}

    def link(self, services: Mapping[str, int]) -> str:
        """Where the browser finds it: through the user's own server, which asks who they are.

        `services` are those of the scheduler; the link is empty where somebody else took the port first.
        """
        if services.get("dashboard") != self.port:
            return ""
        host = "" if "JUPYTERHUB_SERVICE_PREFIX" in os.environ else f"http://127.0.0.1:{self.port}"
        return f"{host}{self.path}/status"


def new_pages() -> Pages:
    """Choose where the dashboard of a new cluster is."""
    port, base = free_port("127.0.0.1"), os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "").rstrip("/")
    secret = secrets.token_urlsafe(16)
    return Pages(port, f"{base}/proxy/absolute/{port}/{secret}" if base else f"/{secret}")
