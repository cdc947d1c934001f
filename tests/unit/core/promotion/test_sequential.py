"""The sequential evidence: its value and its bound after any number of looks."""

import math
from functools import cache
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rps_core.promotion.sequential import B_PARTS, LIFTS, evidence, log_evidence
from tests.builders.martingale import log_martingale

LOG_ODDS = np.linspace(-12, 12, 24_001)
# Rounding error of a sum of thousands of logarithms.
TOLERANCE = 1e-9


@st.composite
def arms(draw: st.DrawFn, largest: int = 2_000) -> tuple[int, int, int, int]:
    b_games, production_games = draw(st.integers(0, largest)), draw(st.integers(0, largest))
    return (draw(st.integers(0, b_games)), b_games, draw(st.integers(0, production_games)), production_games)


def log_of(counts: tuple[int, int, int, int]) -> float:
    return float(log_evidence(*counts)[()])


def test_the_weights_of_the_prior_sum_to_one() -> None:
    assert sum(weight for _, weight in LIFTS) == pytest.approx(1)
    assert sum(weight for _, weight in B_PARTS) == pytest.approx(1)


def test_the_evidence_is_one_without_games() -> None:
    assert evidence(0, 0, 0, 0) == pytest.approx(1)


@pytest.mark.parametrize("counts", [(-1, 3, 0, 0), (4, 3, 0, 0), (0, 0, 1, 0), (0, 0, -1, 5)])
def test_impossible_counts_are_refused(counts: tuple[int, int, int, int]) -> None:
    with pytest.raises(ValueError, match="0 <= wins <= games"):
        evidence(*counts)


@pytest.mark.parametrize(
    "counts",
    [
        (12, 20, 9, 25),
        (26, 40, 12, 40),
        (300, 500, 250, 500),
        (60, 100, 500, 1_000),
        (5_300, 10_000, 5_000, 10_000),
        (40, 40, 0, 40),
        (40, 40, 40, 40),
    ],
)
def test_the_evidence_is_a_close_lower_bound_of_the_smallest_average_of_the_bets(
    counts: tuple[int, int, int, int],
) -> None:
    """The average is computed again from the likelihoods, over a finer grid of separating rates."""
    b_wins, b_games, wins, games = counts
    ln_win, ln_loss = -np.logaddexp(0, -LOG_ODDS), -np.logaddexp(0, LOG_ODDS)
    total = np.zeros_like(LOG_ODDS)
    for (lift, weight), (part, share) in product(LIFTS, B_PARTS):
        b_rate = 1 / (1 + np.exp(-(LOG_ODDS + lift * part)))
        rate = 1 / (1 + np.exp(-(LOG_ODDS - lift * (1 - part))))
        ratio = b_wins * (np.log(b_rate) - ln_win) + (b_games - b_wins) * (np.log1p(-b_rate) - ln_loss)
        ratio += wins * (np.log(rate) - ln_win) + (games - wins) * (np.log1p(-rate) - ln_loss)
        total += weight * share * np.exp(np.minimum(ratio, 700))
    smallest = math.log(total.min())
    assert smallest - 0.01 * abs(smallest) - 0.06 <= log_of(counts) <= smallest + TOLERANCE


@given(arms())
def test_the_evidence_is_finite_and_not_negative(counts: tuple[int, int, int, int]) -> None:
    assert 0 <= evidence(*counts) < math.inf


def test_the_evidence_stays_finite_if_it_would_overflow() -> None:
    assert 1e300 < evidence(1_000_000, 1_000_000, 0, 1_000_000) < math.inf


@given(arms())
def test_the_evidence_is_at_most_one_if_b_does_not_lead(counts: tuple[int, int, int, int]) -> None:
    b_wins, b_games, wins, games = counts
    if b_wins * games <= wins * b_games:
        assert log_of(counts) <= TOLERANCE


