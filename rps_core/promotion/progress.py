"""Progress of the comparison of Production and B, for the decision and for a progress bar."""

import math
from collections.abc import Callable
from statistics import NormalDist

import msgspec

from rps_core.promotion.comparison import ComparisonCounts, PlayerGroup
from rps_core.promotion.evidence import evidence
from rps_core.promotion.rules import CountedPlayers, PolicyName, PromotionRules
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
        players: the players whose games count: human, scripted, or human,scripted.
        generations: pairs of versions with a pair of games.
        pairs: complete pairs of games.
        b_pairs: pairs that only B won.
        production_pairs: pairs that only Production won.
        evidence_against_b: the evidence that Production is better than B, from the same pairs.
        is_lost: whether that evidence has reached the threshold, so that B cannot be expected to win any more.
    """

    policy: PolicyName
    evidence: float | None
    threshold: float
    games_needed: int
    production_games_missing: int
    b_games_missing: int
    is_reached: bool
    share: float
    players: PlayerGroup
    generations: int
    pairs: int
    b_pairs: int
    production_pairs: int
    evidence_against_b: float
    is_lost: bool

    @property
    def has_games(self) -> bool:
        """Whether both sides have the games that they need."""
        return self.production_games_missing == self.b_games_missing == 0


def comparison_progress(counted: CountedPlayers, rules: PromotionRules) -> Progress:
    """Return the progress of a comparison against the players who count."""
    counts, needed = counted.counts, rules.games_needed
    found, threshold, share = _EVIDENCE[rules.policy](counts, rules)
    fewest = min(counts.b_games, counts.production_games)
    against = evidence(counts.production_pairs, counts.b_pairs)
    reached = share >= 1.0 and fewest >= needed
    return Progress(
        policy=rules.policy,
        evidence=found,
        threshold=threshold,
        games_needed=needed,
        production_games_missing=max(needed - counts.production_games, 0),
        b_games_missing=max(needed - counts.b_games, 0),
        is_reached=reached,
        share=1.0 if reached else min(fewest / needed, share, _ALMOST_FULL),
        players=counted.group,
        generations=counts.generations,
        pairs=counts.pairs,
        b_pairs=counts.b_pairs,
        production_pairs=counts.production_pairs,
        evidence_against_b=against,
        is_lost=against >= rules.threshold,
    )


# Only a swap fills the bar.
_ALMOST_FULL = 0.99


def _sequential(counts: ComparisonCounts, rules: PromotionRules) -> tuple[float, float, float]:
    found, threshold = evidence(counts.b_pairs, counts.production_pairs), rules.threshold
    # Each pair multiplies the evidence, so its logarithm grows evenly.
    share = math.log(found) / math.log(threshold) if found > 1 else 0.0
    return found, threshold, 1.0 if found >= threshold else _clip(share)


def _z_test(counts: ComparisonCounts, rules: PromotionRules) -> tuple[float | None, float, float]:
    test = two_proportion_z(counts.b_wins, counts.b_games, counts.production_wins, counts.production_games)
    threshold = NormalDist().inv_cdf(1 - rules.alpha)
    if test.z is None or test.p is None:
        return None, threshold, 0.0
    if test.p < rules.alpha and test.z > 0:
        return test.z, threshold, 1.0
    return test.z, threshold, _clip(test.z / threshold) if threshold > 0 else 0.0


def _lead(counts: ComparisonCounts, _rules: PromotionRules) -> tuple[float | None, float, float]:
    if not (counts.b_games and counts.production_games):
        return None, 0.0, 0.0
    lead = counts.b_wins / counts.b_games - counts.production_wins / counts.production_games
    leads = counts.b_wins * counts.production_games > counts.production_wins * counts.b_games
    return lead, 0.0, float(leads)


def _clip(share: float) -> float:
    return min(max(share, 0.0), _ALMOST_FULL)


_EVIDENCE: dict[PolicyName, Callable[[ComparisonCounts, PromotionRules], tuple[float | None, float, float]]] = {
    "sequential": _sequential,
    "z_test": _z_test,
    "lead": _lead,
}
