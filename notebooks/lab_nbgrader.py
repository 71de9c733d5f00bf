"""nbgrader's part of a server, loaded when JupyterLab first asks for it: it brings a database and its migrations."""

from importlib import import_module
from typing import Any

from jupyter_server.serverapp import ServerApp
from jupyter_server.utils import url_path_join
from tornado.httputil import HTTPServerRequest
from tornado.routing import PathMatches, Router, Rule

# What learners use; for Validate we have an answer of our own. The rest of nbgrader is for whoever has a gradebook, and
# that is our course service.
EXTENSIONS = ("nbgrader.server_extensions.assignment_list", "curricula.validate")
_PATHS = "(assignments(/.*)?|courses|nbgrader_version)"


class Later(Router):
    """Stands for nbgrader's addresses until the first request for one of them."""

    def __init__(self, server: ServerApp) -> None:
        """`server` is asked for nothing yet."""
        self._server = server
        self._rules = server.web_app.default_router.rules
        self._rule = Rule(PathMatches(url_path_join(server.base_url, _PATHS)), self)
        # The last rule is for what no other knows.
        self._rules.insert(-1, self._rule)

    def find_handler(self, request: HTTPServerRequest, **kwargs: Any) -> Any:
        """Make way for nbgrader's own handlers, and hand the request to one of them."""
        if self._rule in self._rules:
            self._rules.remove(self._rule)
            for name in EXTENSIONS:
                import_module(name).load_jupyter_server_extension(self._server)
        return self._server.web_app.default_router.find_handler(request)


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    """Tell Jupyter Server where the extension is: here."""
    return [{"module": __name__}]


def _load_jupyter_server_extension(server: ServerApp) -> None:
    """Answer at nbgrader's addresses."""
    Later(server)
