"""Features of whole tables of rounds as Polars expressions, for training.

`rps_core.features.history` computes the same features for one round. A property test keeps the two equal to the bit.
"""

from collections.abc import Iterator

import polars as pl

from rps_core.features.contract import CONTRACT_V2, LAGS, RESULTS
from rps_core.game.moves import MOVES, places_after
from rps_core.game.scoring import TARGET_POINTS

ROUND_COLUMNS = (
    "game_id",
    "round_no",
    "user_move",
    "bot_move",
    "rock_pts",
    "paper_pts",
    "scissors_pts",
    "user_score",
    "bot_score",
    "easy_mode",
)
# Inputs and features of this many rows fit the caches of a processor. A million rows at once are 50 % slower per row
# and take more memory.
ROWS_A_PART = 50_000
NO_MOVE = -1
_POINTS = tuple(f"{move}_pts" for move in MOVES)


def feature_frame(rounds: pl.DataFrame, from_round: int = 1) -> pl.DataFrame:
    """Return one row of features per round: games in the order of `rounds`, rounds in order within their game.

    Args:
        rounds: all rounds of each game with `ROUND_COLUMNS`; scores are those after the round.
        from_round: first round of each game to return; earlier rounds are used only as history.

    Returns:
        game_id (its type as in `rounds`), round_no, the 50 columns of contract version 2 (Float64), and `label` (Int8,
        index of the user's move).

    Raises:
        ValueError: a column is missing or holds a null, a move is unknown, or the rounds of a game are not 1, 2, 3 …
    """
    _require_columns(rounds)
    prepared = _in_order(_with_move_indices(rounds.select(ROUND_COLUMNS)))
    require_whole_games(prepared)
    # Filter each part, because filtering the whole table would copy nearly all of it.
    return pl.concat([_features(part).filter(pl.col("round_no") >= from_round) for part in _parts(prepared)])


def _require_columns(rounds: pl.DataFrame) -> None:
    missing = [column for column in ROUND_COLUMNS if column not in rounds.columns]
    if missing:
        raise ValueError(f"the table of rounds lacks the columns {', '.join(missing)}")
    with_nulls = [column for column in ROUND_COLUMNS if rounds[column].null_count()]
    if with_nulls:
        raise ValueError(f"the table of rounds has nulls in the columns {', '.join(with_nulls)}")


def _with_move_indices(rounds: pl.DataFrame) -> pl.DataFrame:
    """Add `user` and `bot`, the positions (Int8) of the moves in canonical order."""
    indices = {
        name: pl.col(f"{name}_move").cast(pl.Enum(MOVES), strict=False).to_physical().cast(pl.Int8)
        for name in ("user", "bot")
    }
    indexed = rounds.with_columns(**indices)
    for name in indices:
        if indexed[name].null_count():
            unknown = indexed.filter(pl.col(name).is_null())[f"{name}_move"][0]
            raise ValueError(f"{name}_move={unknown!r} is not a move; use {', '.join(MOVES)}")
    return indexed


def _in_order(rounds: pl.DataFrame) -> pl.DataFrame:
    """Return the games in the order of their first rows, and the rounds of each game in order."""
    # A training dataset is in order already, and checking that is cheaper than sorting.
    starts = int((rounds["round_no"] == 1).sum())
    if _broken(rounds).is_empty() and starts == rounds["game_id"].n_unique():
        return rounds
    return (
        rounds.with_row_index("position")
        .with_columns(pl.col("position").min().over("game_id"))
        .sort("position", "round_no", maintain_order=True)
    )


