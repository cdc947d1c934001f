"""Progress of the comparison of Production and B, for the decision and for a progress bar."""

import math
from statistics import NormalDist

import msgspec

from rps_core.promotion.rules import PolicyName, PromotionRules
from rps_core.promotion.sequential import evidence
from rps_core.promotion.statistics import two_proportion_z


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """Progress of a comparison towards a swap.

    Attributes:
        policy: the policy that decides.
        evidence: under `sequential` the evidence that B is better, under `z_test` z, under `lead` the difference of the
            win rates (0.05 is five points). Null if there are too few games to compute it.
        threshold: the value that the evidence must reach; under `lead` it must exceed this value.
        games_needed: decided games that each side needs.
        production_games_missing: how many of these Production still lacks.
        b_games_missing: how many of these B still lacks.
        is_reached: whether B replaces Production.
        share: 0 to 1 for a progress bar; 1 if and only if the swap is reached.
    """

    policy: PolicyName
    evidence: float | None
    threshold: float
    games_needed: int
    production_games_missing: int
    b_games_missing: int
    is_reached: bool
    share: float

    @property
    def has_games(self) -> bool:
        """Whether both sides have the games that they need."""
        return self.production_games_missing == self.b_games_missing == 0


def comparison_progress(
    b_wins: int, b_games: int, production_wins: int, production_games: int, rules: PromotionRules
) -> Progress:
    """Return the progress of a comparison; all counts are of decided games.

    Raises:
        ValueError: a count is negative, or more games were won than played.
    """
    counts = (b_wins, b_games, production_wins, production_games)
    if not (0 <= b_wins <= b_games and 0 <= production_wins <= production_games):
        raise ValueError(f"counts must satisfy 0 <= wins <= games on both sides, found {counts}")
    needed = rules.games_needed
    found, threshold, share = _EVIDENCE[rules.policy](*counts, rules.alpha)
    leads = b_wins * production_games > production_wins * b_games
    reached = leads and share >= 1.0 and min(b_games, production_games) >= needed
    games_share = min(1.0, b_games / needed, production_games / needed)
    return Progress(
        policy=rules.policy,
        evidence=found,
        threshold=threshold,
        games_needed=needed,
        production_games_missing=max(needed - production_games, 0),
        b_games_missing=max(needed - b_games, 0),
        is_reached=reached,
        share=1.0 if reached else min(games_share, share, _ALMOST_FULL),
    )


# Only a swap fills the bar.
_ALMOST_FULL = 0.99


def _sequential(b_wins: int, b_games: int, wins: int, games: int, alpha: float) -> tuple[float, float, float]:
    found, threshold = evidence(b_wins, b_games, wins, games), 1 / alpha
    # Each game multiplies the evidence, so its logarithm grows evenly.
    share = math.log(found) / math.log(threshold) if found > 1 else 0.0
    return found, threshold, 1.0 if found >= threshold else _clip(share)


def _z_test(b_wins: int, b_games: int, wins: int, games: int, alpha: float) -> tuple[float | None, float, float]:
    test, threshold = two_proportion_z(b_wins, b_games, wins, games), NormalDist().inv_cdf(1 - alpha)
    if test.z is None or test.p is None:
        return None, threshold, 0.0
    if test.p < alpha:
        return test.z, threshold, 1.0
    return test.z, threshold, _clip(test.z / threshold) if threshold > 0 else 0.0


def _lead(b_wins: int, b_games: int, wins: int, games: int, _alpha: float) -> tuple[float | None, float, float]:
    if not (b_games and games):
        return None, 0.0, 0.0
    lead = b_wins / b_games - wins / games
    return lead, 0.0, float(b_wins * games > wins * b_games)


def _clip(share: float) -> float:
    return min(max(share, 0.0), _ALMOST_FULL)


_EVIDENCE = {"sequential": _sequential, "z_test": _z_test, "lead": _lead}
