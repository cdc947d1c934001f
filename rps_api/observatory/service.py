"""Reads the state that the observatory shows; expensive parts are cached longer."""

import logging
from collections import Counter
from datetime import datetime, timedelta

from sqlalchemy import Engine

from rps_api.clock import Clock
from rps_api.inference.served_models import ModelSource, ServedModels
from rps_api.observatory import schemas as views
from rps_api.observatory.cached import CachedAnswer
from rps_api.observatory.views import (
    MINUTES,
    Records,
    cache_state,
    dataset_state,
    disk_use,
    family_state,
    last_minutes,
    ledger_event,
    opponent_state,
    serving_state,
    slot_contents,
    slot_state,
)
from rps_core.cache import CacheIndex
from rps_core.errors import RpsError
from rps_core.game.families import FAMILIES, SLOTS, Family
from rps_core.game.opponents import POLICIES
from rps_core.promotion.forecast import COURSE_ENTRIES
from rps_core.promotion.records import records_by_version
from rps_core.promotion.rules import PromotionRules
from rps_core.settings import PlaySettings
from rps_core.store import PromotionLedger
from rps_core.store.analytics.activity import active_games, finished_by_minute
from rps_core.store.analytics.chances import Chances, measure_chances
from rps_core.store.analytics.filters import GameFilter
from rps_core.store.analytics.versions import version_performance
from rps_core.store.promotion_standing import read_standing
from rps_core.store.reports import DISK_USE_REPORT, Reports
from rps_core.store.tallies import Tallies, TalliesNotReady
from rps_core.store.totals import NOTHING
from rps_core.structs import struct_from

STATE_SECONDS = 1.5
RECORDS_SECONDS = 5.0
CHANCES_SECONDS = 30.0
LEDGER_ENTRIES = 60

_log = logging.getLogger(__name__)


class Observatory:
    """Serves `GET /observatory/state`; all clients share one state for a second and a half."""

    def __init__(
        self,
        engine: Engine,
        play: PlaySettings,
        since: datetime,
        rules: PromotionRules,
        interval: timedelta,
        clock: Clock,
        tallies: Tallies,
        served: ServedModels,
        source: ModelSource,
    ) -> None:
        self._engine = engine
        self._play = play
        self._since = since
        self._rules = rules
        self._interval = interval
        self._clock = clock
        self._tallies = tallies
        self._served = served
        self._source = source
        self._ledger = PromotionLedger(engine)
        self._reports = Reports(engine)
        self._state = CachedAnswer(self._read_state, STATE_SECONDS)
        self._records = CachedAnswer(self._read_records, RECORDS_SECONDS)
        self._chances = CachedAnswer(self._read_chances, CHANCES_SECONDS)
        self._families = CachedAnswer(self._read_families, RECORDS_SECONDS)
        self._index = CachedAnswer(self._read_index, play.model_refresh_seconds)

    def state(self) -> views.ObservatoryState:
        """Return the current state of the loop.

        Raises:
            StoreError: the gameplay store cannot be read.
        """
        return self._state.read()

    def _read_state(self) -> views.ObservatoryState:
        snapshot, records, chances = self._served.snapshot, self._records.read(), self._chances.read()
        ledger = self._ledger.history(limit=LEDGER_ENTRIES)
        # A swap shows in slots, ledger and comparisons at once, or in none of them.
        held = frozenset((slot, model.identity) for slot, model in snapshot.slots.items())
        decided = ledger[0].id if ledger else None
        return views.ObservatoryState(
            at=self._clock(),
            since=self._since,
            activity=self._activity(),
            dataset=dataset_state(snapshot),
            slots=[slot_state(slot, snapshot, records) for slot in SLOTS],
            families=self._families.read((held, decided)),
            ledger=[ledger_event(entry) for entry in ledger],
            cache=cache_state(self._index.read(), snapshot),
            serving=serving_state(snapshot, self._served.last_source, forced_fallback=self._play.force_model_fallbacks),
            disk=disk_use(self._reports.read(DISK_USE_REPORT)),
            opponents=[opponent_state(policy, self._play.choice_rule(policy), chances) for policy in POLICIES],
            calibration=[struct_from(views.CalibrationBin, found) for found in chances.calibration],
        )

    def _activity(self) -> views.Activity:
        now = self._clock()
        try:
            totals, counted = self._tallies.read(), True
        except TalliesNotReady:
            totals, counted = NOTHING, False
        with self._engine.connect() as connection:
            active = active_games(connection, now)
            games = finished_by_minute(connection, GameFilter(self._since), now, MINUTES)
        sources = Counter[str]()
        for key, rounds in totals.rounds.items():
            sources[key.probability_source] += rounds
        return views.Activity(
            counted=counted,
            rounds_by_minute=last_minutes(totals.minutes, now),
            games_by_minute=last_minutes(games, now),
            active_games=active,
            rounds=totals.rounds.total() if counted else None,
            finished_games=totals.games.total() if counted else None,
            rounds_by_source=sources,
        )

    def _read_records(self) -> Records:
        with self._engine.connect() as connection:
            performance = version_performance(connection)
        return {family: records_by_version(performance, family, self._rules.counted_kinds) for family in FAMILIES}

    def _read_families(self) -> list[views.FamilyState]:
        return [self._family_state(family) for family in FAMILIES]

    def _family_state(self, family: Family) -> views.FamilyState:
        now, held = self._clock(), slot_contents(family, self._served.snapshot)
        newest = self._ledger.newest_decision(family)
        standing = read_standing(self._engine, family, held, newest, self._rules, now)
        since = standing.comparison.started_at if standing.comparison else now
        # The course of the comparison needs the entries since its start; the next decision the newest one.
        history = self._ledger.history(family=family, since=since, limit=COURSE_ENTRIES)
        history = history or self._ledger.history(family=family, limit=1)
        return family_state(family, standing, history, self._rules, self._interval, now)

    def _read_chances(self) -> Chances:
        with self._engine.connect() as connection:
            return measure_chances(connection, self._since)

    def _read_index(self) -> CacheIndex | None:
        """Return the cache index; None if it cannot be read or does not exist."""
        try:
            return self._source.read_index()
        except RpsError as error:
            _log.warning("the observatory cannot read the cache index: %s", error)
            return None
