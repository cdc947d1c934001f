"""The bot's move: the largest expected value under a predicted distribution of the user's move. Nothing is random."""

import math
from collections.abc import Sequence
from typing import TypeAlias

from rps_core.game.moves import HUNTER_INDEX, MOVES, PREY_INDEX, Move
from rps_core.game.scoring import TARGET_POINTS, Points, reaches_target

Probabilities: TypeAlias = tuple[float, float, float]

UNIFORM: Probabilities = (1 / 3, 1 / 3, 1 / 3)
# A win or a loss that ends the game counts as much as the whole target.
_FINISHING_BONUS = TARGET_POINTS


def sanitize_probabilities(values: Sequence[float]) -> Probabilities:
    """Return a valid distribution over rock, paper and scissors.

    Missing entries count as 0, and entries after the third are dropped. A negative or non-finite entry, or a sum of 0,
    makes the distribution uniform.
    """
    three = [float(value) for value in values[:3]]
    three += [0.0] * (3 - len(three))
    total = math.fsum(three) if all(math.isfinite(value) for value in three) else 0.0
    if total <= 0 or not math.isfinite(total) or min(three) < 0:
        return UNIFORM
    return three[0] / total, three[1] / total, three[2] / total


def expected_values(
    probabilities: Probabilities, points: Points, bot_score: float, user_score: float
) -> tuple[float, float, float]:
    """Return the expected value of each bot move, in points.

    EV(m) = P(prey)·(V(m) + W) - P(hunter)·(V(hunter) + L) + P(m)·0.5·(bot - user)/10. W and L are 10 if that win or
    that loss would end the game, and 0 otherwise. The last term rewards draws for the leader.
    """
    tie_weight = 0.5 * (bot_score - user_score) / TARGET_POINTS
    bonus = [_FINISHING_BONUS if reaches_target(bot_score + value) else 0.0 for value in points]
    malus = [_FINISHING_BONUS if reaches_target(user_score + value) else 0.0 for value in points]
    first, second, third = (
        probabilities[PREY_INDEX[move]] * (points[move] + bonus[move])
        - probabilities[HUNTER_INDEX[move]] * (points[HUNTER_INDEX[move]] + malus[HUNTER_INDEX[move]])
        + probabilities[move] * tie_weight
        for move in range(3)
    )
    return first, second, third


def choose_move(probabilities: Probabilities, points: Points, bot_score: float, user_score: float) -> Move:
    """Return the move with the largest expected value; ties go to the first in canonical order."""
    values = expected_values(probabilities, points, bot_score, user_score)
    return MOVES[values.index(max(values))]


def most_probable(probabilities: Probabilities) -> Move:
    """Return the most probable move; ties go to the first in canonical order."""
    return MOVES[probabilities.index(max(probabilities))]
