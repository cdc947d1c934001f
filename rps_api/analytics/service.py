"""Replies of the statistics endpoints, computed from the gameplay store."""

from collections import Counter
from collections.abc import Callable, Hashable, Mapping
from datetime import datetime, timedelta
from functools import wraps
from threading import Lock
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

from cachetools import TTLCache
from msgspec.structs import replace
from sqlalchemy import Engine

from rps_api.analytics import schemas as views
from rps_api.analytics.export import public_game_id
from rps_api.clock import Clock
from rps_api.errors import InvalidRequest, NotFound
from rps_core.game.moves import MOVES
from rps_core.game.players import session_code
from rps_core.settings import PlaySettings
from rps_core.store.analytics.activity import finished_by_minute
from rps_core.store.analytics.filters import GameFilter, percent
from rps_core.store.analytics.listing import list_games
from rps_core.store.analytics.standings import bot_win_rates, leaderboard
from rps_core.store.analytics.streaks import win_streaks
from rps_core.store.analytics.summaries import (
    Results,
    game_results,
    game_score,
    player_moves,
    round_results,
    session_results,
)
from rps_core.store.tallies import Tallies
from rps_core.store.totals import Totals
from rps_core.structs import struct_from

SAMPLE_NAMES = 5
# Every open page asks for rates and streaks each minute; one read of the store serves all of them.
CACHE_SECONDS = 5.0
MAX_CACHED_ANSWERS = 64
TALLIES_WAIT_SECONDS = 2.0

_Answer = TypeVar("_Answer")
_BotResults = TypeVar("_BotResults", views.OpponentResults, views.DifficultyResults)
_P = ParamSpec("_P")


def _shared(
    method: Callable[Concatenate["Statistics", _P], _Answer],
) -> Callable[Concatenate["Statistics", _P], _Answer]:
    """Cache the answers of a method for a few seconds, and compute one at a time."""

    @wraps(method)
    def answer(self: "Statistics", /, *args: _P.args, **options: _P.kwargs) -> _Answer:
        key = (method.__name__, args, tuple(options.items()))
        with self._lock:
            found = self._answers.get(key)
            if found is None:
                found = self._answers[key] = method(self, *args, **options)
            return cast(_Answer, found)

    return answer


