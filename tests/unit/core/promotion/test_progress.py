"""Progress of a comparison: only a swap fills the bar."""

import math

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from rps_core.game.families import Alias
from rps_core.promotion.policy import plan_promotion
from rps_core.promotion.progress import comparison_progress
from rps_core.promotion.records import VersionRecord
from rps_core.promotion.rules import PolicyName, PromotionRules
from rps_core.promotion.statistics import wilson_lower_bound

POLICIES: tuple[PolicyName, ...] = ("sequential", "z_test", "lead")
ASSIGNED: dict[Alias, str] = {"Production": "1", "B": "2"}

policies = st.sampled_from(POLICIES)
alphas = st.floats(0.001, 0.6)


@st.composite
def arms(draw: st.DrawFn) -> tuple[int, int, int, int]:
    b_games, games = draw(st.integers(0, 400)), draw(st.integers(0, 400))
    return (draw(st.integers(0, b_games)), b_games, draw(st.integers(0, games)), games)


@given(arms(), policies, alphas, st.integers(1, 100))
def test_under_every_policy_a_swap_needs_a_lead_and_enough_games(
    counts: tuple[int, int, int, int], policy: PolicyName, alpha: float, min_games: int
) -> None:
    b_wins, b_games, wins, games = counts
    rules = PromotionRules(policy=policy, alpha=alpha, min_games=min_games)
    records = {"1": VersionRecord(wins, games - wins), "2": VersionRecord(b_wins, b_games - b_wins)}
    plan = plan_promotion("xgboost", ASSIGNED, records, rules)
    if plan.decision == "swap_production_b":
        assert b_wins * games > wins * b_games
        assert min(b_games, games) >= (3 if policy == "lead" else min_games)
    else:
        assert plan.changes == {}
    enough = min(b_games, games) >= rules.games_needed
    assert (plan.decision == "insufficient_data") is not enough


@given(arms(), policies, alphas)
def test_the_bar_is_full_if_and_only_if_the_swap_is_reached(
    counts: tuple[int, int, int, int], policy: PolicyName, alpha: float
) -> None:
    progress = comparison_progress(*counts, PromotionRules(policy=policy, alpha=alpha))
    assert 0.0 <= progress.share <= 1.0
    assert (progress.share == 1.0) is progress.is_reached
    assert progress.evidence is None or math.isfinite(progress.evidence)
    assert math.isfinite(progress.threshold)


@given(arms(), alphas, alphas)
def test_a_stricter_alpha_never_swaps_if_a_looser_alpha_retains(
    counts: tuple[int, int, int, int], first: float, second: float
) -> None:
    strict, loose = sorted((first, second))
    for policy in POLICIES:
        if comparison_progress(*counts, PromotionRules(policy=policy, alpha=strict)).is_reached:
            assert comparison_progress(*counts, PromotionRules(policy=policy, alpha=loose)).is_reached


@given(arms(), policies, alphas)
def test_one_more_win_instead_of_a_loss_never_undoes_a_swap(
    counts: tuple[int, int, int, int], policy: PolicyName, alpha: float
) -> None:
    b_wins, b_games, wins, games = counts
    rules = PromotionRules(policy=policy, alpha=alpha)
    assume(b_wins + 1 < b_games)
    if comparison_progress(*counts, rules).is_reached:
        assert comparison_progress(b_wins + 1, b_games, wins, games, rules).is_reached


@given(arms(), policies, alphas)
def test_a_swap_cannot_be_reached_in_both_directions(
    counts: tuple[int, int, int, int], policy: PolicyName, alpha: float
) -> None:
    b_wins, b_games, wins, games = counts
    rules = PromotionRules(policy=policy, alpha=alpha)
    there, back = comparison_progress(*counts, rules), comparison_progress(wins, games, b_wins, b_games, rules)
    assert not (there.is_reached and back.is_reached)


def test_progress_counts_the_missing_games_of_each_side() -> None:
    progress = comparison_progress(12, 20, 30, 45, PromotionRules())
    assert (progress.games_needed, progress.b_games_missing, progress.production_games_missing) == (30, 10, 0)
    assert not progress.has_games
    assert progress.threshold == 20.0


def test_neither_games_nor_evidence_alone_fill_the_bar() -> None:
    lucky = comparison_progress(15, 15, 0, 15, PromotionRules())
    assert lucky.evidence is not None
    assert lucky.evidence > lucky.threshold
    assert lucky.share == 0.5
    assert comparison_progress(250, 500, 250, 500, PromotionRules()).share == 0.0


@pytest.mark.parametrize("policy", POLICIES)
def test_every_policy_refuses_impossible_counts(policy: PolicyName) -> None:
    with pytest.raises(ValueError, match=r"found \(5, 4, 0, 0\)"):
        comparison_progress(5, 4, 0, 0, PromotionRules(policy=policy))


def test_the_wilson_bound_equals_a_worked_example() -> None:
    # 81 of 263: Newcombe, Statistics in Medicine 17 (1998), table I; two-sided 95 % is one-sided 97.5 %.
    assert wilson_lower_bound(81, 263, 0.975) == pytest.approx(0.2553, abs=1e-4)
    assert wilson_lower_bound(0, 0) == 0.0
    assert wilson_lower_bound(0, 20) == 0.0


@given(st.integers(1, 3_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_wilson_bound_is_below_the_rate_and_grows_with_successes_and_trials(counts: tuple[int, int]) -> None:
    successes, trials = counts
    bound = wilson_lower_bound(successes, trials)
    assert 0.0 <= bound < successes / trials or successes == 0
    assert wilson_lower_bound(2 * successes, 2 * trials) >= bound
    if successes < trials:
        assert wilson_lower_bound(successes + 1, trials) > bound


def test_more_successes_than_trials_are_refused() -> None:
    with pytest.raises(ValueError, match="found 3 of 2"):
        wilson_lower_bound(3, 2)
