"""How many wrong course codes somebody may try."""

import time
from collections import defaultdict, deque

LIMIT, WINDOW = 20, 600.0


class Guesses:
    """Wrong codes per user within the last ten minutes; kept in memory, since a restart forgives nothing of worth."""

    def __init__(self) -> None:
        self._at: defaultdict[str, deque[float]] = defaultdict(deque)

    def test(self, user: str) -> bool:
        """Whether `user` may try another."""
        found = self._at[user]
        while found and found[0] < time.monotonic() - WINDOW:
            found.popleft()
        return len(found) < LIMIT

    def hit(self, user: str) -> None:
        """Note a wrong one."""
        self._at[user].append(time.monotonic())
