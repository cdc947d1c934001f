"""Running totals of play, counted from the store itself.

Counters in a process start from zero with it and differ from worker to worker; these do neither, because they are
sums over the rounds in the store. A sum over everything would take longer with each round, so it is kept in two parts:
totals up to a watermark (the id of a round), which are added up once, and the rounds after it, which are read again at
each question. The watermark moves only to rounds that this process has seen for a while: on PostgreSQL a transaction
may commit after another one that took a higher id, and would be missed by a watermark that had passed it. What counts
in a total hangs on columns that never change once a round is stored, or once a game is finished.
"""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection, Engine, Select, func, select
from sqlalchemy.exc import DBAPIError

from rps_core.errors import StoreError
from rps_core.scoring import TARGET_POINTS, TARGET_TOLERANCE_POINTS
from rps_core.store.analytics.filters import GameFilter, counted, number_of
from rps_core.store.schema import events, games, predictions

# A transaction that writes rounds has committed this long after it took its first id.
SETTLE_AFTER = timedelta(seconds=60)
# Rounds that are added up in one read transaction: about a second, so that the write-ahead log can be emptied between.
ROUNDS_AT_A_TIME = 100_000
# Rounds at the end of the store among which the youngest are looked for at the start.
YOUNGEST_ROUNDS = 50_000
RECENT = timedelta(days=8)
RETRY_SECONDS = 5.0

_LOG = logging.getLogger(__name__)


class RoundKey(NamedTuple):
    """What rounds are told apart by; `result` is the user's, `bot_move` the move the bot chose."""

    policy: str
    family: str
    alias: str
    player_kind: str
    easy_mode: bool
    probability_source: str
    result: str
    bot_move: str


class GameKey(NamedTuple):
    """What finished games are told apart by; `winner` is user, bot or tie."""

    policy: str
    family: str
    alias: str
    version: str
    player_kind: str
    easy_mode: bool
    model_switched: bool
    winner: str


class PredictionKey(NamedTuple):
    """What predictions are told apart by: the slot that made them, and for whom."""

    family: str
    alias: str
    player_kind: str
    correct: bool


class StartKey(NamedTuple):
    """What begun games are told apart by: the slot that was drawn for them."""

    family: str
    alias: str


class Totals(NamedTuple):
    """Numbers of rounds, begun games, finished games and predictions.

    A game has begun with its first round; `minutes` are rounds by minute over the last eight days.
    """

    rounds: Counter[RoundKey]
    started: Counter[StartKey]
    games: Counter[GameKey]
    predictions: Counter[PredictionKey]
    minutes: Counter[str]

    def plus(self, other: "Totals") -> "Totals":
        """Return the sum, number by number."""
        return Totals(
            self.rounds + other.rounds,
            self.started + other.started,
            self.games + other.games,
            self.predictions + other.predictions,
            self.minutes + other.minutes,
        )

    def rounds_since(self, moment: datetime) -> int:
        """Return how many rounds were played since a moment of the last week, to the minute."""
        first = _minute(moment)
        return sum(rounds for minute, rounds in self.minutes.items() if minute >= first)


