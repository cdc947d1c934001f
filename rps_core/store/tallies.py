"""Running totals of play, counted from the store itself.

Counters in a process start from zero with it and differ from worker to worker; these do neither, because they are
sums over the rounds in the store. A sum over everything would take longer with each round, so it is kept in two parts:
totals up to a watermark (the id of a round), which are added up once and kept in the store, and the rounds after it,
which are read again at each question. The watermark moves only to rounds that this process has seen for a while: on
PostgreSQL a transaction may commit after another one that took a higher id, and would be missed by a watermark that had
passed it. What counts in a total hangs on columns that never change once a round is stored, or once a game is finished.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any

from sqlalchemy import Connection, Engine, Select, func, select
from sqlalchemy.exc import SQLAlchemyError

from rps_core.errors import StoreError
from rps_core.game.scoring import TARGET_POINTS, TARGET_TOLERANCE_POINTS
from rps_core.store.analytics.filters import GameFilter, counted, number_of
from rps_core.store.analytics.versions import predicted_between, select_predictions
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

# A transaction that writes rounds has committed this long after it took its first id.
SETTLE_AFTER = timedelta(seconds=60)
# Rounds that are added up in one read transaction: about a second, so that the write-ahead log can be emptied between.
ROUNDS_AT_A_TIME = 100_000
# Rounds at the end of the store among which the youngest are looked for at the start.
YOUNGEST_ROUNDS = 50_000
RECENT = timedelta(days=8)
RETRY_SECONDS = 5.0
# So many rounds further the settled totals are written again: what is not settled is read at each question.
SAVE_AFTER_ROUNDS = 1_000
# How often the store is looked at in the background, at most.
PAUSE_SECONDS = 1.0

_LOG = logging.getLogger(__name__)


class TalliesNotReady(StoreError):
    """The store is still being added up, once at the start of each process."""


class Tallies:
    """The running totals of one process; safe to share between threads.

    Args:
        engine: the gameplay store.
        since: games created earlier do not count.
        clock: tells the time in UTC.
        max_age_seconds: how old an answer may be.
        settle_after: how long this process must have seen a round before it is added to the settled totals.
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
        """Whether the store has been added up."""
        return self._ready.is_set()

    @property
    def watermark(self) -> int:
        """Id of the last round in the settled totals."""
        return self._settled.watermark

    def start(self) -> None:
        """Begin adding up the store in the background, where another process stopped or this one did before `close`.

        The background thread then keeps the settled totals young, also while nobody asks.
        """
        if self._thread is not None and self._thread.is_alive():
            return
        self._closed.clear()
        self._thread = threading.Thread(target=self._run, name="tallies", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Stop adding up, and wait until that has stopped: a second at most."""
        self._closed.set()
        if self._thread is not None:
            self._thread.join()

    def read(self, *, wait_seconds: float = 0.0) -> Totals:
        """Return the totals of this moment, or of a moment at most `max_age_seconds` ago.

        Raises:
            TalliesNotReady: the store is still being added up, also after `wait_seconds`.
            StoreError: the store cannot be read.
        """
        self._ready.wait(wait_seconds)
        with self._lock:
            # Asked with the lock held: the totals may have been voided since.
            if not self.ready:
                raise TalliesNotReady("the rounds in the store are still being added up; ask again in a few seconds")
            if self._answer is None or monotonic() - self._answer[1] >= self._max_age_seconds:
                self._answer = (self._read(), monotonic())
            return self._answer[0]

    def _read(self) -> Totals:
        try:
            with self._engine.connect() as connection:
                self._settle(connection)
                watermark = self._settled.watermark
                return self._settled.totals.plus(self._count(connection, watermark, _last_id(connection)))
        except SQLAlchemyError as error:
            raise StoreError(f"the totals cannot be read from the gameplay database: {_said(error)}") from error

    def _settle(self, connection: Connection) -> None:
        """Move the watermark to the round that was the last one `settle_after` ago, then look which one is now."""
        seen, at = self._seen
        if monotonic() - at < self._settle_after.total_seconds():
            return
        if seen > self._settled.watermark:
            self._add(self._count(connection, self._settled.watermark, seen), seen)
        self._seen = (_last_id(connection), monotonic())

    def _add(self, counted_rounds: Totals, watermark: int) -> None:
        totals = self._settled.totals.plus(counted_rounds)
        first = minute_of(self._clock() - RECENT)
        minutes = Counter({minute: rounds for minute, rounds in totals.minutes.items() if minute >= first})
        self._settled = Settled(self._settled.counting, watermark, totals._replace(minutes=minutes))

    def _run(self) -> None:
        """Add up the store as it is, then keep the settled totals young; a store that cannot be read is asked again."""
        while not self._closed.is_set():
            pause = max(PAUSE_SECONDS, self._settle_after.total_seconds())
            try:
                if self.ready:
                    self._keep()
                else:
                    self._count_all()
            except SQLAlchemyError as error:
                # Also where no connection is free: this thread ends for nothing, for nobody would start it again.
                _LOG.warning("the rounds in the store cannot be added up: %s", _said(error))
                pause = RETRY_SECONDS
            self._closed.wait(pause)

    def _keep(self) -> None:
        """Settle and write what is settled; begin anew where somebody voided the totals in the store."""
        if self._kept.counting() != self._settled.counting:
            self._ready.clear()
            self._count_all()
            return
        with self._lock, self._engine.connect() as connection:
            self._settle(connection)
        self._save()

    def _count_all(self) -> None:
        """Take over what is settled, and add up the rest in portions."""
        settled = self._kept.load()
        with self._lock:
            self._settled, self._saved, self._answer = settled, settled.watermark, None
        with self._engine.connect() as connection:
            until = _last_id_before(connection, self._clock() - self._settle_after)
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
        """Count the rounds with an id above `after`, up to `until`."""
        if until <= after:
            return NOTHING
        # With one bound alone SQLite goes through all games instead of the few rounds.
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
        """Count predictions by slot in the window, and by version at any time, in one look at them."""
        by_slot: Counter[PredictionKey] = Counter()
        by_version: Counter[VersionKey] = Counter()
        query = select_predictions(self._filters.since).where(*predicted_between(after, until))
        for family, version, run_id, kind, correct, alias, in_window, number in connection.execute(query):
            by_version[VersionKey(family, version, run_id, kind, bool(correct))] += number
            if in_window:
                by_slot[PredictionKey(family, alias, kind, bool(correct))] += number
        return by_slot, by_version


def _said(error: SQLAlchemyError) -> object:
    """Return what the driver said, without the statement; a timeout of the pool comes from no driver."""
    return getattr(error, "orig", None) or error


def _last_id(connection: Connection) -> int:
    return connection.scalar(select(func.max(events.c.id))) or 0


def _last_id_before(connection: Connection, moment: datetime) -> int:
    """Return the id below which every round is older than `moment`, as far as its time tells."""
    last = _last_id(connection)
    young = select(func.min(events.c.id)).where(events.c.id > last - YOUNGEST_ROUNDS, events.c.ts > moment)
    first_young = connection.scalar(young)
    if first_young is None:
        return last
    # Not the id before it: that one may belong to a transaction that is yet to commit.
    return connection.scalar(select(func.max(events.c.id)).where(events.c.id < first_young)) or 0


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
    """Select games by the round that finished them: the one that brought a score to the target."""
    target = TARGET_POINTS - TARGET_TOLERANCE_POINTS
    user, bot = events.c.user_score, events.c.bot_score
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
    return (
        select(*columns, func.count())
        .select_from(events.join(games))
        .where(
            (user >= target) | (bot >= target),
            # The original let finished games go on, so an imported game may hold rounds after its end.
            user - events.c.user_delta < target,
            bot - events.c.bot_delta < target,
            games.c.winner.is_not(None),
        )
        .group_by(*columns)
    )
