"""A hub as a person's browser meets it: sign in, start a server, wait until it answers, stop it."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, ProxyHandler, Request, build_opener

PATIENCE = 120.0
INTERVAL = 0.05


class HubError(Exception):
    """A hub did not do what was asked."""


class Hub:
    """One hub, spoken to as one signed-in person, all through the proxy."""

    def __init__(self, url: str) -> None:
        """`url` is what a browser opens, without a path."""
        self.url = url
        self._cookies = CookieJar()
        self._http = build_opener(ProxyHandler({}), HTTPCookieProcessor(self._cookies))
        self._headers: dict[str, str] = {}

    def sign_in(self, user: str, *, link: str = "", password: str = "") -> None:
        """Sign in by a one-time link or by a password, and speak with a token of that person from then on."""
        self._get(link or f"{self.url}/hub/login")
        if not link:
            form = {"username": user, "password": password, "_xsrf": self._xsrf()}
            # Without `next`, signing in would start a server.
            self._open(Request(f"{self.url}/hub/login?next=%2Fhub%2Ftoken", urlencode(form).encode()))
        self._headers = {"X-XSRFToken": self._xsrf()}
        self.token: str = self.api("POST", f"users/{user}/tokens", {"note": "bench"})["token"]
        self._cookies.clear()
        self._headers = {"Authorization": f"token {self.token}"}

    def start(self, user: str, options: Mapping[str, object] = {}) -> float:
        """Start the person's server; return the seconds until it answers through the proxy."""
        begin = time.monotonic()
        self.ask(user, options)
        until(lambda: bool(self._server(user).get("ready")), f"a server of {user}")
        until(lambda: self.answers(user), f"an answer of the server of {user}")
        return time.monotonic() - begin

    def add(self, users: Sequence[str]) -> None:
        """As an admin, make these people known to the hub before they have signed in."""
        self.api("POST", "users", {"usernames": list(users)})

    def ask(self, user: str, options: Mapping[str, object] = {}) -> None:
        """Ask for a server; the hub answers when it is ready, or after ten seconds."""
        self.api("POST", f"users/{user}/server", dict(options))

    def stop(self, user: str) -> None:
        """Stop the person's server, or its start, and wait until the hub has forgotten it."""
        self.api("DELETE", f"users/{user}/server")
        until(lambda: not self._server(user), f"the end of the server of {user}")

    def answers(self, user: str) -> bool:
        """Whether the server itself answers, not the hub in its place."""
        try:
            return "kernels" in self._get(f"{self.url}/user/{user}/api/status")
        except HubError:
            return False

    def api(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Call the hub's REST API; HubError with what the hub said where it refuses."""
        data = None if body is None else json.dumps(body).encode()
        request = Request(f"{self.url}/hub/api/{path}", data, method=method)
        request.add_header("Content-Type", "application/json")
        return self._open(request) or {}

    def ask_service(self, url: str, body: bytes | None = None) -> Any:
        """Call a service behind the hub: POST where there is a body, GET without one."""
        return self._open(Request(url, body))

    def _server(self, user: str) -> Any:
        return self.api("GET", f"users/{user}")["servers"].get("", {})

    def _get(self, url: str) -> Any:
        return self._open(Request(url))

    def _open(self, request: Request) -> Any:
        for name, value in self._headers.items():
            request.add_header(name, value)
        try:
            with self._http.open(request, timeout=60) as response:
                text = response.read().decode()
        except HTTPError as error:
            said = error.read().decode(errors="replace")[:300]
            raise HubError(f"{request.get_method()} {request.full_url}: HTTP {error.code} {said}") from None
        except (URLError, OSError) as error:
            raise HubError(f"{request.full_url}: {error}") from None
        return json.loads(text) if text.startswith(("{", "[")) else text

    def _xsrf(self) -> str:
        return next((cookie.value or "" for cookie in self._cookies if cookie.name == "_xsrf"), "")


def answers(url: str) -> bool:
    """Whether something answers there with success."""
    try:
        with build_opener(ProxyHandler({})).open(url, timeout=5):
            return True
    except OSError:
        return False


def until(done: Callable[[], bool], what: str) -> None:
    """Wait for something; HubError after PATIENCE seconds."""
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise HubError(f"{what}: not within {PATIENCE:.0f} s")
        time.sleep(INTERVAL)
