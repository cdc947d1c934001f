"""A rate limit for each client, in bounded memory and with one number for each client.

This is the generic cell rate algorithm (ITU-T I.371). Each request moves the client's due time by one interval; a
request is too early if its due time is more than a full burst from now. Litestar's limiter is not used: it stores every
request of every client, removes them only on demand, and has one limit for all routes.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from rps_core.settings import HttpSettings

SECONDS_A_MINUTE = 60.0
# A hundred bytes each. A client with more addresses than this passes any limit by address.
MAX_CLIENTS = 10_000


class RateLimiter:
    """Allows each client `per_minute` requests per minute, all of them at once after a pause.

    For use in one event loop, without a lock. When too many clients are known, the least recent one is forgotten, which
    can only allow more.
    """

    def __init__(
        self, per_minute: int, *, max_clients: int = MAX_CLIENTS, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval_seconds = SECONDS_A_MINUTE / per_minute if per_minute > 0 else 0.0
        self._max_clients = max_clients
        self._now = now
        self._due: OrderedDict[str, float] = OrderedDict()

    def seconds_to_wait(self, client: str) -> float:
        """Count a request and return 0, or return the seconds until it is allowed without counting it."""
        if not self._interval_seconds:
            return 0.0
        now = self._now()
        due = max(self._due.get(client, now), now) + self._interval_seconds
        early = due - now - SECONDS_A_MINUTE
        # A small tolerance: sums of intervals are not exactly a minute.
        if early > 1e-6:
            return early
        self._due[client] = due
        self._due.move_to_end(client)
        if len(self._due) > self._max_clients:
            self._due.popitem(last=False)
        return 0.0

    def __len__(self) -> int:
        return len(self._due)


@dataclass(frozen=True)
class RateLimits:
    """The limits of one application."""

    starts: RateLimiter
    plays: RateLimiter

    @classmethod
    def of(cls, http: HttpSettings) -> Self:
        """Return the configured limits; 0 means unlimited."""
        return cls(RateLimiter(http.starts_per_minute), RateLimiter(http.plays_per_minute))
