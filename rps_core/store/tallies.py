"""Running totals of play, counted from the store.

Counters in a process would restart from zero and differ between workers. These totals are sums over the rounds in the
store, so they do neither. They have two parts, because a sum over all rounds would take longer with each round:

- Settled totals up to a watermark (the id of a round), counted once and kept in the store.
- The rounds after the watermark, counted again for each answer.

The watermark moves only to rounds that this process has seen for a while. On PostgreSQL a transaction may commit after
another one that took a higher id, and a watermark beyond its id would miss it. The totals depend only on columns that
never change once a round is stored, or once a game is finished.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import ColumnElement, Connection, Engine, Select, case, func, select
from sqlalchemy.exc import SQLAlchemyError

from rps_core.errors import StoreError
from rps_core.game.scoring import TARGET_POINTS, TARGET_TOLERANCE_POINTS
from rps_core.store.analytics.filters import GameFilter, counted, number_of
from rps_core.store.analytics.made import by_version, made_predictions
from rps_core.store.analytics.versions import predicted_between
from rps_core.store.counting import counts_for_statistics
from rps_core.store.schema import events, games
from rps_core.store.settled_totals import Settled, SettledTotals
from rps_core.store.totals import (
    NOTHING,
    GameKey,
    PredictionKey,
    RoundKey,
    StartKey,
    Totals,
    VersionKey,
    counter_of,
    minute_of,
)

# A transaction that writes rounds commits within this time after it took its first id.
SETTLE_AFTER = timedelta(seconds=60)
# Rounds counted in one read transaction. It takes about a second, and SQLite can then empty its write-ahead log.
ROUNDS_AT_A_TIME = 100_000
# Number of newest rounds that are searched, at the start, for those too young to be settled.
YOUNGEST_ROUNDS = 50_000
RECENT = timedelta(days=8)
RETRY_SECONDS = 5.0
# Settled totals are saved after this many rounds.
SAVE_AFTER_ROUNDS = 1_000
# Shortest pause of the background thread between two looks at the store.
PAUSE_SECONDS = 1.0

_LOG = logging.getLogger(__name__)


class TalliesNotReady(StoreError):
    """The rounds are still being counted, as at the start of each process."""


class Tallies:
    """The running totals of one process; safe to share between threads.

    Args:
        engine: the gameplay store.
        since: games created earlier do not count.
        clock: returns the time in UTC.
        max_age_seconds: highest age of an answer.
        settle_after: how long this process must have seen a round before the settled totals include it.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        since: datetime,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        max_age_seconds: float = 1.0,
        settle_after: timedelta = SETTLE_AFTER,
    ) -> None:
        self._engine = engine
        self._filters = GameFilter(since)
        self._clock = clock
        self._max_age_seconds = max_age_seconds
        self._settle_after = settle_after
        self._kept = SettledTotals(engine, since)
        self._settled = Settled("", 0, NOTHING)
        self._saved = 0
        self._seen = (0, monotonic())
        self._answer: tuple[Totals, float] | None = None
        self._lock = threading.Lock()
        self._ready, self._closed = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def ready(self) -> bool:
        """Whether all rounds in the store are counted."""
        return self._ready.is_set()

    @property
    def watermark(self) -> int:
        """Id of the last round in the settled totals."""
        return self._settled.watermark

    def start(self) -> None:
        """Start to count in the background, from the settled totals in the store.

        The thread then keeps the settled totals up to date, even if nobody calls `read`.
        """
        if self._thread is not None and self._thread.is_alive():
            return
        self._closed.clear()
        self._thread = threading.Thread(target=self._run, name="tallies", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop the background thread and wait for its end, which takes a second at most."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def read(self, *, wait_seconds: float = 0.0) -> Totals:
        """Return the current totals, at most `max_age_seconds` old.

        Raises:
            TalliesNotReady: the rounds are still being counted after `wait_seconds`.
            StoreError: the store cannot be read.
        """
        self._ready.wait(wait_seconds)
        with self._lock:
            # Checked under the lock, because the totals may have been invalidated during the wait.
            if not self.ready:
                raise TalliesNotReady("the rounds in the store are still being counted; try again in a few seconds")
            if self._answer is None or monotonic() - self._answer[1] >= self._max_age_seconds:
                self._answer = (self._read(), monotonic())
            return self._answer[0]

    def _read(self) -> Totals:
        try:
            with self._engine.connect() as connection:
                self._settle(connection)
                watermark = self._settled.watermark
                return self._settled.totals.plus(self._count(connection, watermark, last_round_id(connection)))
        except SQLAlchemyError as error:
            raise StoreError(f"the totals cannot be read from the gameplay database: {_cause(error)}") from error

    def _settle(self, connection: Connection) -> None:
        """Move the watermark to the round that was newest `settle_after` ago, then note the newest round."""
        seen, at = self._seen
        if monotonic() - at < self._settle_after.total_seconds():
            return
        if seen > self._settled.watermark:
            self._add(self._count(connection, self._settled.watermark, seen), seen)
        self._seen = (last_round_id(connection), monotonic())

    def _add(self, counted_rounds: Totals, watermark: int) -> None:
        totals = self._settled.totals.plus(counted_rounds)
        first = minute_of(self._clock() - RECENT)
        minutes = Counter({minute: rounds for minute, rounds in totals.minutes.items() if minute >= first})
        self._settled = Settled(self._settled.counting, watermark, totals._replace(minutes=minutes))

    def _run(self) -> None:
        """Count the store, then keep the settled totals up to date; retry while the store cannot be read."""
        while not self._closed.is_set():
            pause = max(PAUSE_SECONDS, self._settle_after.total_seconds())
            try:
                if self.ready:
                    self._keep()
                else:
                    self._count_all()
            except SQLAlchemyError as error:
                # Includes a pool without a free connection. Nobody would restart this thread, so no error ends it.
                _LOG.warning("the rounds in the store cannot be counted: %s", _cause(error))
                pause = RETRY_SECONDS
            self._closed.wait(pause)

    def _keep(self) -> None:
        """Settle more rounds and save the totals; count from zero if the totals in the store were invalidated."""
        if self._kept.counting() != self._settled.counting:
            self._ready.clear()
            self._count_all()
            return
        with self._lock, self._engine.connect() as connection:
            self._settle(connection)
        self._save()

    def _count_all(self) -> None:
        """Load the settled totals, and count the other rounds in portions."""
        settled = self._kept.load()
        with self._lock:
            self._settled, self._saved, self._answer = settled, settled.watermark, None
        with self._engine.connect() as connection:
            until = last_round_id_before(connection, self._clock() - self._settle_after)
        self._count_portions(until)

    def _count_portions(self, until: int) -> None:
        while self._settled.watermark < until and not self._closed.is_set():
            after = self._settled.watermark
            end = min(after + ROUNDS_AT_A_TIME, until)
            with self._engine.connect() as connection:
                self._add(self._count(connection, after, end), end)
            self._save()
        if self._settled.watermark >= until:
            self._seen = (self._settled.watermark, monotonic())
            self._ready.set()

    def _save(self) -> None:
        settled = self._settled
        if settled.watermark - self._saved >= SAVE_AFTER_ROUNDS:
            self._kept.save(settled)
            self._saved = settled.watermark

    def _count(self, connection: Connection, after: int, until: int) -> Totals:
        """Count the rounds with ids above `after` and up to `until`."""
        if until <= after:
            return NOTHING
        # With only one bound, SQLite reads all games instead of these rounds.
        chosen = [events.c.id > after, events.c.id <= until, *counted(self._filters)]
        minute = func.substr(events.c.ts, 1, 16)
        recent = select(minute, func.count()).where(events.c.ts >= self._clock() - RECENT).group_by(minute)
        predictions, versions = self._count_predictions(connection, after, until)
        return Totals(
            counter_of(RoundKey, connection.execute(_select_rounds().where(*chosen))),
            counter_of(StartKey, connection.execute(_select_started_games().where(*chosen))),
            counter_of(GameKey, connection.execute(_select_finished_games().where(*chosen))),
            predictions,
            Counter(
                {row[0]: row[1] for row in connection.execute(recent.select_from(events.join(games)).where(*chosen))}
            ),
            versions,
        )

    def _count_predictions(
        self, connection: Connection, after: int, until: int
    ) -> tuple[Counter[PredictionKey], Counter[VersionKey]]:
        """Count predictions in one pass: by slot in the window, and by version at any time."""
        in_window = counts_for_statistics() & (games.c.created_ts_utc >= self._filters.since)
        made = made_predictions(connection, predicted_between(after, until), case((in_window, 1), else_=0))
        by_slot: Counter[PredictionKey] = Counter()
        for key, number in made.items():
            if key.in_window:
                by_slot[PredictionKey(key.model_type, key.alias, key.player_kind, key.correct)] += number
        return by_slot, by_version(made)


def _cause(error: SQLAlchemyError) -> object:
    """Return the driver's error, which lacks the statement; or the error itself, if it comes from the pool."""
    return getattr(error, "orig", None) or error


def last_round_id(connection: Connection) -> int:
    """Return the id of the newest round; 0 without rounds."""
    return connection.scalar(select(func.max(events.c.id))) or 0


def last_round_id_before(connection: Connection, moment: datetime) -> int:
    """Return the id of the newest round below all rounds that were played after `moment`."""
    last = last_round_id(connection)
    young = select(func.min(events.c.id)).where(events.c.id > last - YOUNGEST_ROUNDS, events.c.ts > moment)
    first_young = connection.scalar(young)
    if first_young is None:
        return last
    # The id just before it may belong to a transaction that has not committed yet.
    return connection.scalar(select(func.max(events.c.id)).where(events.c.id < first_young)) or 0


def ends_its_game() -> tuple[ColumnElement[bool], ...]:
    """Return the conditions for the round that finished its game: the one in which a score reached the target."""
    target = TARGET_POINTS - TARGET_TOLERANCE_POINTS
    user, bot = events.c.user_score, events.c.bot_score
    return (
        (user >= target) | (bot >= target),
        # The original let finished games continue, so an imported game may have rounds after its end.
        user - events.c.user_delta < target,
        bot - events.c.bot_delta < target,
        games.c.winner.is_not(None),
    )


def _select_rounds() -> Select[Any]:
    columns = (
        games.c.bot_policy,
        games.c.model_type,
        games.c.bot_model_alias,
        games.c.player_kind,
        games.c.easy_mode,
        events.c.probability_source,
        events.c.result,
        events.c.bot_move,
    )
    return select(*columns, func.count()).select_from(events.join(games)).group_by(*columns)


def _select_started_games() -> Select[Any]:
    columns = (games.c.model_type, games.c.bot_model_alias)
    return select(*columns, number_of(events.c.step_no == 1)).select_from(events.join(games)).group_by(*columns)


def _select_finished_games() -> Select[Any]:
    """Select games by the round that finished them."""
    columns = (
        games.c.bot_policy,
        games.c.model_type,
        games.c.bot_model_alias,
        games.c.bot_model_version,
        games.c.player_kind,
        games.c.easy_mode,
        games.c.model_switched,
        games.c.winner,
    )
    return select(*columns, func.count()).select_from(events.join(games)).where(*ends_its_game()).group_by(*columns)
