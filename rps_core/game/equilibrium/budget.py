"""A budget of win probability that the bot may risk, and the best reply within it.

The bot plays a mixture that is worth at least the value of the round minus the budget, whatever the user plays. After
the round the budget grows by what the mixture was worth against the user's move, over the value. Win probability minus
budget then keeps its expectation whatever the user does, so the bot gives away no more than its budget at the start
(Ganzfried and Sandholm, "Safe opponent exploitation", EC 2012).
"""

from rps_core.game.equilibrium.stakes import Mixture, Stakes, Triple, best_move

_ROUNDING = 1e-12
# Two constraints with a smaller determinant are parallel.
_PARALLEL = 1e-15


def safe_response(stakes: Stakes, forecast: Mixture, budget: float) -> Mixture:
    """Return the best reply to a forecast among the mixtures that lose at most `budget`, whatever the user plays.

    The safe mixtures form a polygon around perfect play, and the best one is a corner: where two of six constraints are
    tight. Three say that no move of the user costs more than the budget, three that no share is negative.

    Args:
        stakes: the round.
        forecast: probabilities of the user's moves.
        budget: win probability that the mixture may lose against the value of the round.
    """
    worth = stakes.against_forecast(forecast)
    pure = best_move(worth)
    floor: float = stakes.value - budget
    if min(stakes.against_user_moves(pure)) >= floor:
        return pure
    perfect = stakes.bot_mixture
    return perfect if budget <= 0 else _best_corner(_constraints(stakes, floor), worth, perfect)


def settle_budget(stakes: Stakes, mixture: Mixture, user_move: int, budget: float) -> float:
    """Return the budget after the round; it is never negative.

    Args:
        stakes: the round.
        mixture: what the bot drew its move from.
        user_move: index of the user's move.
        budget: before the round.
    """
    gained: float = stakes.against_user_moves(mixture)[user_move] - stakes.value
    return max(0.0, budget + gained)


def _constraints(stakes: Stakes, floor: float) -> tuple[Triple, ...]:
    """Return six rows; a mixture is safe if its product with none of them is negative."""
    gains, losses = stakes.gains, stakes.losses
    return (
        (-floor, gains[1] - floor, -losses[0] - floor),
        (-losses[1] - floor, -floor, gains[2] - floor),
        (gains[0] - floor, -losses[2] - floor, -floor),
        (1.0, 0.0, 0.0),
        (0.0, 1.0, 0.0),
        (0.0, 0.0, 1.0),
    )


def _best_corner(rows: tuple[Triple, ...], worth: Triple, perfect: Mixture) -> Mixture:
    found, top = perfect, perfect[0] * worth[0] + perfect[1] * worth[1] + perfect[2] * worth[2]
    for place, (a, b, c) in enumerate(rows):
        for d, e, f in rows[place + 1 :]:
            x, y, z = b * f - c * e, c * d - a * f, a * e - b * d
            total = x + y + z
            if -_PARALLEL < total < _PARALLEL:
                continue
            x, y, z = x / total, y / total, z / total
            score = x * worth[0] + y * worth[1] + z * worth[2]
            if score <= top or min(x, y, z) < -_ROUNDING:
                continue
            if all(x * row[0] + y * row[1] + z * row[2] >= -_ROUNDING for row in rows[:3]):
                found, top = (max(x, 0.0), max(y, 0.0), max(z, 0.0)), score
    return found
