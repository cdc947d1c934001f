"""The evidence of pairs, against exact enumeration."""

import math
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rps_core.promotion.evidence import PRIOR, evidence, log_evidence

pairs = st.integers(0, 2_000)


def exact(won: int, lost: int) -> Fraction:
    """Return E without rounding."""
    return sum(
        (Fraction(str(w)) * (2 * Fraction(str(t))) ** won * (2 - 2 * Fraction(str(t))) ** lost for t, w in PRIOR),
        Fraction(0),
    )


def test_the_prior_is_a_distribution_over_shares_above_one_half() -> None:
    assert sum(Fraction(str(weight)) for _, weight in PRIOR) == 1
    assert all(0.5 < share < 1 for share, _ in PRIOR)


@pytest.mark.parametrize("n", [0, 1, 2, 7, 30])
def test_the_mean_over_all_sequences_of_fair_coins_is_exactly_one(n: int) -> None:
    assert sum(math.comb(n, won) * exact(won, n - won) for won in range(n + 1)) / 2**n == 1


@given(st.integers(0, 60), st.integers(0, 60))
def test_the_closed_form_equals_exact_arithmetic(won: int, lost: int) -> None:
    assert evidence(won, lost) == pytest.approx(float(exact(won, lost)), rel=1e-9)


@pytest.mark.parametrize("alpha", [0.05, 0.2])
@pytest.mark.parametrize("chance", [0.5, 0.45])
def test_the_exact_chance_of_ever_crossing_stays_below_alpha(chance: float, alpha: float) -> None:
    """Sums the probabilities of all sequences of 400 pairs, with a look after each."""
    reached, crossed = {0: 1.0}, 0.0
    for n in range(1, 401):
        chances: dict[int, float] = {}
        for won, probability in reached.items():
            chances[won + 1] = chances.get(won + 1, 0.0) + probability * chance
            chances[won] = chances.get(won, 0.0) + probability * (1 - chance)
        reached = {won: p for won, p in chances.items() if log_evidence(won, n - won) < math.log(1 / alpha)}
        crossed += sum(p for won, p in chances.items() if won not in reached)
    assert 0 < crossed <= alpha


@given(pairs, pairs)
def test_a_pair_is_evidence_for_the_side_that_won_it(won: int, lost: int) -> None:
    assert log_evidence(won + 1, lost) > log_evidence(won, lost) > log_evidence(won, lost + 1)


@given(pairs, pairs)
def test_there_is_never_evidence_in_both_directions(won: int, lost: int) -> None:
    assert min(log_evidence(won, lost), log_evidence(lost, won)) <= 1e-9


def test_the_evidence_is_finite_and_refuses_negative_counts() -> None:
    assert 1e300 < evidence(1_000_000, 0) < math.inf
    assert evidence(0, 1_000_000) == 0.0
    with pytest.raises(ValueError, match="found 3 and -1"):
        evidence(3, -1)
