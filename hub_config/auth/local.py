"""Sign-in with a local account: a password, or a one-time link that an operator hands over."""

import asyncio
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jupyterhub.auth import Authenticator
from jupyterhub.handlers.base import BaseHandler
from jupyterhub.handlers.login import LoginHandler
from jupyterhub.utils import url_path_join
from tornado import web
from traitlets import Unicode

from hub_config.auth import links, passwords
from hub_config.auth.attempts import Attempts

_WRONG = "User name or password is wrong. Check both, and whether Caps Lock is on."
_LINK_SPENT = "This sign-in link was already used or is older than ten minutes. Sign in below, or ask for a new link."
_LINK_FROM_ELSEWHERE = "For your safety, open a sign-in link by pasting it into the address bar."


class LinkHandler(LoginHandler):  # type: ignore[misc]
    """The sign-in page, which also takes a one-time link: GET login?token=..."""

    async def get(self) -> None:
        """Sign in with the link's token where there is one; show the ordinary page otherwise."""
        token = self.get_argument("token", "")
        if not token:
            await super().get()
            return
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "no-referrer")
        # Another site could otherwise sign a visitor in as somebody else by sending them here.
        if self.request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
            await self._refuse(_LINK_FROM_ELSEWHERE)
            return
        if await self.login_user({"token": token}):
            next_url = self._validate_next_url(self.get_argument("next", ""))
            self.redirect(next_url or url_path_join(self.hub.base_url, "spawn"))
        else:
            await self._refuse(_LINK_SPENT)

    def _render(self, login_error: str | None = None, **namespace: Any) -> Any:
        """Say a failure as one sentence with what to do; it never tells which of the two was wrong."""
        wrong = login_error == "Invalid username or password"
        return super()._render(login_error=_WRONG if wrong else login_error, **namespace)

    def _request_summary(self) -> str:
        """Keep the token of a refused link out of the log, where tornado would write the whole address."""
        return f"{self.request.method} {self.request.path} ({self.request.remote_ip})"

    async def _refuse(self, sentence: str) -> None:
        self.set_status(403)
        self.finish(await self._render(login_error=sentence, username=""))


class LocalAuthenticator(Authenticator):  # type: ignore[misc]
    """People in one 0600 file of argon2 hashes. Everybody in the file may sign in."""

    password_file = Unicode(help="JSON file, mode 0600: {user: argon2 hash}.").tag(config=True)
    link_file = Unicode(help="JSON file, mode 0600, of the hashes of one-time links.").tag(config=True)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.allow_all = True
        self._attempts = Attempts()
        # One hash takes 64 MiB: two at a time bound memory, and what a burst can try past the limit.
        self._verifying = asyncio.Semaphore(2)

    def get_handlers(self, app: Any) -> list[tuple[str, type[BaseHandler]]]:
        """Put our sign-in page before JupyterHub's own."""
        return [(r"/login", LinkHandler)]

    async def authenticate(self, handler: BaseHandler, data: Mapping[str, str] | None) -> str | None:
        """Return the user name, or None; web.HTTPError 429 says when to try again."""
        data = data or {}
        # Links are counted together: a wrong one has no name.
        name = "a link" if "token" in data else self.normalize_username(str(data.get("username", "")))
        address = str(handler.request.remote_ip)
        async with self._verifying:
            self._refuse_too_many(name, address)
            user = await self._user(name, data)
            if user is None:
                self._attempts.failed(name, address)
            else:
                self._attempts.succeeded(name, address)
        return user

    async def refresh_user(self, user: Any, handler: BaseHandler | None = None, **_: Any) -> bool:
        """Keep a session only for as long as the account is in the file."""
        return user.name in passwords.users(self._passwords)

    async def _user(self, name: str, data: Mapping[str, str]) -> str | None:
        if "token" in data:
            return self._redeem(str(data["token"]))
        password = str(data.get("password", ""))
        known = await asyncio.to_thread(passwords.verify, self._passwords, name, password)
        return name if known else None

    def _redeem(self, token: str) -> str | None:
        user = links.redeem(self._links, token)
        return user if user in passwords.users(self._passwords) else None

    @property
    def _passwords(self) -> Path:
        return Path(self.password_file)

    @property
    def _links(self) -> Path:
        return Path(self.link_file)

    def _refuse_too_many(self, name: str, address: str) -> None:
        if seconds := self._attempts.wait(name, address):
            unit = "second" if seconds == 1 else "seconds"
            error = web.HTTPError(429, f"Too many failed attempts to sign in. Try again in {seconds} {unit}.")
            error.headers = {"Retry-After": str(seconds)}  # type: ignore[attr-defined]  # JupyterHub reads it
            raise error


if __name__ == "__main__":
    sys.exit(passwords.main())
