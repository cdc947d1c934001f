"""Groups the rows of a file by game, a part of the games at a time, so that a large file needs little memory.

Rows may be in any order (our own `/export` writes the newest first), but a game is imported whole or not at all.
"""

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import Any, TypeAlias

import polars

MAX_ROWS_PER_GAME = 20_000
_ROWS_PER_PART = 500_000


# Values by our names, with the number of the row as "row" and with "problem", which says why it is unusable.
FileRow: TypeAlias = dict[str, Any]


def games_of(frame: polars.LazyFrame) -> Iterator[tuple[list[FileRow], int]]:
    """Yield each game's rows in the order of the file, and their number, ordered by first row in each part.

    A game with more than `MAX_ROWS_PER_GAME` rows has only its first.
    """
    row = polars.col("row")
    parts = frame.select(polars.len()).collect(engine="streaming").item() // _ROWS_PER_PART + 1
    for part in range(parts):
        mine = frame.filter(polars.col("game_id").hash() % parts == part) if parts > 1 else frame
        counted = mine.collect(engine="streaming").with_columns(
            row.min().over("game_id").alias("first"), polars.len().over("game_id").alias("rows")
        )
        kept = counted.filter((polars.col("rows") <= MAX_ROWS_PER_GAME) | (row == polars.col("first")))
        for _, group in groupby(kept.sort("first", "row").iter_rows(named=True), key=itemgetter("first")):
            rows = list(group)
            yield rows, rows[0]["rows"]


def summary(frame: polars.LazyFrame) -> list[str]:
    """Return how many games, rounds and people a file has, and its first rounds."""
    names = frame.collect_schema().names()
    counted = [polars.col(name).n_unique().alias(name) for name in ("game_id", "session_id") if name in names]
    counts = frame.select(polars.len().alias("rows"), *counted).collect(engine="streaming").row(0, named=True)
    people = f", people: {counts['session_id']:,}" if "session_id" in counts else ""
    lines = [f"games: {counts['game_id']:,}, rounds: {counts['rows']:,}{people}"]
    for values in frame.sort("row").head(3).collect().iter_rows(named=True):
        result = f", {values['result']}" if values.get("result") else ""
        moves = " against ".join(str(values[name] or "no move")[:20] for name in ("player_move", "bot_move"))
        lines.append(
            f"row {values['row']}: game {str(values['game_id'])[:40]}, round {values['round']}: {moves}{result}"
        )
    return lines
