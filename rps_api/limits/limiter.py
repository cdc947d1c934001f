"""A rate limit a client, in one number a client and bounded memory.

The generic cell rate algorithm (ITU-T I.371): a client's "due time" moves on by one interval a request; a request is
early if it is due later than a full burst from now. The framework's own limiter keeps every request of every client in
a store that only shrinks when somebody asks, and has one limit for all its routes.
"""

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Self

from rps_core.settings import HttpSettings

SECONDS_A_MINUTE = 60.0
# A hundred bytes each. Whoever has more addresses than this gets past any limit by address.
MAX_CLIENTS = 10_000


class RateLimiter:
    """Allows each client `per_minute` requests a minute, and as many at once after a pause.

    Runs inside the event loop alone, so it needs no lock. The client that was heard of longest ago is forgotten when
    there are too many, which only ever forgives.
    """

    def __init__(
        self, per_minute: int, *, max_clients: int = MAX_CLIENTS, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval_seconds = SECONDS_A_MINUTE / per_minute if per_minute > 0 else 0.0
        self._max_clients = max_clients
        self._now = now
        self._due: OrderedDict[str, float] = OrderedDict()

    def seconds_to_wait(self, client: str) -> float:
        """Count a request and return 0, or return in how many seconds it would be allowed and count nothing."""
        if not self._interval_seconds:
            return 0.0
        now = self._now()
        due = max(self._due.get(client, now), now) + self._interval_seconds
        early = due - now - SECONDS_A_MINUTE
        # A hair of tolerance: sums of intervals are not exactly a minute.
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
        """Return the limits that `http` asks for; 0 is no limit."""
        return cls(RateLimiter(http.starts_per_minute), RateLimiter(http.plays_per_minute))
