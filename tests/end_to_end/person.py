"""Somebody who uses the hub from a program: signs in with a password, speaks REST with a token."""

from types import TracebackType
from typing import Any, Self

import httpx

from tests.end_to_end.factory import Factory, until


class Person:
    """A hub user over HTTP. `api` carries the token, `site` the cookies of a signed-in browser."""

    def __init__(self, factory: Factory, name: str) -> None:
        self.name = name
        self._factory = factory
        self.site = httpx.Client(base_url=factory.url, follow_redirects=True, timeout=30)
        self.site.get("/hub/login")
        form = {"username": name, "password": factory.passwords[name], "_xsrf": self.xsrf}
        signed_in = self.site.post("/hub/login", data=form)
        assert signed_in.status_code == 200, signed_in.text
        tokens = self.site.post(f"/hub/api/users/{name}/tokens", headers={"X-XSRFToken": self.xsrf}, json={})
        headers = {"Authorization": f"token {tokens.json()['token']}"}
        self.api = httpx.Client(base_url=f"{factory.url}/hub/api", headers=headers, timeout=120)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for server in self.model(stopped=True)["servers"]:
            self.stop(server, remove=True)
        self.site.close()
        self.api.close()

    @property
    def xsrf(self) -> str:
        """What a form or a script of the hub's own pages sends along."""
        cookies = [cookie for cookie in self.site.cookies.jar if (cookie.name, cookie.path) == ("_xsrf", "/hub/")]
        return cookies[0].value or ""

    def model(self, *, stopped: bool = False) -> dict[str, Any]:
        """Return JupyterHub's model of this user, with the servers that do not run if `stopped`."""
        query = {"include_stopped_servers": "1"} if stopped else {}
        model: dict[str, Any] = self.api.get(f"/users/{self.name}", params=query).raise_for_status().json()
        return model

    def ask(self, server: str = "", method: str = "POST", /, **options: object) -> httpx.Response:
        """Ask for a server with these options, and return the hub's answer."""
        return self.api.request(method, self._path(server), json=options)

    def server(self, server: str) -> dict[str, object] | None:
        """Return the options stored for a server, or None where the hub knows of no such server."""
        answer = self.api.get(self._path(server))
        return None if answer.status_code == 404 else answer.raise_for_status().json()["user_options"]

    def start(self, server: str = "", /, **options: object) -> str:
        """Start a server, wait until it is ready, and return its job id."""
        before = set(self._factory.jobs(self.name))
        answer = self.ask(server, **options)
        assert answer.status_code in (201, 202), answer.text
        until(f"server {server!r} of {self.name} is ready", lambda: self.ready(server), seconds=90)
        (job_id,) = set(self._factory.jobs(self.name)) - before
        return job_id

    def ready(self, server: str = "") -> bool:
        """Tell whether a server can be used."""
        return bool(self.model()["servers"].get(server, {}).get("ready"))

    def stop(self, server: str = "", *, remove: bool = False) -> None:
        """Stop a server and wait until it is gone; with `remove` a named one leaves the list as well."""
        answer = self.ask(server, "DELETE", remove=remove and bool(server))
        assert answer.status_code in (202, 204, 404), answer.text
        until(f"server {server!r} of {self.name} is gone", lambda: server not in self.model()["servers"])

    def _path(self, server: str) -> str:
        return f"/users/{self.name}/servers/{server}" if server else f"/users/{self.name}/server"
