"""Features of whole tables of rounds as Polars expressions: what training computes, millions of rounds at a time.

`rps_core.features.history` computes the same for one round; a property test keeps the two equal, bit for bit. The only
module of the core that needs Polars.
"""

import polars as pl

from rps_core.features.contract import CONTRACT_V2, LAGS, RESULTS
from rps_core.moves import MOVES
from rps_core.scoring import TARGET_POINTS

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
_POINTS = tuple(f"{move}_pts" for move in MOVES)


def feature_frame(rounds: pl.DataFrame) -> pl.DataFrame:
    """Return one row of features a round, in the order of `rounds` by game and round.

    Args:
        rounds: all rounds of each game, from the first on, with `ROUND_COLUMNS`; scores are those after the round.

    Returns:
        game_id, round_no, the 50 columns of contract version 2 (Float64), and `label` (Int8, index of the user's move).

    Raises:
        ValueError: a column is missing or holds a null, a move is unknown, or the rounds of a game are not 1, 2, 3 …
    """
    _require_columns(rounds)
    prepared = _prepared(rounds)
    _require_whole_games(prepared)
    features = prepared.select("game_id", "round_no", *_lagged(), *_points(), *_tendencies(), *_state(), label="user")
    return features.select("game_id", "round_no", *CONTRACT_V2.columns, pl.col("label").cast(pl.Int8))


def _require_columns(rounds: pl.DataFrame) -> None:
    missing = [column for column in ROUND_COLUMNS if column not in rounds.columns]
    if missing:
        raise ValueError(f"the rounds lack the columns {', '.join(missing)}")
    with_nulls = [column for column in ROUND_COLUMNS if rounds[column].null_count()]
    if with_nulls:
        raise ValueError(f"the rounds hold nulls in {', '.join(with_nulls)}")
    for column in ("user_move", "bot_move"):
        unknown = rounds.filter(~pl.col(column).is_in(MOVES))[column].unique()
        if len(unknown):
            raise ValueError(f"{column} holds {unknown[0]!r}, which is no move")


def _prepared(rounds: pl.DataFrame) -> pl.DataFrame:
    """Add move indices and the distance of the user's move from the favoured one; order by game and round."""
    index = {move: position for position, move in enumerate(MOVES)}
    favoured = (
        pl.when((pl.col("rock_pts") >= pl.col("paper_pts")) & (pl.col("rock_pts") >= pl.col("scissors_pts")))
        .then(0)
        .when(pl.col("paper_pts") >= pl.col("scissors_pts"))
        .then(1)
        .otherwise(2)
    )
    return (
        rounds.with_row_index("position")
        .with_columns(pl.col("position").min().over("game_id"))
        .sort("position", "round_no", maintain_order=True)
        .with_columns(
            user=pl.col("user_move").replace_strict(index, return_dtype=pl.Int64),
            bot=pl.col("bot_move").replace_strict(index, return_dtype=pl.Int64),
        )
        .with_columns(
            outcome=((pl.col("user") - pl.col("bot") + 3) % 3 + 2) % 3,
            favoured_step=(pl.col("user") - favoured + 3) % 3,
        )
    )


def _require_whole_games(prepared: pl.DataFrame) -> None:
    # Rounds of one game stand next to each other here, so that neighbours tell it; grouping would cost ten times more.
    follows = (pl.col("game_id") == pl.col("game_id").shift()).fill_null(value=False)
    expected = pl.when(follows).then(pl.col("round_no").shift() + 1).otherwise(1)
    broken = prepared.filter(pl.col("round_no") != expected)
    if len(broken):
        row = broken.row(0, named=True)
        raise ValueError(f"the rounds of game {row['game_id']} are not 1, 2, 3 …: found round {row['round_no']}")


def _before(expression: pl.Expr, lag: int = 1) -> pl.Expr:
    """Return the value some rounds earlier in the same game, null where there is none: rounds are 1, 2, 3 … by now."""
    return pl.when(pl.col("round_no") > lag).then(expression.shift(lag))


def _lagged() -> list[pl.Expr]:
    return [
        (_before(pl.col(source), lag) == position)
        .fill_null(value=False)
        .cast(pl.Float64)
        .alias(f"{prefix}_-{lag}_{value}")
        for prefix, source, values in (("user", "user", MOVES), ("bot", "bot", MOVES), ("res", "outcome", RESULTS))
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
    """Return the share of the earlier rounds of the game that meet `condition`; 0 where there are none."""
    before = condition.cast(pl.Int64).cum_sum() - condition.cast(pl.Int64)
    # What was counted before the game began, carried on through it.
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
