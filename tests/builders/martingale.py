"""The martingale of one separating rate, whose infimum over all rates is the evidence for a promotion."""

import numpy as np
from numpy.typing import ArrayLike

from rps_core.promotion.sequential import Floats, _bets, _log1pexp, _log_sum


def log_martingale(
    b_wins: ArrayLike,
    b_games: ArrayLike,
    production_wins: ArrayLike,
    production_games: ArrayLike,
    log_odds: ArrayLike,
) -> Floats:
    """Return ln M at separating rates given as log odds; each value is an upper bound of ln E."""
    wins_b, games_b, wins_p, games_p, at = (
        np.asarray(c, float)[..., None] for c in (b_wins, b_games, production_wins, production_games, log_odds)
    )
    bets = _bets()
    of_b = wins_b * bets.b_lift - games_b * (_log1pexp(at + bets.b_lift) - _log1pexp(at))
    of_p = -wins_p * bets.production_lift - games_p * (_log1pexp(at - bets.production_lift) - _log1pexp(at))
    return _log_sum(of_b + of_p + bets.log_weight)