@given(arms())
def test_a_win_instead_of_a_loss_is_evidence_for_the_winner(counts: tuple[int, int, int, int]) -> None:
    b_wins, b_games, wins, games = counts
    found = log_of(counts)
    if b_wins < b_games:
        assert log_of((b_wins + 1, b_games, wins, games)) >= found - TOLERANCE
    if wins < games:
        assert log_of((b_wins, b_games, wins + 1, games)) <= found + TOLERANCE


@given(arms())
def test_wins_of_b_count_like_losses_of_production(counts: tuple[int, int, int, int]) -> None:
    b_wins, b_games, wins, games = counts
    mirrored = (games - wins, games, b_games - b_wins, b_games)
    assert log_of(mirrored) == pytest.approx(log_of(counts), abs=1e-6)


@given(arms())
def test_there_is_never_evidence_in_both_directions(counts: tuple[int, int, int, int]) -> None:
    b_wins, b_games, wins, games = counts
    assert min(log_of(counts), log_of((wins, games, b_wins, b_games))) <= TOLERANCE


@given(arms(), st.floats(-8, 8))
def test_every_separating_rate_gives_an_upper_bound(counts: tuple[int, int, int, int], log_odds: float) -> None:
    assert log_of(counts) <= float(log_martingale(*counts, log_odds)[()]) + TOLERANCE


@given(arms(300), st.floats(0.001, 0.999), st.floats(0, 1), st.floats(0, 1))
def test_under_the_null_hypothesis_the_next_game_does_not_raise_the_average(
    counts: tuple[int, int, int, int], separating: float, b_below: float, production_above: float
) -> None:
    """Ville's inequality needs this in every state, for either side."""
    b_wins, b_games, wins, games = counts
    log_odds = math.log(separating / (1 - separating))
    b_rate, rate = separating * b_below, separating + (1 - separating) * production_above
    next_states = {
        "B": ((b_wins + 1, b_games + 1, wins, games), (b_wins, b_games + 1, wins, games), b_rate),
        "Production": ((b_wins, b_games, wins + 1, games + 1), (b_wins, b_games, wins, games + 1), rate),
    }
    now = float(log_martingale(*counts, log_odds)[()])
    for won, lost, chance in next_states.values():
        gains = [math.exp(float(log_martingale(*state, log_odds)[()]) - now) for state in (won, lost)]
        assert chance * gains[0] + (1 - chance) * gains[1] <= 1 + 1e-9


@cache
def evidence_of_all(b_games: int, games: int) -> list[list[float]]:
    b_wins, wins = np.mgrid[: b_games + 1, : games + 1]
    # Any separating rate bounds the evidence from above; this bound is enough for the states that cannot cross.
    found = log_martingale(b_wins, b_games, wins, games, log_odds=0.0)
    maybe = found >= math.log(5)
    found[maybe] = log_evidence(b_wins[maybe], b_games, wins[maybe], games)
    exact: list[list[float]] = found.tolist()
    return exact


@pytest.mark.parametrize("alpha", [0.05, 0.2])
@pytest.mark.parametrize(("b_rate", "rate"), [(0.5, 0.5), (0.2, 0.2), (0.45, 0.5)])
def test_the_exact_chance_of_ever_crossing_stays_below_alpha(b_rate: float, rate: float, alpha: float) -> None:
    """Sums the probabilities of all sequences of 18 games a side, played in turns, with a look after each game."""
    reached, crossed = {(0, 0): 1.0}, 0.0
    for number in range(36):
        b_plays, (b_games, games) = number % 2 == 0, ((number + 2) // 2, (number + 1) // 2)
        chances: dict[tuple[int, int], float] = {}
        for (b_wins, wins), chance in reached.items():
            won = (b_wins + 1, wins) if b_plays else (b_wins, wins + 1)
            win = b_rate if b_plays else rate
            for state, share in ((won, win), ((b_wins, wins), 1 - win)):
                chances[state] = chances.get(state, 0.0) + chance * share
        found = evidence_of_all(b_games, games)
        reached = {(b, p): chance for (b, p), chance in chances.items() if found[b][p] < math.log(1 / alpha)}
        crossed += sum(chances.values()) - sum(reached.values())
    assert 0 < crossed <= alpha
