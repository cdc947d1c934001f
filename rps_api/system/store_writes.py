"""Whether what is played can be stored, learned from the writes themselves.

A full disk, a lock that somebody holds, a file that became read-only: the store still answers questions, and only a
write finds out. A write of our own that asks would not be an answer: on a full disk small ones may still fit.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from threading import Lock
from typing import NamedTuple, TypeVar

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import DataError, DBAPIError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from rps_core.store.faults import FAULT_KINDS, FaultKind, fault_kind

T = TypeVar("T")
# Who keeps players away from a replica that is not ready would never learn that it could write again: after so long
# without another try it is ready, and only degraded.
NOT_READY_SECONDS = 10.0
MEANINGS: dict[FaultKind, str] = {
    "full": "its disk is full",
    "locked": "something else holds its lock",
    "read_only": "it is read-only",
    "corrupt": "it is damaged",
    "unreachable": "it cannot be reached",
    "other": "it refuses",
}
# What a connection was opened on is gone; only new ones see that it is back.
_OPEN_AGAIN: frozenset[FaultKind] = frozenset({"read_only", "corrupt", "unreachable"})


class FailedWrite(NamedTuple):
    """The newest write, where it failed; `at` is a moment of `time.monotonic`."""

    kind: FaultKind
    at: float

    def sentence(self, now: float) -> str:
        """Say what is wrong and since when that is known."""
        return f"the last round could not be stored {now - self.at:.0f} s ago: {MEANINGS[self.kind]}"


class StoreWrites(Collector):
    """Watches the writes of one process; safe to share between threads."""

    def __init__(self, engine: Engine, now: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._now = now
        self._failures: dict[FaultKind, int] = dict.fromkeys(FAULT_KINDS, 0)
        self._failed: FailedWrite | None = None
        self._lock = Lock()

    def watching(self, write: Callable[[Sequence[T]], None]) -> Callable[[Sequence[T]], None]:
        """Return `write`, watched; conflicts between players, and values of theirs, are no faults of the store."""

        def watched(batch: Sequence[T]) -> None:
            try:
                write(batch)
            except DataError:
                raise
            except (DBAPIError, PoolTimeout) as error:
                self._note(FailedWrite(fault_kind(error), self._now()))
                raise
            self._failed = None

        return watched

    def fault(self) -> str | None:
        """Return why nothing can be stored, where the last write failed a moment ago."""
        failed = self._failed
        recent = failed is not None and self._now() - failed.at <= NOT_READY_SECONDS
        return failed.sentence(self._now()) if failed is not None and recent else None

    def degradation(self) -> str | None:
        """Return why the last write failed, where that is a while ago and nobody has tried since."""
        failed = self._failed
        return None if failed is None or self.fault() else failed.sentence(self._now())

    def collect(self) -> Iterable[Metric]:
        """Yield the series."""
        writable = GaugeMetricFamily("rps_store_writable", "0 while the newest write to the gameplay store failed.")
        writable.add_metric([], 0.0 if self._failed else 1.0)
        failures = CounterMetricFamily(
            "rps_store_write_failures", "Writes that the gameplay store refused, by reason.", labels=["reason"]
        )
        for kind, number in self._failures.items():
            failures.add_metric([kind], number)
        yield from (writable, failures)

    def _note(self, failed: FailedWrite) -> None:
        with self._lock:
            self._failures[failed.kind] += 1
        self._failed = failed
        if failed.kind in _OPEN_AGAIN:
            self._engine.dispose()
