"""How often somebody may try to sign in: failures are counted for each name and for each address."""

import math
import time

from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import SlidingWindowCounterRateLimiter

PER_PERSON = RateLimitItemPerMinute(5, namespace="person")
# Looser than the first, so that a stranger elsewhere cannot easily keep somebody out.
PER_NAME = RateLimitItemPerMinute(30, namespace="name")
# A class sits behind one address: enough for all of it to mistype once.
PER_ADDRESS = RateLimitItemPerMinute(60, namespace="address")


class Attempts:
    """Failed sign-ins of the last minute, in memory: a restarted hub forgets them."""

    def __init__(self) -> None:
        self._limiter = SlidingWindowCounterRateLimiter(MemoryStorage())

    def wait(self, name: str, address: str) -> int:
        """Return the seconds until `name` may try again from `address`; 0 means now."""
        spent = [limit for limit in _limits(name, address) if not self._limiter.test(*limit)]
        resets = [self._limiter.get_window_stats(*limit).reset_time for limit in spent]
        return max((math.ceil(max(1.0, reset - time.time())) for reset in resets), default=0)

    def failed(self, name: str, address: str) -> None:
        """Count one failure."""
        for limit in _limits(name, address):
            self._limiter.hit(*limit)

    def succeeded(self, name: str, address: str) -> None:
        """Forget the failures of `name` here: they were its own person's."""
        self._limiter.clear(PER_PERSON, name, address)


def _limits(name: str, address: str) -> tuple[tuple[RateLimitItem, *tuple[str, ...]], ...]:
    return (PER_PERSON, name, address), (PER_NAME, name), (PER_ADDRESS, address)