def _broken(rounds: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that neither begin a game nor follow the previous round of the same game."""
    follows = (pl.col("game_id") == pl.col("game_id").shift()).fill_null(value=False)
    expected = pl.when(follows).then(pl.col("round_no").shift() + 1).otherwise(1)
    return rounds.filter(pl.col("round_no") != expected)


def require_whole_games(ordered: pl.DataFrame) -> None:
    """Check that the rounds of each game are 1, 2, 3 … and in order.

    Raises:
        ValueError: they are not; the message names the game.
    """
    broken = _broken(ordered)
    if len(broken):
        row = broken.row(0, named=True)
        raise ValueError(f"the rounds of game {row['game_id']} are not 1, 2, 3 …: found round {row['round_no']}")


def _parts(ordered: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Cut into slices of whole games of about `ROWS_A_PART` rows."""
    starts = ordered["round_no"].eq(1).arg_true()
    first = 0
    while first < len(ordered):
        found = starts.search_sorted(first + ROWS_A_PART)
        end = int(starts[found]) if found < len(starts) else len(ordered)
        yield ordered.slice(first, end - first)
        first = end
    if not len(ordered):
        yield ordered


def _features(part: pl.DataFrame) -> pl.DataFrame:
    favoured = (
        pl.when((pl.col("rock_pts") >= pl.col("paper_pts")) & (pl.col("rock_pts") >= pl.col("scissors_pts")))
        .then(pl.lit(0, pl.Int8))
        .when(pl.col("paper_pts") >= pl.col("scissors_pts"))
        .then(pl.lit(1, pl.Int8))
        .otherwise(pl.lit(2, pl.Int8))
    )
    steps = part.with_columns(
        # Position in the contract's RESULTS: 0 win, 1 lose, 2 draw.
        result=(places_after(pl.col("user"), pl.col("bot")) + 2) % 3,
        favoured_step=places_after(pl.col("user"), favoured),
    )
    lagged = steps.with_columns(
        _before(pl.col(source), lag).fill_null(NO_MOVE).alias(f"{source}_{lag}")
        for source in ("user", "bot", "result")
        for lag in LAGS
    )
    features = lagged.select("game_id", "round_no", *_lagged(), *_points(), *_tendencies(), *_state(), label="user")
    return features.select("game_id", "round_no", *CONTRACT_V2.columns, "label")


def _before(expression: pl.Expr, lag: int = 1) -> pl.Expr:
    """Return the value `lag` rounds earlier in the same game, or null; rounds must be numbered from 1 without gaps."""
    return pl.when(pl.col("round_no") > lag).then(expression.shift(lag))


def _lagged() -> list[pl.Expr]:
    return [
        (pl.col(f"{source}_{lag}") == position).cast(pl.Float64).alias(f"{prefix}_-{lag}_{value}")
        for prefix, source, values in (("user", "user", MOVES), ("bot", "bot", MOVES), ("res", "result", RESULTS))
        for lag in LAGS
        for position, value in enumerate(values)
    ]


def _points() -> list[pl.Expr]:
    now = [pl.col(column).cast(pl.Float64) for column in _POINTS]
    past = [
        _before(pl.col(f"{move}_pts"), lag)
        .fill_null(pl.col(f"{move}_pts"))
        .cast(pl.Float64)
        .alias(f"points_-{lag}_{move}")
        for lag in LAGS
        for move in MOVES
    ]
    return now + past


def _share_before(condition: pl.Expr) -> pl.Expr:
    """Return the share of the game's earlier rounds that meet `condition`; 0 if there are no earlier rounds."""
    hit = condition.cast(pl.Int32)
    before = hit.cum_sum() - hit
    # Subtract the count at the start of the game.
    hits = before - pl.when(pl.col("round_no") == 1).then(before).forward_fill()
    earlier = pl.col("round_no") - 1
    return pl.when(earlier == 0).then(0.0).otherwise(hits.cast(pl.Float64) / earlier.cast(pl.Float64))


def _tendencies() -> list[pl.Expr]:
    moves = [
        _share_before(pl.col("user") == position).alias(f"user_tend_{move}") for position, move in enumerate(MOVES)
    ]
    names = ("tend_favored", "tend_fav_beater", "tend_fav_beater_beater")
    favoured = [_share_before(pl.col("favoured_step") == step).alias(name) for step, name in enumerate(names)]
    return moves + favoured


def _state() -> list[pl.Expr]:
    user = _before(pl.col("user_score")).fill_null(0.0)
    bot = _before(pl.col("bot_score")).fill_null(0.0)
    return [
        (user - bot).alias("score_diff"),
        pl.max_horizontal(pl.lit(0.0), TARGET_POINTS - user).alias("user_pts_to_win"),
        pl.max_horizontal(pl.lit(0.0), TARGET_POINTS - bot).alias("bot_pts_to_win"),
        pl.col("round_no").cast(pl.Float64).alias("step_no"),
        pl.col("easy_mode").cast(pl.Float64),
    ]
