"""Questions over many games, each answered by one query or a few.

Numbers only: what they mean for a promotion is decided in `rps_core.promotion`, how they are shown elsewhere.
"""

from rps_core.store.analytics.performance import (
    GameplayCounts,
    VersionPerformance,
    gameplay_counts,
    select_rounds,
    select_training_games,
    version_performance,
)

__all__ = (
    "GameplayCounts",
    "VersionPerformance",
    "gameplay_counts",
    "select_rounds",
    "select_training_games",
    "version_performance",
)
