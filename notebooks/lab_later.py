"""Parts of a server that are loaded when JupyterLab first asks for them, and not while somebody waits for a start.

nbgrader brings a database and its migrations, jupyter-scheduler another one, and dask-labextension all of Dask.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from tornado.httputil import HTTPServerRequest
from tornado.routing import PathMatches, Router, Rule


class Part(NamedTuple):
    """A part of a server: its addresses (a pattern), and what loads it."""

    paths: str
    load: Callable[[ServerApp], None]


class Later(Router):
    """Stands for a part's addresses until the first request for one of them."""

    def __init__(self, server: ServerApp, part: Part) -> None:
        """`server` is asked for nothing yet."""
        self._server, self._part = server, part
        self._rules = server.web_app.default_router.rules
        self._rule = Rule(PathMatches(url_path_join(server.base_url, part.paths)), self)
        # The last rule is for what no other knows.
        self._rules.insert(-1, self._rule)

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Make way for the part's own handlers, and hand the request to one of them."""
        if self._rule in self._rules:
            self._rules.remove(self._rule)
            self._part.load(self._server)
        return self._server.web_app.default_router.find_handler(request)


def _nbgrader(server: ServerApp) -> None:
    """What learners use; for Validate we have an answer of our own.

    The rest of nbgrader is for whoever has a gradebook, and that is our course service.
    """
    for name in ("nbgrader.server_extensions.assignment_list", "curricula.validate"):
        import_module(name).load_jupyter_server_extension(server)


def _dask(server: ServerApp) -> None:
    import_module("dask_labextension").load_jupyter_server_extension(server)


def _jobs(server: ServerApp) -> None:
    manager: Any = server.extension_manager
    manager.add_extension("jupyter_scheduler", enabled=True)
    manager.link_extension("jupyter_scheduler")
    manager.load_extension("jupyter_scheduler")


PARTS = (
    Part("(assignments(/.*)?|courses|nbgrader_version)", _nbgrader),
    Part("dask/.*", _dask),
    Part("scheduler/.*", _jobs),
)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Tell Jupyter Server where the extension is: here."""
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Answer at the addresses of each part."""
    for part in PARTS:
        Later(server, part)