NOTHING = Totals(Counter(), Counter(), Counter(), Counter(), Counter())


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
        self._settled = NOTHING
        self._watermark = 0
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
        return self._watermark

    def start(self) -> None:
        """Begin adding up the store in the background; after `close` it goes on where it stopped."""
        if self.ready or (self._thread is not None and self._thread.is_alive()):
            return
        self._closed.clear()
        self._thread = threading.Thread(target=self._count_all, name="tallies", daemon=True)
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
        if not self._ready.wait(wait_seconds):
            raise TalliesNotReady("the rounds in the store are still being added up; ask again in a few seconds")
        with self._lock:
            if self._answer is None or monotonic() - self._answer[1] >= self._max_age_seconds:
                self._answer = (self._read(), monotonic())
            return self._answer[0]

    def _read(self) -> Totals:
        try:
            with self._engine.connect() as connection:
                self._settle(connection)
                return self._settled.plus(self._count(connection, self._watermark, _last_id(connection)))
        except DBAPIError as error:
            raise StoreError(f"the totals cannot be read from the gameplay database: {error.orig}") from error

    def _settle(self, connection: Connection) -> None:
        """Move the watermark to the round that was the last one `settle_after` ago, then look which one is now."""
        seen, at = self._seen
        if monotonic() - at < self._settle_after.total_seconds():
            return
        if seen > self._watermark:
            self._add(self._count(connection, self._watermark, seen), seen)
        self._seen = (_last_id(connection), monotonic())

    def _add(self, counted_rounds: Totals, watermark: int) -> None:
        totals = self._settled.plus(counted_rounds)
        first = _minute(self._clock() - RECENT)
        minutes = Counter({minute: rounds for minute, rounds in totals.minutes.items() if minute >= first})
        self._settled, self._watermark = totals._replace(minutes=minutes), watermark

    def _count_all(self) -> None:
        """Add up the store as it is, in portions; a store that cannot be read is asked again."""
        while not self._closed.is_set() and not self.ready:
            try:
                with self._engine.connect() as connection:
                    until = _last_id_before(connection, self._clock() - self._settle_after)
                self._count_portions(until)
            except DBAPIError as error:
                _LOG.warning("the rounds in the store cannot be added up yet: %s", error.orig)
                self._closed.wait(RETRY_SECONDS)

    def _count_portions(self, until: int) -> None:
        while self._watermark < until and not self._closed.is_set():
            end = min(self._watermark + ROUNDS_AT_A_TIME, until)
            with self._engine.connect() as connection:
                self._add(self._count(connection, self._watermark, end), end)
        if self._watermark >= until:
            self._seen = (until, monotonic())
            self._ready.set()

    def _count(self, connection: Connection, after: int, until: int) -> Totals:
        """Count the rounds with an id above `after`, up to `until`."""
        if until <= after:
            return NOTHING
        # With one bound alone SQLite goes through all games instead of the few rounds.
        chosen = [events.c.id > after, events.c.id <= until, *counted(self._filters)]
        minute = func.substr(events.c.ts, 1, 16)
        recent = select(minute, func.count()).where(events.c.ts >= self._clock() - RECENT).group_by(minute)
        return Totals(
            _counted(RoundKey, connection.execute(_select_rounds().where(*chosen))),
            _counted(StartKey, connection.execute(_select_started_games().where(*chosen))),
            _counted(GameKey, connection.execute(_select_finished_games().where(*chosen))),
            _counted(PredictionKey, connection.execute(_select_predictions().where(*chosen))),
            Counter(
                {row[0]: row[1] for row in connection.execute(recent.select_from(events.join(games)).where(*chosen))}
            ),
        )


_Key = TypeVar("_Key", RoundKey, StartKey, GameKey, PredictionKey)


def _counted(kind: type[_Key], rows: Iterable[Any]) -> Counter[_Key]:
    return Counter({kind(*row[:-1]): row[-1] for row in rows})


def _minute(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="minutes")[:16]


def _last_id(connection: Connection) -> int:
    return connection.scalar(select(func.max(events.c.id))) or 0


def _last_id_before(connection: Connection, moment: datetime) -> int:
    """Return the id below which every round is older than `moment`, as far as its time tells."""
    last = _last_id(connection)
    young = select(func.min(events.c.id)).where(events.c.id > last - YOUNGEST_ROUNDS, events.c.ts > moment)
    first_young = connection.scalar(young)
    return last if first_young is None else first_young - 1


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


def _select_predictions() -> Select[Any]:
    made_in = (predictions.c.game_id == events.c.game_id) & (predictions.c.step_no == events.c.step_no)
    columns = (predictions.c.model_type, predictions.c.alias, games.c.player_kind, predictions.c.correct)
    return select(*columns, func.count()).select_from(events.join(games).join(predictions, made_in)).group_by(*columns)
