"""Progress of a comparison: only a swap fills the bar."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rps_core.promotion.comparison import ComparisonCounts
from rps_core.promotion.progress import Progress, comparison_progress
from rps_core.promotion.rules import CountedPlayers, PolicyName, PromotionRules
from rps_core.promotion.statistics import wilson_lower_bound

POLICIES: tuple[PolicyName, ...] = ("sequential", "z_test", "lead")

policies = st.sampled_from(POLICIES)
alphas = st.floats(0.001, 0.6)


@st.composite
def comparisons(draw: st.DrawFn) -> ComparisonCounts:
    b_games, games = draw(st.integers(0, 400)), draw(st.integers(0, 400))
    pairs = draw(st.integers(0, min(b_games, games)))
    b_pairs = draw(st.integers(0, pairs))
    production_pairs = draw(st.integers(0, pairs - b_pairs))
    both = draw(st.integers(0, pairs - b_pairs - production_pairs))
    return ComparisonCounts(
        generations=int(pairs > 0),
        pairs=pairs,
        b_pairs=b_pairs,
        production_pairs=production_pairs,
        b_wins=b_pairs + both + draw(st.integers(0, b_games - pairs)),
        b_games=b_games,
        production_wins=production_pairs + both + draw(st.integers(0, games - pairs)),
        production_games=games,
    )


def progress_of(counts: ComparisonCounts, rules: PromotionRules) -> Progress:
    return comparison_progress(CountedPlayers("human", counts), rules)


def games(b_wins: int, b_games: int, wins: int, n: int, b_pairs: int = 0, pairs: int = 0) -> ComparisonCounts:
    return ComparisonCounts(
        pairs=min(b_games, n),
        b_pairs=b_pairs,
        production_pairs=pairs,
        b_wins=b_wins,
        b_games=b_games,
        production_wins=wins,
        production_games=n,
    )


@given(comparisons(), policies, alphas, st.integers(1, 100))
def test_under_every_policy_a_swap_needs_a_lead_and_enough_games(
    counts: ComparisonCounts, policy: PolicyName, alpha: float, min_games: int
) -> None:
    rules = PromotionRules(policy=policy, alpha=alpha, min_games=min_games)
    if progress_of(counts, rules).is_reached:
        if policy == "sequential":
            assert counts.b_pairs > counts.production_pairs
        else:
            assert counts.b_wins * counts.production_games > counts.production_wins * counts.b_games
        assert min(counts.b_games, counts.production_games) >= (3 if policy == "lead" else min_games)


@given(comparisons(), policies, alphas)
def test_the_bar_is_full_if_and_only_if_the_swap_is_reached(
    counts: ComparisonCounts, policy: PolicyName, alpha: float
) -> None:
    progress = progress_of(counts, PromotionRules(policy=policy, alpha=alpha))
    assert 0.0 <= progress.share <= 1.0
    assert (progress.share == 1.0) is progress.is_reached
    assert progress.evidence is None or math.isfinite(progress.evidence)
    assert math.isfinite(progress.threshold)
    assert not (progress.is_reached and progress.is_lost and policy == "sequential")


@given(comparisons(), alphas, alphas)
def test_a_stricter_alpha_never_swaps_if_a_looser_alpha_retains(
    counts: ComparisonCounts, first: float, second: float
) -> None:
    strict, loose = sorted((first, second))
    for policy in POLICIES:
        if progress_of(counts, PromotionRules(policy=policy, alpha=strict)).is_reached:
            assert progress_of(counts, PromotionRules(policy=policy, alpha=loose)).is_reached


def test_progress_counts_the_missing_games_of_each_side() -> None:
    progress = progress_of(games(12, 20, 30, 45), PromotionRules(player_kinds=("human",)))
    assert (progress.games_needed, progress.b_games_missing, progress.production_games_missing) == (30, 10, 0)
    assert not progress.has_games
    assert progress.threshold == 20.0


def test_under_auto_people_and_everybody_have_one_chance_each() -> None:
    assert progress_of(games(0, 0, 0, 0), PromotionRules()).threshold == 40.0


def test_neither_games_nor_evidence_alone_fill_the_bar() -> None:
    lucky = progress_of(games(15, 15, 0, 15, b_pairs=15), PromotionRules())
    assert lucky.evidence is not None
    assert lucky.evidence > lucky.threshold
    assert lucky.share == 0.5
    assert progress_of(games(250, 500, 250, 500, 120, 120), PromotionRules()).share == 0.0


def test_a_b_that_lost_clearly_is_shown_as_lost() -> None:
    lost = progress_of(games(10, 60, 40, 60, b_pairs=5, pairs=35), PromotionRules())
    assert lost.is_lost
    assert lost.evidence_against_b >= 40 > (lost.evidence or 0)


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
