"""What every address of the service shares: who asks (JupyterHub says), how it answers, how it refuses."""

import json
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader
from jupyterhub.services.auth import HubOAuthenticated
from tornado.web import HTTPError, RequestHandler

from curricula.service.desk import Desk
from curricula.service.refused import Refused
from curricula.service.teaching import Teaching
from curricula.submissions import SubmissionError, TooLarge, spoken

log = logging.getLogger(__name__)
# The beginning of an address: which course, and which of its assignments.
COURSE = r"courses/([^/]+)"
ASSIGNMENT = rf"{COURSE}/assignments/([^/]+)"
HERE = Path(__file__).parent
_LOOK = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; frame-ancestors 'none'"
# What only shows runs no script at all, not even ours, and is of an origin of its own.
_SHOWS = f"{_LOOK}; form-action 'none'; sandbox allow-downloads"
# What acts runs course.js and nothing else; it opens no window or dialog.
_ACTS = (
    f"{_LOOK}; script-src 'self'; connect-src 'self'; form-action 'self'; "
    "sandbox allow-downloads allow-forms allow-same-origin allow-scripts"
)
_templates = Environment(
    loader=FileSystemLoader(HERE / "templates"), autoescape=True, trim_blocks=True, lstrip_blocks=True
)
_templates.filters["spoken"] = spoken


class Closed(RequestHandler):
    """Whatever is answered: nothing from elsewhere, no script, in no frame, taken for nothing else."""

    def set_default_headers(self) -> None:
        """Say so; an error's answer begins here again."""
        self.set_header("Content-Security-Policy", _SHOWS)
        self.set_header("X-Content-Type-Options", "nosniff")
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "same-origin")


class Handler(HubOAuthenticated, Closed):  # type: ignore[misc]
    """One address; the user is whom the hub's token or cookie names, and the time is the server's."""

    user: str = ""

    async def prepare(self) -> None:
        """Find out who asks; pages send a stranger to sign in, the API answers 403."""
        self.now = datetime.now(UTC)
        model = await self.hub_auth.get_user(self, sync=False)
        self._hub_auth_user_cache = model
        if model is None:
            self.stranger()
        elif model.get("kind") != "user" or not self.hub_auth.check_scopes(self.hub_auth.access_scopes, model):
            raise HTTPError(403, reason="Forbidden", log_message="not a user who may use courses")
        else:
            self.user = model["name"]

    def stranger(self) -> None:
        """Answer somebody who has not signed in."""
        raise Refused(403, "Sign in first: this needs a signed-in browser or the token of your own server.")

    @property
    def desk(self) -> Desk:
        """The courses."""
        desk: Desk = self.settings["desk"]
        return desk

    @property
    def teaching(self) -> Teaching:
        """The teacher's side."""
        teaching: Teaching = self.settings["teaching"]
        return teaching

    def send_file(self, name: str, kind: str, content: bytes) -> None:
        """Answer with a file to keep."""
        self.set_header("Content-Type", kind)
        self.set_header("Content-Disposition", f'attachment; filename="{name}"')
        self.finish(content)

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Say in a sentence why not; the traceback is for the log."""
        self.explain(*_reason(status_code, kwargs.get("exc_info", (None, None, None))[1]))

    def explain(self, status: int, message: str) -> None:
        """Answer with JSON."""
        self.set_status(status)
        self.finish({"message": message})

    def log_exception(self, kind: Any, error: Any, trace: Any) -> None:
        """What is refused with a sentence is no failure of the service."""
        if not isinstance(error, Refused | SubmissionError):
            super().log_exception(kind, error, trace)


class Page(Handler):
    """An address for a browser."""

    def stranger(self) -> None:
        """Send them to sign in and back."""
        self.redirect(self.get_login_url())

    def render_page(self, name: str, *, acts: bool = False, **values: Any) -> None:
        """Answer with a template; only where something can be done on it (`acts`) has it a script."""
        if acts:
            self.set_header("Content-Security-Policy", _ACTS)
        page = _templates.get_template(name)
        base = self.hub_auth.base_url
        xsrf = self.xsrf_token.decode() if self.user else ""
        common = {"user": self.user, "base": base, "hub": f"{self.hub_auth.hub_prefix}", "xsrf": xsrf, "now": self.now}
        self.finish(page.render(**self.settings["look"], **common, acts=acts, **values))

    def explain(self, status: int, message: str) -> None:
        """Answer with a page."""
        self.set_status(status)
        self.render_page("refused.html", message=message, status=status)


def _reason(status: int, error: BaseException | None) -> tuple[int, str]:
    match error:
        case Refused():
            return error.status, str(error)
        case TooLarge():
            return 413, str(error)
        case SubmissionError():
            return 400, str(error)
        case HTTPError(status_code=403):
            return 403, "You may not do this. Reload the page and try again; if it stays so, sign out and in."
        case HTTPError(status_code=404):
            return 404, "There is no such page."
        case HTTPError(status_code=code) if code < 500:
            return code, "This request cannot be understood. Reload the page and try again."
        case _:
            return status, "Something went wrong here, and nothing was lost. Try again; then tell your teacher."


def body_of(handler: Handler) -> dict[str, Any]:
    """Return the JSON object of a request. Raises Refused."""
    try:
        value = json.loads(handler.request.body or b"{}")
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise Refused(400, "The request's body is one JSON object.")
    return value
