"""Cookies, forms and answers: as much of a browser as tests of the hub's own pages need."""

import json
from collections.abc import Mapping
from http.cookiejar import CookieJar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import HTTPCookieProcessor, OpenerDirector, ProxyHandler, Request, build_opener

PASSWORD = "correct horse battery"


class Answer:
    """What the hub said."""

    def __init__(self, status: int, url: str, text: str) -> None:
        """Keep it."""
        self.status, self.url, self.text = status, url, text

    @property
    def message(self) -> str:
        """The sentence of an error of the REST API."""
        return str(json.loads(self.text)["message"])


class Browser:
    """Cookies and forms, as a browser would send them."""

    def __init__(self, base: str) -> None:
        """Begin with no cookie."""
        self.base = base
        self.cookies = CookieJar()
        self._opener = build_opener(ProxyHandler({}), HTTPCookieProcessor(self.cookies))

    def get(self, path: str, headers: Mapping[str, str] = {}) -> Answer:
        """Open a page below /hub/."""
        return send(self._opener, Request(self.base + path, headers=dict(headers)))

    def told(self, path: str) -> Answer:
        """Open a page as it is once all that it asks Slurm has been answered."""
        return self.get(path, {"X-Onramp-Wait": "1"})

    def post(self, path: str, form: Mapping[str, str]) -> Answer:
        """Send a form, with the token that the page would have had."""
        token = next((cookie.value for cookie in self.cookies if cookie.name == "_xsrf"), "") or ""
        body = urlencode({**form, "_xsrf": token}).encode()
        return send(self._opener, Request(self.base + path, data=body))

    def post_to(self, url: str, form: Mapping[str, str]) -> Answer:
        """Send a form to another site, as the page it came from would."""
        return send(self._opener, Request(url, data=urlencode(form).encode()))

    def sign_in(self, user: str, password: str = PASSWORD) -> Answer:
        """Fill in the ordinary form."""
        self.get("login")
        return self.post("login", {"username": user, "password": password})


def send(opener: OpenerDirector, request: Request) -> Answer:
    """Send a request; an error of HTTP is an answer, no answer at all is status 0."""
    try:
        with opener.open(request, timeout=30) as response:
            return Answer(response.status, response.url, response.read().decode())
    except HTTPError as error:
        return Answer(error.code, error.url, error.read().decode())
    except OSError as error:
        return Answer(0, request.full_url, str(error))
