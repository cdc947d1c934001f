"""Whether rounds can be stored, observed from the writes of the game itself.

With a full disk, a held lock or a read-only file, the store still answers queries and only writes fail. A small test
write would prove nothing: on a full disk it may still fit.
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
# A load balancer sends no rounds to a replica that is not ready, so the replica could never see a write succeed.
# After this time without another write it reports ready, but degraded.
NOT_READY_SECONDS = 10.0
MEANINGS: dict[FaultKind, str] = {
    "full": "its disk is full",
    "locked": "something else holds its lock",
    "read_only": "it is read-only",
    "corrupt": "it is damaged",
    "unreachable": "it cannot be reached",
    "other": "it rejects writes",
}
# After these faults, only new connections see that the store works again.
_RECONNECT_AFTER: frozenset[FaultKind] = frozenset({"read_only", "corrupt", "unreachable"})


class FailedWrite(NamedTuple):
    """The newest write, if it failed; `at` is a time of `time.monotonic`."""

    kind: FaultKind
    at: float

    def sentence(self, now: float) -> str:
        """Return what is wrong, and since when."""
        return f"the last round could not be stored {now - self.at:.0f} s ago: {MEANINGS[self.kind]}"


class StoreWrites(Collector):
    """Watches the writes of one process. Thread-safe."""

    def __init__(self, engine: Engine, now: Callable[[], float] = time.monotonic) -> None:
        self._engine = engine
        self._now = now
        self._failures: dict[FaultKind, int] = dict.fromkeys(FAULT_KINDS, 0)
        self._failed: FailedWrite | None = None
        self._lock = Lock()

    def watching(self, write: Callable[[Sequence[T]], None]) -> Callable[[Sequence[T]], None]:
        """Return `write` with its faults recorded. Conflicts and invalid values are not faults of the store."""

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
        """Return why rounds cannot be stored, if the last write failed a moment ago."""
        failed = self._failed
        recent = failed is not None and self._now() - failed.at <= NOT_READY_SECONDS
        return failed.sentence(self._now()) if failed is not None and recent else None

    def degradation(self) -> str | None:
        """Return why the last write failed, if that was longer ago and no write followed."""
        failed = self._failed
        return None if failed is None or self.fault() else failed.sentence(self._now())

    def collect(self) -> Iterable[Metric]:
        """Yield the series."""
        writable = GaugeMetricFamily(
            "rps_store_writable", "0 if the newest write to the gameplay store failed, otherwise 1."
        )
        writable.add_metric([], 0.0 if self._failed else 1.0)
        failures = CounterMetricFamily(
            "rps_store_write_failures", "Failed writes to the gameplay store, by reason.", labels=["reason"]
        )
        for kind, number in self._failures.items():
            failures.add_metric([kind], number)
        yield from (writable, failures)

    def _note(self, failed: FailedWrite) -> None:
        with self._lock:
            self._failures[failed.kind] += 1
        self._failed = failed
        if failed.kind in _RECONNECT_AFTER:
            self._engine.dispose()
