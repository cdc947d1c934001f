"""Selection of the games that train."""

from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection

from rps_core.store.analytics.performance import select_training_games

GAME_SCHEMA: dict[str, Any] = {
    "game_id": pl.String,
    "created_at": pl.Datetime("us", "UTC"),
    "player_kind": pl.String,
    "player_name": pl.String,
    "easy_mode": pl.Int64,
    "examples": pl.Int64,
}

DROPPED_TEST = "test game"
DROPPED_OLD = "older than the since-date"
DROPPED_STRIDE = "scripted game between two strides"
DROPPED_CAP = "over the cap of examples"


def read_games(connection: Connection, since: datetime, *, include_recordings: bool = False) -> pl.DataFrame:
    """Read the games that may train, one row per game, with `GAME_SCHEMA`."""
    query = select_training_games(since, include_recordings=include_recordings)
    return pl.read_database(query, connection, schema_overrides=GAME_SCHEMA)


def plan_training_games(games: pl.DataFrame, since: datetime, stride: int, max_examples: int) -> pl.DataFrame:
    """Decide for each game whether it trains.

    1. Test games and games created before `since` are dropped.
    2. Of the scripted games, newest first, those at positions 0, `stride`, 2 x `stride` … are kept.
    3. Whole games are dropped until at most `max_examples` examples are left. The oldest scripted games go first, human
       games only if they alone exceed the limit.

    Args:
        games: one row per game with `GAME_SCHEMA`, in any order.
        since: creation time of the oldest game that may train.
        stride: every n-th scripted game is kept; 1 keeps all.
        max_examples: upper bound of the sum of `examples`.

    Returns:
        The games in order of creation (ties by id), with a column `dropped`: the reason, or null if it trains.
    """
    scripted = pl.col("player_kind") == "scripted"
    kept = pl.col("dropped").is_null()
    # Position among the kept scripted games, 0 for the newest.
    age = (kept & scripted).cast(pl.Int64).cum_sum(reverse=True) - 1
    filled = pl.when(kept).then(pl.col("examples")).otherwise(0).cum_sum()
    return (
        games.sort("created_at", "game_id")
        .with_columns(
            dropped=pl.when(pl.col("player_kind") == "test")
            .then(pl.lit(DROPPED_TEST))
            .when(pl.col("created_at") < since)
            .then(pl.lit(DROPPED_OLD))
        )
        .with_columns(dropped=_unless(kept & scripted & (age % max(stride, 1) != 0), DROPPED_STRIDE))
        .with_columns(is_scripted=scripted)
        .sort("is_scripted", "created_at", "game_id", descending=[False, True, True])
        .with_columns(dropped=_unless(kept & (filled > max_examples), DROPPED_CAP))
        .sort("created_at", "game_id")
        .drop("is_scripted")
    )


def kept_games(planned: pl.DataFrame) -> pl.DataFrame:
    """Return the games of a plan that train."""
    return planned.filter(pl.col("dropped").is_null()).drop("dropped")


def _unless(condition: pl.Expr, reason: str) -> pl.Expr:
    return pl.when(condition).then(pl.lit(reason)).otherwise(pl.col("dropped"))
