"""Statistics over many games, each from one query or a few.

This package only counts. `rps_core.promotion` decides what the numbers mean for a promotion.
"""

from rps_core.promotion.records import VersionPerformance
from rps_core.store.analytics.activity import active_games, finished_by_minute
from rps_core.store.analytics.filters import GameFilter, parse_difficulty
from rps_core.store.analytics.listing import export_portion, list_games, plan_export
from rps_core.store.analytics.performance import (
    GameplayCounts,
    gameplay_counts,
    select_rounds,
    select_training_games,
)
from rps_core.store.analytics.standings import bot_win_rates, leaderboard
from rps_core.store.analytics.streaks import win_streaks
from rps_core.store.analytics.summaries import (
    game_results,
    game_score,
    player_moves,
    round_results,
    session_results,
)
from rps_core.store.analytics.versions import version_performance

__all__ = (
    "GameFilter",
    "GameplayCounts",
    "VersionPerformance",
    "active_games",
    "bot_win_rates",
    "export_portion",
    "finished_by_minute",
    "game_results",
    "game_score",
    "gameplay_counts",
    "leaderboard",
    "list_games",
    "parse_difficulty",
    "plan_export",
    "player_moves",
    "round_results",
    "select_rounds",
    "select_training_games",
    "session_results",
    "version_performance",
    "win_streaks",
)
