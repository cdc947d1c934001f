"""The former rule of promotions, which `promotion_simulation` compares: bounds over the rate that separates both sides.

The null hypothesis is p_B ≤ p_P. It holds if and only if some rate p separates the two sides: p_B ≤ p ≤ p_P. For one
such p, let λ = ln(p/(1-p)), and bet that B's rate is σ(λ+a) and Production's rate is σ(λ-b), with a, b ≥ 0:

    M_ab(λ) = [σ(λ+a)/p]^w_B [(1-σ(λ+a))/(1-p)]^l_B [σ(λ-b)/p]^w_P [(1-σ(λ-b))/(1-p)]^l_P

A game of B multiplies M_ab by a number whose mean is at most 1 if B's rate is at most p. The same holds for a game of
Production if its rate is at least p, in any order of games. So M_ab, and any average M of it over bets that are fixed
in advance, is a nonnegative supermartingale that starts at 1. The evidence is

    E = inf over λ of M(λ),   M(λ) = Σ weight_ab · M_ab(λ).

If the null hypothesis is true, E is at most the M of the separating rate. By Ville's inequality, the chance that E
*ever* reaches 1/alpha is then at most alpha, for any schedule of looks and any order and share of games. E depends only
on counts. If B does not lead, E is at most 1, because no bet wins at a rate between the observed ones.

Sources: Ville, Étude critique de la notion de collectif (1939); Ramdas, Grünwald, Vovk, Shafer, Game-theoretic
statistics and safe anytime-valid inference, Statistical Science 38 (2023), for e-processes as infima over a composite
null; Spertus, Sridhar, Stark, Sequential stratified inference for the mean, arXiv:2409.06680 (2024), for products over
strata minimised over a union of intersections. This is the case of two strata.
"""

import math
from functools import cache
from itertools import product
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]

# Prior of the bets, which must never change. The lift a + b is the difference in log odds; 0.4 is 50 % against 60 %.
# B's part of the lift is a / (a + b); one half suits sides with equally many games. Most of the weight is on five to
# twenty points; the rest finds any other lift eventually. The prior affects how many games a swap takes, but the bound
# on false swaps holds for every prior.
LIFTS: tuple[tuple[float, float], ...] = (
    (0.05, 0.02),
    (0.1, 0.05),
    (0.2, 0.2),
    (0.4, 0.4),
    (0.8, 0.25),
    (1.6, 0.06),
    (3.2, 0.02),
)
B_PARTS: tuple[tuple[float, float], ...] = ((0.0, 0.075), (0.25, 0.075), (0.5, 0.7), (0.75, 0.075), (1.0, 0.075))

# The infimum runs over separating rates in steps of log odds; one more interval on each side bounds the rest.
_LARGEST_LOG_ODDS, _STEP = 8.0, 0.01
# Largest slope of σ(x)(1-σ(x)), which bounds the curvature of ln M_ab.
_CURVATURE = 1 / (6 * math.sqrt(3))
_CHUNK = 32


class _Bets(NamedTuple):
    """The bets of the prior; each array has one entry for each bet."""

    b_lift: Floats
    production_lift: Floats
    log_weight: Floats


def log_evidence(
    b_wins: ArrayLike, b_games: ArrayLike, production_wins: ArrayLike, production_games: ArrayLike
) -> Floats:
    """Return ln E for arrays of counts that broadcast against each other.

    The result is a lower bound of the infimum. Between two neighbouring λ, ln M_ab is at least its smaller end minus
    h²/8 times a bound of its curvature. Beyond the last λ, the factors of B fall and those of Production rise with λ.

    Raises:
        ValueError: a count is negative, or more games were won than played.
    """
    counts = np.broadcast_arrays(*(np.asarray(c, float) for c in (b_wins, b_games, production_wins, production_games)))
    wins_b, games_b, wins_p, games_p = counts
    if not all(((wins >= 0) & (wins <= games)).all() for wins, games in ((wins_b, games_b), (wins_p, games_p))):
        raise ValueError("counts must satisfy 0 <= wins <= games on both sides")
    flat, found = np.stack([count.ravel() for count in counts]), np.empty(wins_b.size)
    for start in range(0, found.size, _CHUNK):
        found[start : start + _CHUNK] = _lower_bound(*flat[:, start : start + _CHUNK])
    return found.reshape(wins_b.shape)


@cache
def _bets() -> _Bets:
    pairs = [(lift * part, lift * (1 - part), w * v) for (lift, w), (part, v) in product(LIFTS, B_PARTS)]
    b_lift, production_lift, weight = np.array(pairs).T
    return _Bets(b_lift, production_lift, np.log(weight))


@cache
def _normalisers() -> tuple[Floats, Floats]:
    """Return the cost of a game of B and of Production for each bet; both shapes are (separating rates, bets)."""
    at = np.linspace(-_LARGEST_LOG_ODDS, _LARGEST_LOG_ODDS, round(2 * _LARGEST_LOG_ODDS / _STEP) + 1)[:, None]
    bets = _bets()
    return (
        _log1pexp(at + bets.b_lift) - _log1pexp(at),
        _log1pexp(at - bets.production_lift) - _log1pexp(at),
    )


def _lower_bound(wins_b: Floats, games_b: Floats, wins_p: Floats, games_p: Floats) -> Floats:
    """Return the lower bound of ln E for a few counts of shape (n,)."""
    wins_b, games_b, wins_p, games_p = (count[:, None] for count in (wins_b, games_b, wins_p, games_p))
    bets, (cost_b, cost_p) = _bets(), _normalisers()
    of_b = (wins_b * bets.b_lift)[:, None, :] - games_b[..., None] * cost_b
    of_p = -(wins_p * bets.production_lift)[:, None, :] - games_p[..., None] * cost_p
    at_rates = of_b + of_p + bets.log_weight
    bend = _STEP**2 / 8 * _CURVATURE * (games_b * bets.b_lift + games_p * bets.production_lift)
    between = _log_sum(np.minimum(at_rates[:, :-1], at_rates[:, 1:]) - bend[:, None, :])
    # As λ -> ∞, each lost game of B costs its whole lift; as λ -> -∞, each won game of Production does.
    above = _log_sum(-(games_b - wins_b) * bets.b_lift + of_p[:, -1] + bets.log_weight)
    below = _log_sum(of_b[:, 0] - wins_p * bets.production_lift + bets.log_weight)
    lowest: Floats = np.minimum(between.min(axis=1), np.minimum(above, below))
    return lowest


def _log1pexp(x: Floats) -> Floats:
    logs: Floats = np.logaddexp(0.0, x)
    return logs


def _log_sum(logs: Floats) -> Floats:
    """Return ln Σ exp over the last axis."""
    largest = logs.max(axis=-1, keepdims=True)
    total: Floats = np.log(np.exp(logs - largest).sum(axis=-1)) + largest[..., 0]
    return total
