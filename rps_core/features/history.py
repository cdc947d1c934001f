"""One row of features from the history of one game, as serving computes it in microseconds.

`rps_assets.datasets.feature_frame` computes whole tables. A property test keeps both equal bit for bit.
"""

from collections.abc import Sequence

from rps_core.game.moves import MOVE_INDEX, places_after
from rps_core.game.scoring import TARGET_POINTS, PlayedRound, Points

_NONE = (0.0, 0.0, 0.0)
# A table, because each `/play` needs it for each round of the history.
_PLACES_AFTER = tuple(tuple(places_after(move, other) for other in range(3)) for move in range(3))
_ONE_HOT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))


def features_from_history(
    history: Sequence[PlayedRound], points: Points, round_no: int, easy_mode: bool = False
) -> list[float]:
    """Return the 50 features of contract version 2, in order.

    Args:
        history: all completed rounds of the game, oldest first, including the opening.
        points: values of rock, paper and scissors in the round to predict.
        round_no: number of the round to predict, from 1.
        easy_mode: whether this is one of the retired easy games.
    """
    recent = history[-1:-4:-1]
    row: list[float] = []
    missing = _NONE * (3 - len(recent))
    moves = [(MOVE_INDEX[played.user_move], MOVE_INDEX[played.bot_move]) for played in recent]
    for user, _ in moves:
        row += _ONE_HOT[user]
    row += missing
    for _, bot in moves:
        row += _ONE_HOT[bot]
    row += missing
    for user, bot in moves:
        # Position in the contract's RESULTS: 0 win, 1 lose, 2 draw.
        row += _ONE_HOT[(_PLACES_AFTER[user][bot] + 2) % 3]
    row += missing
    row += points
    for played in recent:
        row += played.points
    row += points * (3 - len(recent))
    row += _tendencies(history)
    user_score, bot_score = (history[-1].user_score, history[-1].bot_score) if history else (0.0, 0.0)
    row += (
        user_score - bot_score,
        max(0.0, TARGET_POINTS - user_score),
        max(0.0, TARGET_POINTS - bot_score),
        float(round_no),
        1.0 if easy_mode else 0.0,
    )
    return row


def _tendencies(history: Sequence[PlayedRound]) -> list[float]:
    """Return six shares of the user's moves.

    The first three are the shares of rock, paper and scissors. The others are the shares of the move worth most in its
    round, of that move's hunter and of the hunter's hunter.
    """
    if not history:
        return [0.0] * 6
    moves, favoured_steps = [0, 0, 0], [0, 0, 0]
    for played in history:
        user, points = MOVE_INDEX[played.user_move], played.points
        moves[user] += 1
        favoured_steps[_PLACES_AFTER[user][points.index(max(points))]] += 1
    rounds = len(history)
    return [count / rounds for count in moves] + [count / rounds for count in favoured_steps]
