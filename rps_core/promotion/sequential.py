"""Evidence that B wins more often than Production, valid however often one looks at it.

The null hypothesis is p_B ≤ p_P. It holds exactly if some rate p separates the two sides: p_B ≤ p ≤ p_P. Against one
such p, with λ = ln(p/(1-p)), bet that B's rate is σ(λ+a) and Production's σ(λ-b), a and b ≥ 0:

    M_ab(λ) = [σ(λ+a)/p]^w_B [(1-σ(λ+a))/(1-p)]^l_B [σ(λ-b)/p]^w_P [(1-σ(λ-b))/(1-p)]^l_P

A game of B multiplies this by a number whose mean is at most 1 while B's rate is at most p, a game of Production
likewise while its rate is at least p, whichever side plays next. So M_ab, and any average M of it over bets that were
fixed beforehand, is a nonnegative supermartingale that starts at 1, and the evidence is

    E = inf over λ of M(λ),   M(λ) = Σ weight_ab · M_ab(λ).

If the null hypothesis is true, E stays below the M of the separating rate, so by Ville's inequality the chance that E
*ever* reaches 1/alpha is at most alpha: no looks to plan, no order of games, no share of games a side to keep to. E
needs nothing but counts. It is at most 1 where B does not lead: then a rate between the observed ones wins no bet.

Sources: Ville, Étude critique de la notion de collectif (1939); Ramdas, Grünwald, Vovk, Shafer, Game-theoretic
statistics and safe anytime-valid inference, Statistical Science 38 (2023), for e-processes as infima over a composite
null; Spertus, Sridhar, Stark, Sequential stratified inference for the mean, arXiv:2409.06680 (2024), for products over
strata minimised over a union of intersections, which this is with two strata.
"""

import math
from functools import cache
from itertools import product
from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

Floats: TypeAlias = NDArray[np.float64]

# Prior of the bets, fixed once and for all. The lift is a + b, the log odds by which B is better (0.4 is 50 against 60
# per cent), and the part of it that B is above the separating rate is a / (a + b): one half fits sides with equally
# many games. Most weight lies on five to twenty points; the rest is there so that no lift is missed for ever. The
# prior decides how many games a swap takes, never whether the bound holds.
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

# Separating rates are walked in steps of log odds; what lies beyond is bounded by one interval on each side.
_LARGEST_LOG_ODDS, _STEP = 8.0, 0.01
# Largest slope of σ(x)(1-σ(x)), 1/(6√3): bounds the curvature of ln M_ab.
_CURVATURE = 1 / (6 * math.sqrt(3))
# exp() of more is no longer a finite number.
_LARGEST_LOG_EVIDENCE = 700.0
_CHUNK = 32


class _Bets(NamedTuple):
    """The bets of the prior, one entry each."""

    b_lift: Floats
    production_lift: Floats
    log_weight: Floats


def evidence(b_wins: int, b_games: int, production_wins: int, production_games: int) -> float:
    """Return E, the evidence against "B is not better than Production"; 1 without games, never infinite.

    Raises:
        ValueError: a count is negative, or more games were won than played.
    """
    found = float(log_evidence(b_wins, b_games, production_wins, production_games)[()])
    return math.exp(min(found, _LARGEST_LOG_EVIDENCE))


def log_evidence(
    b_wins: ArrayLike, b_games: ArrayLike, production_wins: ArrayLike, production_games: ArrayLike
) -> Floats:
    """Return ln E for arrays of counts that broadcast against each other.

    The infimum is bounded from below, never estimated: between two neighbouring λ, ln M_ab lies above its smaller end
    less h²/8 times a bound of its curvature; beyond the last λ, B's factors fall and Production's rise with λ.

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


def log_martingale(
    b_wins: ArrayLike,
    b_games: ArrayLike,
    production_wins: ArrayLike,
    production_games: ArrayLike,
    log_odds: ArrayLike,
) -> Floats:
    """Return ln M at separating rates given as log odds: an upper bound of ln E at each of them."""
    wins_b, games_b, wins_p, games_p, at = (
        np.asarray(c, float)[..., None] for c in (b_wins, b_games, production_wins, production_games, log_odds)
    )
    bets = _bets()
    of_b = wins_b * bets.b_lift - games_b * (_log1pexp(at + bets.b_lift) - _log1pexp(at))
    of_p = -wins_p * bets.production_lift - games_p * (_log1pexp(at - bets.production_lift) - _log1pexp(at))
    return _log_sum(of_b + of_p + bets.log_weight)


@cache
def _bets() -> _Bets:
    pairs = [(lift * part, lift * (1 - part), w * v) for (lift, w), (part, v) in product(LIFTS, B_PARTS)]
    b_lift, production_lift, weight = np.array(pairs).T
    return _Bets(b_lift, production_lift, np.log(weight))


@cache
def _normalisers() -> tuple[Floats, Floats]:
    """Return what a game of B and of Production costs each bet, shapes (separating rates, bets)."""
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
    # At λ -> ∞ every lost game of B costs its whole lift; at λ -> -∞ every won game of Production does.
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
