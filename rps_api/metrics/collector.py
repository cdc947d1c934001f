"""The Prometheus collector of the series that come from the gameplay store.

The original counted in the process: its counters restarted at zero, differed between workers, and promotions were
decided on them. These series are read from the store, so every worker reports the same values after every restart.
`docs/metrics.md` lists the original's series that this API does not have, with the reasons.
"""

import logging
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from functools import partial
from threading import Lock

from cachetools import TTLCache
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Engine
from sqlalchemy.exc import SQLAlchemyError

from rps_api.metrics.samples import Samples, drift_samples, gameplay_samples, promotion_samples
from rps_api.metrics.series import GAMEPLAY_SERIES
from rps_core.errors import StoreError
from rps_core.game.families import FAMILIES
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.store.analytics.activity import active_games
from rps_core.store.analytics.promotions import promotion_totals
from rps_core.store.ledger import PromotionLedger
from rps_core.store.reports import DATA_DRIFT_REPORT, Reports
from rps_core.store.tallies import Tallies, TalliesNotReady

_LOG = logging.getLogger(__name__)


class GameplayCollector(Collector):
    """Reads the series from the store at each scrape.

    Until the totals are ready, a scrape gets everything except the counters: a counter that starts at 0 and then jumps
    would look like a flood of games.

    Args:
        engine: the gameplay store.
        tallies: the running totals, started by the caller.
        clock: the current time in UTC.
        max_age_seconds: maximum age of the samples of a scrape.
        wait_seconds: maximum time that a scrape waits for the totals.
    """

    def __init__(
        self,
        engine: Engine,
        tallies: Tallies,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        max_age_seconds: float = 1.0,
        wait_seconds: float = 1.0,
    ) -> None:
        self._engine = engine
        self._ledger = PromotionLedger(engine)
        self._reports = Reports(engine)
        self._clock = clock
        self._wait_seconds = wait_seconds
        self._scraped: TTLCache[str, list[Metric]] = TTLCache(maxsize=1, ttl=max_age_seconds)
        self._lock = Lock()
        self._tallies = tallies

    def describe(self) -> Iterable[Metric]:
        """Return the series without samples, so that registering the collector reads nothing."""
        return [series.family() for series in GAMEPLAY_SERIES]

    def collect(self) -> Iterable[Metric]:
        """Return the series; simultaneous scrapes share one read of the store."""
        with self._lock:
            scraped = self._scraped.get("metrics")
            if scraped is None:
                scraped = self._scraped["metrics"] = _metrics(self._samples())
            return scraped

    def _samples(self) -> Samples:
        try:
            samples = self._store_samples()
        except (SQLAlchemyError, StoreError) as error:
            # The series of the process must stay visible when the store fails.
            _LOG.error("a scrape cannot read the gameplay store: %s", error)
            return {"rps_store_up": {(): 0.0}}
        return samples | {"rps_store_up": {(): 1.0}}

    def _store_samples(self) -> Samples:
        with self._engine.connect() as connection:
            samples: Samples = {"rps_active_games": {(): float(active_games(connection, self._clock()))}}
            totals = promotion_totals(connection)
        decisions: dict[str, LedgerEntry] = {
            family: found for family in FAMILIES if (found := self._ledger.newest_decision(family))
        }
        samples |= promotion_samples(totals, self._newest_entries(), self._newest_entries(tested=True), decisions)
        drift = self._reports.read(DATA_DRIFT_REPORT)
        samples |= drift_samples(drift.payload if drift else None)
        try:
            play = gameplay_samples(self._tallies.read(wait_seconds=self._wait_seconds))
        except TalliesNotReady:
            return samples | {"rps_tallies_ready": {(): 0.0}}
        return samples | play | {"rps_tallies_ready": {(): 1.0}}

    def _newest_entries(self, *, tested: bool = False) -> dict[str, LedgerEntry]:
        history = partial(self._ledger.history, limit=1, tested=tested)
        return {family: entry for family in FAMILIES for entry in history(family=family)}


def _metrics(samples: Samples) -> list[Metric]:
    metrics: list[Metric] = []
    for series in GAMEPLAY_SERIES:
        family = series.family()
        for labels, value in samples.get(series.name, {}).items():
            family.add_metric(labels, value)
        metrics.append(family)
    return metrics
