"""JupyterHub's REST calls that carry options: refused before anything is stored where one is not valid."""

import asyncio
from typing import Any

from jupyterhub.apihandlers import default_handlers
from jupyterhub.apihandlers.users import UserServerAPIHandler
from jupyterhub.spawner import SpawnException
from tornado import web

from spawners.options import show
from spawners.request import Request, RequestError, parse_request
from spawners.site import Profile, Site


def server_request(options: dict[str, object], site: Site) -> Request:
    """Make a Request of a server's options; no options at all mean the first profile for servers."""
    try:
        return parse_request(options or {"profile": server_profiles(site)[0].name}, site, purpose="server")
    except RequestError as error:
        raise refusal(str(error), reason="options") from error


def server_profiles(site: Site) -> tuple[Profile, ...]:
    """Return what the start page offers, the default first."""
    return tuple(profile for profile in site.profiles if "server" in profile.purposes)


def refusal(sentence: str, *, reason: str, status_code: int = 400) -> SpawnException:
    """Return the exception whose sentence reaches the person on every way: form, URL, REST, progress."""
    exception = SpawnException(sentence, reason=reason, status_code=status_code)
    exception.jupyterhub_message = sentence
    return exception


class ServerOptionsHandler(UserServerAPIHandler):  # type: ignore[misc]
    """JupyterHub's own handler of a server, with options that pass the one gate on POST, PUT and PATCH."""

    def get_server_json_body(self) -> dict[str, Any]:
        """Return the body of POST or PUT; HTTP 400 lists the valid choices where an option is not valid."""
        body: dict[str, Any] = self._checked(super().get_server_json_body())
        return body

    def get_json_body(self) -> Any:
        """Return the body of PATCH or DELETE, checked the same way."""
        return self._checked(super().get_json_body())

    def delete(self, user_name: str, server_name: str = "") -> Any:
        """Stop a server, as JupyterHub does, and note who asked for it."""
        doing = super().delete(user_name, server_name)  # refused here where it is not allowed
        user = self.find_user(user_name)
        spawner: Any = user.spawners[server_name] if user is not None and server_name in user.spawners else None
        # A hub with another spawner comes here too: JupyterHub loads all that are installed.
        if not hasattr(spawner, "trail"):
            return doing
        spawner.trail.stopper = self.current_user.name
        first: asyncio.Task[None] | None = spawner.interrupted
        if first is not None and not first.done():
            doing.close()
            return self._as_first(first, spawner)
        if spawner.pending == "spawn":
            doing = spawner.interrupted = asyncio.ensure_future(doing)
        return doing

    async def _as_first(self, first: "asyncio.Task[None]", spawner: Any) -> None:
        """Answer a second click while a start is interrupted, which JupyterHub takes for an error."""
        await asyncio.wait([first])
        self.set_header("Content-Type", "text/plain")
        self.set_status(202 if spawner.pending == "stop" else 204)

    def _checked(self, body: Any) -> Any:
        if body is None:
            return body
        if not isinstance(body, dict):
            raise web.HTTPError(400, f"The body is {show(body)}. Send one JSON object.")
        options, site = body.get("user_options"), self.settings.get("onramp_site")
        if options is not None and not isinstance(options, dict):
            said = f"'user_options' is {show(options)}. It is an object of options, or null."
            raise web.HTTPError(400, said)
        if site and options is not None:
            server_request(options, site)
        return body


def register() -> None:
    """Put our handler where JupyterHub has its own."""
    default_handlers[:] = [
        (path, ServerOptionsHandler if handler is UserServerAPIHandler else handler, *rest)
        for path, handler, *rest in default_handlers
    ]


register()
