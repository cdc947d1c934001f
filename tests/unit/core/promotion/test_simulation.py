"""The claims of docs/promotion.md about the policies with a look after every game, in a smaller simulation."""

import numpy as np
import pytest

from benchmarks.promotion_simulation import Courses, first_swaps, outcome, simulate
from rps_core.promotion.progress import comparison_progress
from rps_core.promotion.rules import PolicyName, PromotionRules

ALPHA, REPETITIONS, GAMES_A_SIDE = 0.05, 800, 200


def swapped(policy: PolicyName, rate: float, lead: float, seed: int) -> float:
    courses = simulate(rate, lead, REPETITIONS, GAMES_A_SIDE, np.random.default_rng(seed))
    return outcome(first_swaps(courses, PromotionRules(policy=policy, alpha=ALPHA))).swapped


@pytest.mark.parametrize("rate", [0.3, 0.5, 0.7])
def test_the_sequential_policy_keeps_alpha_with_a_look_after_every_game(rate: float) -> None:
    # Three standard errors below alpha: a policy that swaps too often does not pass by chance.
    margin = 3 * (ALPHA * (1 - ALPHA) / REPETITIONS) ** 0.5
    assert swapped("sequential", rate, 0.0, seed=1) <= ALPHA - margin


def test_the_other_policies_swap_equal_versions_far_more_often_than_alpha() -> None:
    assert swapped("z_test", 0.5, 0.0, seed=1) > 3 * ALPHA
    assert swapped("lead", 0.5, 0.0, seed=1) > 0.8


def test_the_sequential_policy_finds_a_b_that_is_twenty_points_better() -> None:
    assert swapped("sequential", 0.5, 0.2, seed=2) > 0.85


def test_the_original_rule_usually_promotes_a_worse_b() -> None:
    assert swapped("lead", 0.5, -0.05, seed=3) > 0.5
    assert swapped("sequential", 0.5, -0.05, seed=3) < 0.01


@pytest.mark.parametrize("policy", ["lead", "z_test", "sequential"])
def test_the_simulation_decides_like_the_product(policy: PolicyName) -> None:
    rules = PromotionRules(policy=policy, alpha=0.2, min_games=10)
    courses = simulate(0.5, 0.15, repetitions=12, games_a_side=40, rng=np.random.default_rng(4))
    found = first_swaps(courses, rules)
    for row, games_a_side in enumerate(found):
        looks = [_counts(courses, row, game) for game in range(courses.games.shape[1])]
        reached = [comparison_progress(*counts, rules).is_reached for counts in looks]
        assert games_a_side == ((reached.index(True) + 1) / 2 if any(reached) else np.inf)
    assert np.isfinite(found).any()


def _counts(courses: Courses, row: int, game: int) -> tuple[int, int, int, int]:
    b_wins, b_games, wins, games = (int(count) for count in courses.at((row, game)))
    return b_wins, b_games, wins, games
