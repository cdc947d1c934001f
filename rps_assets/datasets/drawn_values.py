"""Recordings with drawn values: a recording without values trains twice, the second time with values as in our games.

In our games, moves have values. Trees that see recordings only without values use the values to recognise recordings,
and then predict people of our games worse. The values are those that a game with the recording's id would have.
"""

from collections.abc import Iterable

import polars as pl

from rps_core.game.moves import MOVES
from rps_core.game.scoring import PlayedRound, play_round, round_points

_POINTS = [f"{move}_pts" for move in MOVES]


def is_classic(rounds: Iterable[PlayedRound]) -> bool:
    """Return whether all moves of a game are worth the same in each round, as in recordings."""
    return all(len(set(played.points)) == 1 for played in rounds)


def drawn_rounds(game_id: str, rounds: Iterable[PlayedRound]) -> list[PlayedRound]:
    """Return the rounds of a recording with drawn values and their scores, up to the round that would end the game."""
    user = bot = 0.0
    found = []
    for played in rounds:
        points = round_points(game_id, played.round_no)
        outcome = play_round(user, bot, played.user_move, played.bot_move, points)
        user, bot = outcome.user_score, outcome.bot_score
        found.append(played._replace(points=points, user_score=user, bot_score=bot))
        if outcome.finished:
            break
    return found


def with_drawn_values(rounds: pl.DataFrame) -> pl.DataFrame:
    """Return the rounds of recordings among whole games again, with drawn values; other games are left out.

    Args:
        rounds: `build.round_schema`; the rounds of each game next to each other and in order.
    """
    rock, paper, scissors = (pl.col(name) for name in _POINTS)
    classic = rounds.filter(((rock == paper) & (paper == scissors)).all().over("game_id"))
    rows: list[int] = []
    values: list[tuple[float, ...]] = []
    columns = ["game_id", "round_no", "user_move", "bot_move"]
    for game in classic.with_row_index("row").partition_by("game_id", maintain_order=True):
        first = int(game["row"][0])
        played = [
            PlayedRound(no, user, bot, (1.0, 1.0, 1.0), 0.0, 0.0)
            for _, no, user, bot in game.select(columns).iter_rows()
        ]
        for place, drawn in enumerate(drawn_rounds(str(game["game_id"][0]), played)):
            rows.append(first + place)
            values.append((*drawn.points, drawn.user_score, drawn.bot_score))
    names = [*_POINTS, "user_score", "bot_score"]
    drawn_columns = pl.DataFrame(values, schema=dict.fromkeys(names, pl.Float64), orient="row")
    return classic[rows].with_columns(drawn_columns.get_columns())
