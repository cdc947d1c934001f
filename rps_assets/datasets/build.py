"""Reading of whole games from the gameplay store, and the examples computed from them."""

from collections.abc import Iterator
from itertools import chain
from typing import Any

import msgspec
import polars as pl
from sqlalchemy import Connection, Select

from rps_assets.datasets.arrow_reading import read_arrow
from rps_assets.datasets.feature_tables import FeatureTable, WholeGames, current_table, example_columns
from rps_core.store.analytics.training import select_rounds, select_whole_games

# SQLite binds at most 32,766 values in one statement.
MAX_NAMED_GAMES = 10_000
# This many rows are still in the processor's caches when they become columns.
ROWS_A_FETCH = 2_000

GAME_SCHEMA: dict[str, Any] = {
    "game_id": pl.String,
    "created_at": pl.Datetime("us", "UTC"),
    "easy_mode": pl.Int64,
    "has_ended": pl.Boolean,
    "is_played": pl.Boolean,
    "remembered_games": pl.String,
}


def build_dataset(connection: Connection, games: pl.DataFrame, table: FeatureTable | None = None) -> pl.DataFrame:
    """Return the examples of `games` in training order: game creation, game id, round.

    Args:
        connection: the gameplay store.
        games: game_id, created_at, player_kind.
        table: how examples are computed; None is the table of the current contract.

    Returns:
        game_id, created_at, player_kind, round_no, the columns of the contract (Float64), label (Int8).
    """
    table = table or current_table()
    games = games.select("game_id", "created_at", "player_kind").sort("created_at", "game_id")
    # The order is that of `games`: a selection counts recordings without a time as created later than they are.
    stored = games.select("game_id").join(
        read_games_by_id(connection, games["game_id"].to_list()), on="game_id", maintain_order="left"
    )
    examples = examples_of(connection, stored, table)
    return with_columns_of(games, examples).select(
        "game_id", "created_at", "player_kind", *example_columns(table.contract)
    )


def with_columns_of(games: pl.DataFrame, examples: pl.DataFrame) -> pl.DataFrame:
    """Add the columns of its game to each example."""
    return examples.join(games, on="game_id", how="left", maintain_order="left")


def examples_of(connection: Connection, games: pl.DataFrame, table: FeatureTable) -> pl.DataFrame:
    """Return the examples of games in their order: game_id, round_no, the columns of the contract, label.

    Args:
        connection: the gameplay store.
        games: game_id and the other columns of `GAME_SCHEMA`.
        table: how examples are computed.
    """
    rounds = read_rounds(connection, games["game_id"].to_list())
    return compute(games, rounds, remembered_rounds(connection, games, rounds, table), table)


def compute(games: pl.DataFrame, rounds: pl.DataFrame, earlier: pl.DataFrame, table: FeatureTable) -> pl.DataFrame:
    """Return the examples of whole games, in the order of the games.

    Features are computed on all rounds of a game, so that the opening gambit is part of the history. Then the rounds
    that no policy decided are dropped.

    Args:
        games: one row per game with `GAME_SCHEMA`.
        rounds: with `round_schema`, at least the rounds of the games, in any order.
        earlier: `remembered_rounds` of the games.
        table: how examples are computed.
    """
    # A game's id as its position: numbers sort, compare and look up faster than texts.
    places = pl.Enum(games["game_id"])
    ordered = (
        rounds.with_columns(pl.col("game_id").cast(places, strict=False))
        .drop_nulls("game_id")
        .sort("game_id", "round_no")
    )
    examples = table.compute(WholeGames(games, ordered, earlier), table.from_round)
    return examples.with_columns(pl.col("game_id").cast(pl.String))


def remembered_rounds(
    connection: Connection, games: pl.DataFrame, rounds: pl.DataFrame, table: FeatureTable
) -> pl.DataFrame:
    """Return the rounds of all games that the games remember, by game and round; none if the table does not.

    People play several games in a row, so many of them are among the `rounds` of the games, which were read already.
    """
    if not table.remembers:
        return pl.DataFrame(schema=round_schema())
    named = games["remembered_games"].drop_nulls()
    ids = {game_id for text in named for game_id in msgspec.json.decode(text, type=list[str])}
    near = ids.intersection(games["game_id"])
    found = rounds.filter(pl.col("game_id").is_in(near))
    return pl.concat([found, read_rounds(connection, sorted(ids - near))]).sort("game_id", "round_no")


def read_whole_games(connection: Connection, query: Select[Any]) -> pl.DataFrame:
    """Return the games that `select_whole_games` selects, with `GAME_SCHEMA`, by creation and id."""
    cursor: Any = connection.execute(query).cursor
    stored = dict.fromkeys(GAME_SCHEMA, pl.Int64) | dict.fromkeys(
        ("game_id", "created_at", "remembered_games"), pl.String
    )
    frames = [pl.DataFrame(rows, schema=stored, orient="row") for rows in _fetched(cursor)]
    # The store's texts have a fixed width and are in UTC. Parsing them here takes a tenth of the time.
    moment = pl.col("created_at").str.slice(0, 26).str.to_datetime("%Y-%m-%dT%H:%M:%S%.6f", time_zone="UTC")
    flags = pl.col("has_ended", "is_played").cast(pl.Boolean)
    found = pl.concat([pl.DataFrame(schema=stored), *frames]).with_columns(moment, flags)
    return found.sort("created_at", "game_id")


def read_games_by_id(connection: Connection, game_ids: list[str]) -> pl.DataFrame:
    """Return the games with these ids, with `GAME_SCHEMA`, by creation and id."""
    found = [read_whole_games(connection, select_whole_games(game_ids=ids)) for ids in _named(game_ids)]
    return pl.concat([pl.DataFrame(schema=GAME_SCHEMA), *found]).sort("created_at", "game_id")


def read_rounds(
    connection: Connection, game_ids: list[str] | None = None, between: tuple[int, int] | None = None
) -> pl.DataFrame:
    """Return the rounds of games, or those with ids in a range, with `round_schema`, in no particular order.

    Rows of SQLite come straight from the driver: SQLAlchemy's own rows take twice the time for a million of them. Their
    values are concatenated, and every ninth value goes into the same column: Polars takes twice the time to read rows.
    """
    schema = round_schema()
    queries = [select_rounds(ids, between) for ids in ([None] if game_ids is None else _named(game_ids))]
    if connection.dialect.name == "postgresql":
        return read_arrow(connection, queries, schema)
    parts = [pl.DataFrame(schema=schema)]
    for query in queries:
        for rows in _fetched(connection.execute(query).cursor):
            values = list(chain.from_iterable(rows))
            parts.append(
                pl.DataFrame({name: values[at :: len(schema)] for at, name in enumerate(schema)}, schema=schema)
            )
    return pl.concat(parts)


def _fetched(cursor: Any) -> Iterator[list[Any]]:
    while rows := cursor.fetchmany(ROWS_A_FETCH):
        yield rows


def _named(game_ids: list[str]) -> Iterator[list[str]]:
    return (game_ids[first : first + MAX_NAMED_GAMES] for first in range(0, len(game_ids), MAX_NAMED_GAMES))


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
