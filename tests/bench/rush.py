"""A class that hands in at the last minute: everybody over HTTP through the hub's proxy, with a token of their own."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import httpx

# Somebody who gets no receipt tries again, as the outbox of a server does.
AGAIN, GIVE_UP = 1.0, 120.0


class Handed(NamedTuple):
    """What one learner holds in hands: the receipt, or none, and after how many seconds."""

    user: str
    receipt: Mapping[str, Any] | None
    seconds: float


class Rush:
    """The learners of one assignment; `address` is that of its submissions."""

    def __init__(self, address: str, tokens: Mapping[str, str], content: Mapping[str, Any]) -> None:
        self._address, self._tokens, self._content = address, tokens, content

    async def hand_in(self, mark: str, seconds: float, moments: Mapping[float, Callable[[], None]]) -> Sequence[Handed]:
        """Let all hand in, evenly over so many seconds; at each of the `moments`, a share of them, something happens.

        `mark` makes every file another one than that of the last time.
        """
        limits = httpx.Limits(max_connections=200, max_keepalive_connections=50)
        async with httpx.AsyncClient(timeout=60, limits=limits) as http:
            work: list[asyncio.Task[Handed]] = []
            happening: list[asyncio.Task[None]] = []
            for number, user in enumerate(self._tokens):
                for moment in [one for one in moments if round(one * len(self._tokens)) == number]:
                    happening.append(asyncio.create_task(asyncio.to_thread(moments[moment])))
                work.append(asyncio.create_task(self._one(http, user, f"{mark} {user}")))
                await asyncio.sleep(seconds / len(self._tokens))
            await asyncio.gather(*happening)
            return await asyncio.gather(*work)

    async def _one(self, http: httpx.AsyncClient, user: str, mark: str) -> Handed:
        """Hand in until there is a receipt, as somebody does who has none."""
        body = json.dumps({**self._content, "metadata": {"of": mark}}).encode()
        headers = {"Authorization": f"token {self._tokens[user]}"}
        begin = time.monotonic()
        while time.monotonic() - begin < GIVE_UP:
            try:
                answer = await http.post(self._address, content=body, headers=headers)
                if answer.status_code in (200, 201):
                    return Handed(user, answer.json(), time.monotonic() - begin)
            except (httpx.HTTPError, ValueError):
                pass
            await asyncio.sleep(AGAIN)
        return Handed(user, None, time.monotonic() - begin)


class Verdict(NamedTuple):
    """Of what was handed in: how many have a receipt, how many full marks, how many of those with a receipt nothing."""

    receipted: int
    graded: int
    lost: int


def judge(handed: Sequence[Handed], recorded: Sequence[Mapping[str, Any]], points: float) -> Verdict:
    """Hold receipts against what the service has on record: number, user and sha256 have to be the same."""
    known = {one["id"]: one for one in recorded}
    receipts = [one.receipt for one in handed if one.receipt is not None]
    right = [one for one in receipts if graded(known.get(one["id"]), one, points)]
    return Verdict(len(receipts), len(right), len(receipts) - len(right))


def graded(found: Mapping[str, Any] | None, receipt: Mapping[str, Any], points: float) -> bool:
    """Whether a receipt's submission is on record as it was handed in, with full marks."""
    if found is None or any(found[key] != receipt[key] for key in ("user", "sha256")) or found["mark"] is None:
        return False
    return sum(cell["score"] or 0 for cell in found["mark"]["cells"]) == points
