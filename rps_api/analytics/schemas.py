"""Replies of the statistics endpoints. Field names are the original's; rates are percentages with two decimals."""

from datetime import datetime

import msgspec

from rps_core.store.analytics.filters import Difficulty, Exclusion
from rps_core.store.analytics.listing import ListedGame
from rps_core.store.analytics.standings import BotRate, Standing
from rps_core.store.analytics.streaks import LeftOut, Streak


class LeaderboardReply(msgspec.Struct, frozen=True, kw_only=True):
    """The people with the highest win rates since `since`, and the excluded names that are not people's."""

    leaderboard: list[Standing]
    since: datetime
    limit: int
    filtered_out: list[str]


class GamesReply(msgspec.Struct, frozen=True, kw_only=True):
    """Games, newest first."""

    games: list[ListedGame]
    count: int


class ResultCount(msgspec.Struct, frozen=True, kw_only=True):
    """Rounds with one result, from the user's side."""

    result: str
    count: int
    percentage: float


class MoveCount(msgspec.Struct, frozen=True, kw_only=True):
    """Rounds with one move."""

    move: str
    count: int
    percentage: float


class OpponentResults(msgspec.Struct, frozen=True, kw_only=True):
    """Finished games against one opponent."""

    policy: str
    difficulty_mode: Difficulty
    total_games: int
    bot_wins: int
    player_wins: int
    ties: int
    bot_win_rate: float


class RecentActivity(msgspec.Struct, frozen=True, kw_only=True):
    """Rounds of the last day and week, exact to the minute."""

    rounds_last_24h: int
    rounds_last_week: int


class GlobalStats(msgspec.Struct, frozen=True, kw_only=True):
    """All games. `total_games` includes unfinished games, the results do not."""

    total_games: int
    total_rounds: int
    result_distribution: list[ResultCount]
    policy_performance: list[OpponentResults]
    recent_activity: RecentActivity


class DifficultyResults(msgspec.Struct, frozen=True, kw_only=True):
    """Finished games in one difficulty."""

    difficulty_mode: Difficulty
    total_games: int
    bot_win_rate: float


class PolicyStats(msgspec.Struct, frozen=True, kw_only=True):
    """Results against one opponent: finished games, all rounds, the bot's moves."""

    policy: str
    easy_mode: bool | None
    total_games: int
    total_rounds: int
    player_wins: int
    bot_wins: int
    ties: int
    bot_win_rate: float
    move_distribution: list[MoveCount]
    difficulty_breakdown: list[DifficultyResults]


class PlayerResults(msgspec.Struct, frozen=True, kw_only=True):
    """A player's finished games against one opponent."""

    policy: str
    difficulty_mode: Difficulty
    total_games: int
    wins: int
    win_rate: float


class PlayerStats(msgspec.Struct, frozen=True, kw_only=True):
    """One player: finished games, all rounds, the player's moves."""

    player_name: str
    total_games: int
    total_rounds: int
    wins: int
    losses: int
    ties: int
    win_rate: float
    policy_performance: list[PlayerResults]
    move_distribution: list[MoveCount]


class GameStats(msgspec.Struct, frozen=True, kw_only=True):
    """Rounds of one game, and its score."""

    scope: str
    rounds: int
    wins: int
    losses: int
    draws: int
    user_score: float
    bot_score: float
    winner: str | None


class SessionStats(msgspec.Struct, frozen=True, kw_only=True):
    """Rounds of one session, the number of its games, and its display code."""

    scope: str
    session_code: str
    rounds: int
    wins: int
    losses: int
    draws: int
    games: int


class Exclusions(msgspec.Struct, frozen=True, kw_only=True):
    """Excluded games, the number of distinct names per reason, and up to five of those names."""

    total_games: int
    by_reason: dict[Exclusion, int]
    sample_names: dict[Exclusion, list[str]]


class BotWinRatesReply(msgspec.Struct, frozen=True, kw_only=True):
    """The rates of the three bots."""

    bot_rates: dict[str, BotRate]
    easy_mode: bool
    human_only: bool
    since: datetime
    timestamp: datetime
    exclusions: Exclusions


class StreakFilters(msgspec.Struct, frozen=True, kw_only=True):
    """The filters that were applied."""

    opponent: str | None
    limit: int
    easy_mode: bool


class WinStreaksReply(msgspec.Struct, frozen=True, kw_only=True):
    """The longest streaks."""

    players: list[Streak]
    filters: StreakFilters
    since: datetime
    timestamp: datetime
    filtered_out: list[LeftOut]


class LastHour(msgspec.Struct, frozen=True, kw_only=True):
    """Rounds played and games finished in the last 60 minutes, without test games and recordings."""

    moves_last_hour: int
    games_last_hour: int


class AbTestingState(msgspec.Struct, frozen=True, kw_only=True):
    """Whether games are split between Production and B, and the share of Production, 0 to 1."""

    enabled: bool
    split_ratio: float


class ActivityReply(msgspec.Struct, frozen=True, kw_only=True):
    """How much is played, and by which slots.

    Attributes:
        model_usage: started games by ``family@alias``, since `METRICS_SINCE_DATE`.
        timestamp: seconds since 1970.
    """

    status: str
    ab_testing: AbTestingState
    model_usage: dict[str, int]
    recent_activity: LastHour
    timestamp: float
