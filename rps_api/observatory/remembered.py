"""An answer that is worked out now and then, and shared by everybody who asks between."""

from collections.abc import Callable
from threading import Lock
from time import monotonic
from typing import Generic, TypeVar

_Answer = TypeVar("_Answer")


class Remembered(Generic[_Answer]):
    """Works out an answer at most every `seconds`, and at most a twentieth of the time; safe to share between threads.

    The second rule is for questions that grow with the store: one that takes half a second is asked every ten. Whoever
    comes while it is worked out waits for it. An error is not remembered, and reaches the one who asked.
    """

    BUSY_SHARE = 0.05

    def __init__(
        self, work_out: Callable[[], _Answer], seconds: float, *, now: Callable[[], float] = monotonic
    ) -> None:
        self._work_out = work_out
        self._seconds = seconds
        self._now = now
        self._lock = Lock()
        self._answer: _Answer | None = None
        self._good_until = float("-inf")

    def read(self) -> _Answer:
        """Return the answer."""
        with self._lock:
            started = self._now()
            if self._answer is None or started >= self._good_until:
                self._answer = self._work_out()
                finished = self._now()
                self._good_until = finished + max(self._seconds, (finished - started) / self.BUSY_SHARE)
            return self._answer
