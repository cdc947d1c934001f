"""A cached answer that everybody shares until it expires."""

from collections.abc import Callable, Hashable
from threading import Lock
from time import monotonic
from typing import Generic, NamedTuple, TypeVar

from cachetools import TLRUCache

AnswerT = TypeVar("AnswerT")


class _Timed(NamedTuple, Generic[AnswerT]):
    """An answer, and how long it took to compute."""

    answer: AnswerT
    seconds: float


class CachedAnswer(Generic[AnswerT]):
    """Computes an answer at most every `seconds`, and for at most a twentieth of the time. Thread-safe.

    The second rule protects the store from queries that grow with it: an answer that takes half a second is kept for
    ten. An answer about something that changes at once, like the models in the slots, names it when it is read: it is
    computed again as soon as that changed. Callers wait while another thread computes the answer. Errors reach the
    caller and are not cached.
    """

    BUSY_SHARE = 0.05

    def __init__(self, compute: Callable[[], AnswerT], seconds: float, *, now: Callable[[], float] = monotonic) -> None:
        self._compute = compute
        self._now = now
        self._lock = Lock()
        self._cache: TLRUCache[Hashable, _Timed[AnswerT]] = TLRUCache(
            maxsize=1, ttu=lambda _, timed, at: at + max(seconds, timed.seconds / self.BUSY_SHARE), timer=now
        )

    def read(self, about: Hashable = None) -> AnswerT:
        """Return the answer; compute it if the cached one has expired or was about something else."""
        with self._lock:
            timed = self._cache.get(about)
            if timed is None:
                started = self._now()
                answer = self._compute()
                timed = self._cache[about] = _Timed(answer, self._now() - started)
            return timed.answer
