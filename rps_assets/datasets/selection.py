"""Selection of the games that train."""

import sys
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl
from sqlalchemy import Connection, Row, Select

from rps_core.game.players import PlayerKind
from rps_core.store.analytics.training import select_training_games

GAME_SCHEMA: dict[str, Any] = {
    "game_id": pl.String,
    "created_at": pl.Datetime("us", "UTC"),
    "player_kind": pl.String,
    "player_name": pl.String,
    "easy_mode": pl.Int64,
    "examples": pl.Int64,
}

ALL_EXAMPLES = sys.maxsize
ROWS_A_FETCH = 200

DROPPED_TEST = "test game"
DROPPED_OLD = "older than the since-date"
DROPPED_STRIDE = "scripted game between two strides"
DROPPED_CAP = "over the cap of examples"


def read_games(
    connection: Connection,
    since: datetime,
    *,
    include_recordings: bool = False,
    stride: int = 1,
    max_examples: int = ALL_EXAMPLES,
    newer_than: datetime | None = None,
    reserved: int = 0,
) -> pl.DataFrame:
    """Read the games that may train, one row per game, with `GAME_SCHEMA`.

    Reads the newest games first and stops at the first game over `max_examples`: first those of people, then the
    scripted ones, of which only every `stride`-th takes room. The other games of the store cost nothing.

    Args:
        connection: the gameplay store.
        since: creation time of the oldest game that may train.
        include_recordings: also read recordings of other games.
        stride: as in `plan_training_games`.
        max_examples: as in `plan_training_games`.
        newer_than: read only games created after this moment.
        reserved: as in `plan_training_games`.
    """

    def select(kind: PlayerKind) -> Select[Any]:
        return select_training_games(
            since, include_recordings=include_recordings, player_kind=kind, newer_than=newer_than
        )

    people = list(newest_games_up_to(connection, select("human"), max_examples))
    room = max_examples - reserved - sum(row.examples for row in people)
    scripted = list(newest_games_up_to(connection, select("scripted"), room, max(stride, 1))) if room > 0 else []
    return pl.DataFrame(list(map(tuple, [*people, *scripted])), schema=GAME_SCHEMA, orient="row")


def newest_games_up_to(connection: Connection, query: Select[Any], room: int, stride: int = 1) -> Iterator[Row[Any]]:
    """Yield the rows of a query until every `stride`-th has more examples than there is room for."""
    taken = 0
    with connection.execute(query, execution_options={"yield_per": ROWS_A_FETCH}) as rows:
        for position, row in enumerate(rows):
            yield row
            taken += row.examples if position % stride == 0 else 0
            if taken > room:
                return


def plan_training_games(
    games: pl.DataFrame, since: datetime, stride: int, max_examples: int, reserved: int = 0
) -> pl.DataFrame:
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
        reserved: examples of older games of people that are not in `games`; they take room before scripted games.

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
        .with_columns(dropped=_unless(kept & (filled + pl.lit(reserved) * scripted > max_examples), DROPPED_CAP))
        .sort("created_at", "game_id")
        .drop("is_scripted")
    )


def kept_games(planned: pl.DataFrame) -> pl.DataFrame:
    """Return the games of a plan that train."""
    return planned.filter(pl.col("dropped").is_null()).drop("dropped")


def _unless(condition: pl.Expr, reason: str) -> pl.Expr:
    return pl.when(condition).then(pl.lit(reason)).otherwise(pl.col("dropped"))
