"""Evidence that one configuration beats another, from pairs of games; valid after any number of looks.

A pair holds one game of B and one of Production. Only pairs in which exactly one of the two won say anything: x pairs
that B won, and y that Production won. Let both games of a pair have the same circumstances, and let B's chance to win
be no higher than Production's. Then each of these pairs goes to B with a chance of at most one half. For a share θ > ½,

    (2θ)^x (2(1-θ))^y

is multiplied by at most 1 on average with each such pair, and so is its average over a prior of θ:

    E(x, y) = Σ weight · (2θ)^x (2(1-θ))^y

E starts at 1. By Ville's inequality, the chance that it *ever* reaches 1/alpha is at most alpha, whatever the level of
the players, of the models or of the day, which may change with every pair. So counts add up over generations.

Sources: Ville, Étude critique de la notion de collectif (1939); Ramdas, Grünwald, Vovk, Shafer, Game-theoretic
statistics and safe anytime-valid inference, Statistical Science 38 (2023).
"""

import math

# The prior of θ as shares and weights, which must never change: a comparison would otherwise be judged twice. Most of
# the weight is on leads of ten and twenty points; 0.52 finds small leads eventually. `benchmarks.promotion_simulation`
# shows its power. The bound on false swaps holds for every prior.
PRIOR: tuple[tuple[float, float], ...] = ((0.52, 0.02), (0.55, 0.08), (0.60, 0.50), (0.70, 0.38), (0.80, 0.02))
_TERMS = tuple((math.log(2 * share), math.log(2 * (1 - share)), math.log(weight)) for share, weight in PRIOR)
# exp() of a larger number is not finite.
_LARGEST_LOG_EVIDENCE = 700.0


def evidence(won: float, lost: float) -> float:
    """Return E for pairs that a side won and lost; it is finite, and 1 without pairs.

    Raises:
        ValueError: a count is negative.
    """
    return math.exp(min(log_evidence(won, lost), _LARGEST_LOG_EVIDENCE))


def log_evidence(won: float, lost: float) -> float:
    """Return ln E for pairs that a side won and lost; forecasts also ask for fractions of pairs.

    Raises:
        ValueError: a count is negative.
    """
    if min(won, lost) < 0:
        raise ValueError(f"counts of pairs must not be negative, found {won} and {lost}")
    logs = [won * gain + lost * loss + weight for gain, loss, weight in _TERMS]
    largest = max(logs)
    return largest + math.log(math.fsum(math.exp(term - largest) for term in logs))
