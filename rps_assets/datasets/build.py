"""Building of datasets: read rounds from the gameplay store and compute the examples of the selected games."""

from itertools import chain
from typing import Any

import polars as pl
from sqlalchemy import Connection

from rps_assets.datasets.feature_frame import feature_frame
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.store.analytics.training import select_rounds

# SQLite binds at most 32,766 values in one statement.
MAX_NAMED_GAMES = 10_000
# This many rows are still in the processor's caches when they become columns.
ROWS_A_FETCH = 2_000


def build_dataset(connection: Connection, games: pl.DataFrame) -> pl.DataFrame:
    """Return the examples of `games` in training order: game creation, game id, round.

    Features are computed on all rounds of a game, so that the opening gambit is part of the history. Then the rounds
    that no policy decided are dropped.

    Returns:
        game_id, created_at, player_kind, round_no, the 50 columns of the contract (Float64), label (Int8).
    """
    games = games.sort("created_at", "game_id")
    # A game's id as its position in training order: numbers sort, compare and look up faster than texts.
    places = pl.Enum(games["game_id"])
    rounds = (
        read_rounds(connection, games["game_id"].to_list())
        .with_columns(pl.col("game_id").cast(places, strict=False))
        .drop_nulls("game_id")
        .sort("game_id", "round_no")
    )
    features = feature_frame(_with_columns_of(games.select("easy_mode"), rounds), FIRST_POLICY_ROUND)
    return (
        _with_columns_of(games.select("created_at", "player_kind"), features)
        .with_columns(pl.col("game_id").cast(pl.String))
        .select("game_id", "created_at", "player_kind", "round_no", *CURRENT_CONTRACT.columns, "label")
    )


def _with_columns_of(games: pl.DataFrame, rounds: pl.DataFrame) -> pl.DataFrame:
    """Add the columns of its game to each round; a join would copy all columns of the rounds."""
    return rounds.hstack(games[rounds["game_id"].to_physical()])


def read_rounds(connection: Connection, game_ids: list[str]) -> pl.DataFrame:
    """Return the rounds of at least these games, with `round_schema`, in no particular order.

    Rows come straight from the driver: SQLAlchemy's own rows take twice the time for a million of them. Their values
    are concatenated, and every ninth value goes into the same column: Polars takes twice the time to read rows.
    """
    # To read rounds of many games, scan all of them: one statement cannot name them, and look-ups are slower.
    cursor: Any = connection.execute(select_rounds(game_ids if len(game_ids) <= MAX_NAMED_GAMES else None)).cursor
    schema = round_schema()
    parts = [pl.DataFrame(schema=schema)]
    while rows := cursor.fetchmany(ROWS_A_FETCH):
        values = list(chain.from_iterable(rows))
        parts.append(pl.DataFrame({name: values[at :: len(schema)] for at, name in enumerate(schema)}, schema=schema))
    return pl.concat(parts)


def round_schema() -> dict[str, Any]:
    """Return the column types of `rps_core.store.analytics.select_rounds`."""
    points = ("rock_pts", "paper_pts", "scissors_pts", "user_score", "bot_score")
    return {
        "game_id": pl.String,
        "round_no": pl.Int64,
        "user_move": pl.String,
        "bot_move": pl.String,
        **dict.fromkeys(points, pl.Float64),
    }