class Statistics:
    """Answers the statistics endpoints of one application. Thread-safe.

    Answers that read every game are cached for five seconds and computed one at a time, so many open pages query the
    database once.
    """

    def __init__(
        self,
        engine: Engine,
        play: PlaySettings,
        since: datetime,
        clock: Clock,
        tallies: Tallies,
    ) -> None:
        self.engine = engine
        self.all = GameFilter(since)
        self._ab_testing = views.AbTestingState(enabled=play.enable_ab_testing, split_ratio=play.ab_split_ratio)
        self._clock = clock
        self._tallies = tallies
        self._answers: TTLCache[Hashable, Any] = TTLCache(MAX_CACHED_ANSWERS, ttl=CACHE_SECONDS)
        self._lock = Lock()

    def activity(self) -> views.ActivityReply:
        """Return how much is played now, and by which slots."""
        totals, now = self._totals(), self._clock()
        with self.engine.connect() as connection:
            finished = finished_by_minute(connection, self.all, now, minutes=60)
        return views.ActivityReply(
            status="healthy",
            ab_testing=self._ab_testing,
            model_usage={f"{key.family}@{key.alias}": games for key, games in sorted(totals.started.items())},
            recent_activity=views.LastHour(
                moves_last_hour=totals.rounds_since(now - timedelta(hours=1)), games_last_hour=sum(finished.values())
            ),
            timestamp=now.timestamp(),
        )

    def games(self, filters: GameFilter, limit: int, *, with_sessions: bool) -> views.GamesReply:
        """Return games, newest first."""
        with self.engine.connect() as connection:
            games = list_games(connection, filters, limit)
        if not with_sessions:
            games = [
                replace(game, game_id=public_game_id(game.game_id, game.finished_ts), session_id=None) for game in games
            ]
        return views.GamesReply(games=games, count=len(games))

    def player_stats(self, player_name: str) -> views.PlayerStats:
        """Return the statistics of one player.

        Raises:
            NotFound: nobody has played with this name.
        """
        filters = self.all._replace(player_name=player_name)
        with self.engine.connect() as connection:
            results = game_results(connection, filters)
            if not results:
                raise NotFound(f"no player with the name {player_name[:40]!r} has played")
            moves = player_moves(connection, filters)
        finished, wins = sum(row.finished for row in results), sum(row.player_wins for row in results)
        return views.PlayerStats(
            player_name=player_name,
            total_games=finished,
            total_rounds=moves.rounds,
            wins=wins,
            losses=sum(row.bot_wins for row in results),
            ties=sum(row.ties for row in results),
            win_rate=percent(wins, finished),
            policy_performance=[
                struct_from(
                    views.PlayerResults,
                    row,
                    total_games=row.finished,
                    wins=row.player_wins,
                    win_rate=percent(row.player_wins, row.finished),
                )
                for row in results
                if row.finished
            ],
            move_distribution=_move_counts(moves.moves),
        )

    def scoped_stats(self, session_id: str | None, game_id: str | None) -> views.GameStats | views.SessionStats:
        """Count the rounds of a game or, if no game is given, of a session.

        Raises:
            InvalidRequest: neither is given.
        """
        if not game_id and not session_id:
            raise InvalidRequest("no game or session is given; send game_id or session_id")
        with self.engine.connect() as connection:
            if game_id:
                rounds, score = round_results(connection, self.all, game_id), game_score(connection, self.all, game_id)
                return struct_from(views.GameStats, rounds, scope="game", **score._asdict())
            session = cast(str, session_id)
            results = session_results(connection, self.all, session)
            return struct_from(views.SessionStats, results, scope="session", session_code=session_code(session))

    def _totals(self) -> Totals:
        return self._tallies.read(wait_seconds=TALLIES_WAIT_SECONDS)

    @_shared
    def leaderboard(self, limit: int) -> views.LeaderboardReply:
        """Return the people with the highest win rates."""
        with self.engine.connect() as connection:
            found = leaderboard(connection, self.all, limit)
        return views.LeaderboardReply(
            leaderboard=found.standings,
            since=self.all.since,
            limit=limit,
            filtered_out=found.filtered_out,
        )

    @_shared
    def bot_win_rates(self, *, easy_mode: bool, human_only: bool) -> views.BotWinRatesReply:
        """Return the win rates of the bots."""
        with self.engine.connect() as connection:
            found = bot_win_rates(connection, self.all._replace(easy_mode=easy_mode), human_only=human_only)
        return views.BotWinRatesReply(
            bot_rates=found.rates,
            easy_mode=easy_mode,
            human_only=human_only,
            since=self.all.since,
            timestamp=self._clock(),
            exclusions=views.Exclusions(
                total_games=sum(rate.excluded_games for rate in found.rates.values()),
                by_reason={reason: len(names) for reason, names in found.excluded_names.items()},
                sample_names={reason: names[:SAMPLE_NAMES] for reason, names in found.excluded_names.items()},
            ),
        )

    @_shared
    def win_streaks(self, policy: str | None, limit: int, *, easy_mode: bool) -> views.WinStreaksReply:
        """Return the longest winning streaks."""
        with self.engine.connect() as connection:
            found = win_streaks(connection, self.all._replace(policy=policy, easy_mode=easy_mode), limit)
        return views.WinStreaksReply(
            players=found.players,
            filters=views.StreakFilters(opponent=policy, limit=limit, easy_mode=easy_mode),
            since=self.all.since,
            timestamp=self._clock(),
            filtered_out=found.filtered_out,
        )

    @_shared
    def global_stats(self) -> views.GlobalStats:
        """Return the statistics of all games."""
        totals, now = self._totals(), self._clock()
        with self.engine.connect() as connection:
            results = game_results(connection, self.all)
        by_result = _summed(totals.rounds, lambda key: key.result)
        rounds = totals.rounds.total()
        return views.GlobalStats(
            total_games=sum(row.games for row in results),
            total_rounds=rounds,
            result_distribution=[
                views.ResultCount(result=name, count=by_result[name], percentage=percent(by_result[name], rounds))
                for name in ("win", "lose", "draw")
            ],
            policy_performance=[_bot_results(views.OpponentResults, row) for row in results if row.finished],
            recent_activity=views.RecentActivity(
                rounds_last_24h=totals.rounds_since(now - timedelta(days=1)),
                rounds_last_week=totals.rounds_since(now - timedelta(days=7)),
            ),
        )

    @_shared
    def policy_stats(self, policy: str, easy_mode: bool | None) -> views.PolicyStats:
        """Return the statistics of one opponent.

        Raises:
            NotFound: nobody has played against this opponent.
        """
        with self.engine.connect() as connection:
            results = game_results(connection, self.all._replace(policy=policy, easy_mode=easy_mode))
        if not results:
            raise NotFound(f"nobody has played against {policy[:40]!r}")
        rounds = Counter(
            {
                key: number
                for key, number in self._totals().rounds.items()
                if key.policy == policy and easy_mode in {None, bool(key.easy_mode)}
            }
        )
        finished, bot_wins = sum(row.finished for row in results), sum(row.bot_wins for row in results)
        return views.PolicyStats(
            policy=policy,
            easy_mode=easy_mode,
            total_games=finished,
            total_rounds=rounds.total(),
            player_wins=sum(row.player_wins for row in results),
            bot_wins=bot_wins,
            ties=sum(row.ties for row in results),
            bot_win_rate=percent(bot_wins, finished),
            move_distribution=_move_counts(_summed(rounds, lambda key: key.bot_move)),
            difficulty_breakdown=[_bot_results(views.DifficultyResults, row) for row in results if easy_mode is None],
        )


def _summed(counts: Mapping[Any, int], by: Callable[[Any], str]) -> Counter[str]:
    summed: Counter[str] = Counter()
    for key, number in counts.items():
        summed[by(key)] += number
    return summed


def _move_counts(moves: Mapping[str, int]) -> list[views.MoveCount]:
    total = sum(moves.values())
    return [
        views.MoveCount(move=move, count=moves[move], percentage=percent(moves[move], total))
        for move in sorted(MOVES, key=lambda move: -moves[move])
    ]


def _bot_results(kind: type[_BotResults], row: Results) -> _BotResults:
    return struct_from(kind, row, total_games=row.finished, bot_win_rate=percent(row.bot_wins, row.finished))
