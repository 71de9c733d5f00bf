"""Many people at one hub: each asks for a server and watches its progress, as a browser does."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Sequence
from typing import Any, NamedTuple

from tornado.httpclient import AsyncHTTPClient, HTTPError

# A start that takes longer is none.
PATIENCE = 120.0
AGAIN = 0.25


class Outcome(NamedTuple):
    """How one start went: the answer's status, seconds until ready, and whether it ever was."""

    user: str
    status: int
    seconds: float
    ready: bool


class Crowd:
    """The people; all of them speak to the hub's API through its proxy, with one token."""

    def __init__(self, api: str, token: str) -> None:
        """`api` is the address of the hub's API, without a slash at its end."""
        self._api, self._headers = api, {"Authorization": f"token {token}"}
        # More connections than people: none waits for another's.
        self._http = AsyncHTTPClient(force_instance=True, max_clients=4000)

    async def start_all(self, people: Sequence[str], at_once: int, within: float) -> list[Outcome]:
        """Start everybody's server, so many at a time; nobody begins once `within` seconds are over."""
        waiting, found, end = list(reversed(people)), list[Outcome](), time.monotonic() + within

        async def one_after_the_other() -> None:
            while waiting and time.monotonic() < end:
                found.append(await self.start(waiting.pop()))

        await asyncio.gather(*(one_after_the_other() for _ in range(at_once)))
        return found

    async def arrive(self, people: Sequence[str], within: float) -> "list[asyncio.Task[Outcome]]":
        """Let everybody ask for a server, evenly over so many seconds; each keeps watching the progress."""
        tasks = []
        for user in people:
            tasks.append(asyncio.create_task(self.start(user, watching=True)))
            await asyncio.sleep(within / len(people))
        return tasks

    async def start(self, user: str, *, watching: bool = False) -> Outcome:
        """Start a server and wait until it is ready, or refused."""
        begin = time.monotonic()
        status = await self._post(user)
        ready = status == 201 or (status == 202 and await (self._progress(user) if watching else self._until(user)))
        return Outcome(user, status, time.monotonic() - begin, ready)

    async def _post(self, user: str) -> int:
        try:
            answer = await self._fetch(f"users/{user}/server", method="POST", body="{}")
        except HTTPError as error:
            return int(error.code)
        return int(answer.code)

    async def _until(self, user: str) -> bool:
        """Ask again and again, as a script does."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            with contextlib.suppress(HTTPError):
                model = json.loads((await self._fetch(f"users/{user}")).body)["servers"].get("")
                if model is None or model["ready"]:
                    return model is not None
            await asyncio.sleep(AGAIN)
        return False

    async def _progress(self, user: str) -> bool:
        """Read the stream that the page of a pending start reads, to its end."""
        last = bytearray()

        def take(chunk: bytes) -> None:
            last[:] = (last + chunk)[-4000:]

        with contextlib.suppress(HTTPError):
            await self._fetch(f"users/{user}/server/progress", streaming_callback=take, request_timeout=10 * PATIENCE)
        return b'"ready": true' in last

    def _fetch(self, path: str, **options: Any) -> Awaitable[Any]:
        options = {"request_timeout": PATIENCE, "connect_timeout": PATIENCE, **options}
        return self._http.fetch(f"{self._api}/{path}", headers=self._headers, **options)
