"""Files with one row for each player of a round."""

from collections.abc import Sequence

import polars

from rps_cli.importers import words
from rps_cli.importers.columns import Columns, listed
from rps_cli.importers.options import PLAYER

_YES = {"1", "true", "yes"}


def pair_players(frame: polars.LazyFrame, columns: Columns, players: Sequence[str]) -> tuple[polars.LazyFrame, str]:
    """Return one row for each round, and a sentence. The bot is the opponent; without one, the later name is.

    Args:
        frame: two rows for each round, with the column "player".
        columns: where the file holds them.
        players: the values of "player".
    """
    who, winner = polars.col(PLAYER), polars.col("winner")
    asks_for_bot = words.names_bot(columns.name(PLAYER))
    bots = [value for value in players if _is_bot(value, asks_for_bot=asks_for_bot)]
    kept = [name for name in frame.collect_schema().names() if name not in {"game_id", "round", "problem", PLAYER}]
    in_order = frame.sort(who.is_in(bots), who, "row", maintain_order=True)
    paired = in_order.group_by("game_id", "round").agg(
        *(polars.col(name).first() for name in kept if name != "winner"),
        *(winner.drop_nulls().first() for name in kept if name == "winner"),
        polars.col("player_move").last().alias("bot_move"),
        polars.col("problem").drop_nulls().first(),
        who.first(),
        who.last().alias("opponent"),
        polars.len().alias("rows"),
    )
    alone = polars.format("round {} has {} rows instead of one for each player", "round", "rows")
    problem = polars.coalesce("problem", polars.when(polars.col("rows") != 2).then(alone))
    paired = paired.with_columns(problem.alias("problem"))
    if "winner" in kept:
        # A winner may be named like its player.
        other = polars.when(winner == polars.col("opponent")).then(polars.lit("bot")).otherwise(winner)
        paired = paired.with_columns(
            polars.when(winner == who).then(polars.lit("user")).otherwise(other).alias("winner")
        )
    if "session_id" not in kept and not asks_for_bot and len(players) > 2:
        paired = paired.with_columns(who.alias("session_id"))
    opponent = f"{listed(bots[:3])} is the opponent" if bots else "the later name in order is the opponent"
    return paired, f"players: one row for each player of a round; {opponent}"


def _is_bot(value: str, *, asks_for_bot: bool) -> bool:
    word = words.plain(value)
    return (asks_for_bot and word.removesuffix(".0") in _YES) or words.names_bot(value)
