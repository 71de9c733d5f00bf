"""JupyterHub's REST calls that carry options: refused before anything is stored where one is not valid."""

from typing import Any

from jupyterhub.apihandlers import default_handlers
from jupyterhub.apihandlers.users import UserServerAPIHandler
from jupyterhub.spawner import SpawnException

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

    def _checked(self, body: Any) -> Any:
        site = self.settings.get("onramp_site")
        options = body.get("user_options") if isinstance(body, dict) else None
        if site and isinstance(options, dict):
            server_request(options, site)
        return body


def register() -> None:
    """Put our handler where JupyterHub has its own."""
    default_handlers[:] = [
        (path, ServerOptionsHandler if handler is UserServerAPIHandler else handler, *rest)
        for path, handler, *rest in default_handlers
    ]


register()
