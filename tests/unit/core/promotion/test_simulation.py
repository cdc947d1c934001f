"""The claims of docs/promotion.md about the policies with a look after every game, in a smaller simulation."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from benchmarks.promotion_simulation import NEVER, ONE_GROUP, Outcome, Scenario, first_swaps, outcome, simulate
from rps_core.promotion.comparison import ComparedGame, count_games, start_comparison

ALPHA, REPETITIONS, GAMES_A_SIDE = 0.05, 800, 200
START = datetime(2026, 11, 1, tzinfo=UTC)


def simulated(scenario: Scenario, rule: str = "sequential", *, seed: int) -> Outcome:
    courses = simulate(scenario, REPETITIONS, GAMES_A_SIDE, np.random.default_rng(seed))
    return outcome(first_swaps(courses, rule, ONE_GROUP))


@pytest.mark.parametrize(
    "scenario",
    [
        Scenario(),
        Scenario(rate=0.3, retrain_every=20),
        Scenario(retrain_every=20, drift=0.1),
        Scenario(retrain_every=3, drift=0.1, b_share=2 / 3),
        Scenario(retrain_every=100, b_share=1 / 3),
    ],
    ids=str,
)
def test_false_swaps_stay_below_alpha_with_a_look_after_every_game(scenario: Scenario) -> None:
    # Two standard errors above alpha would happen by chance in one of forty seeds; this one is fixed.
    assert simulated(scenario, seed=1).swapped <= ALPHA


@pytest.mark.parametrize(("every", "median"), [(NEVER, 80), (100, 95), (20, 110), (3, 185)])
def test_a_b_that_is_twenty_points_better_is_found_through_retrainings(every: int, median: int) -> None:
    found = simulated(Scenario(lead=0.2, retrain_every=every), seed=2)
    assert found.swapped > 0.5
    assert found.median is not None
    assert found.median <= median


def test_the_other_policies_swap_equal_versions_too_often_and_the_former_rule_ends_at_each_retraining() -> None:
    assert simulated(Scenario(), "z_test", seed=1).swapped > 3 * ALPHA
    assert simulated(Scenario(), "lead", seed=1).swapped > 0.8
    assert simulated(Scenario(lead=0.2, retrain_every=20), "former", seed=2).swapped == 0.0


def test_the_simulation_pairs_games_like_the_product() -> None:
    scenario = Scenario(lead=0.1, retrain_every=20, drift=0.1, b_share=0.6)
    courses = simulate(scenario, 8, 40, np.random.default_rng(4))
    for row in range(8):
        played = _games(courses.at(row))
        counts = count_games(start_comparison("a", "b", START), played, START + timedelta(days=9))["human"]
        assert (counts.b_pairs, counts.production_pairs) == (courses.b_pairs[row, -1], courses.pairs[row, -1])
        assert (counts.b_games, counts.production_games) == (courses.b_games[row, -1], courses.games[row, -1])


def _games(course: object) -> list[ComparedGame]:
    """Return the games whose counts a course adds up."""
    b_wins, b_games, wins, _, generation, *_ = course  # type: ignore[misc, has-type]
    played = []
    for number in range(len(b_games)):
        is_b = b_games[number] > (b_games[number - 1] if number else 0)
        won_by = b_wins if is_b else wins
        has_won = won_by[number] > (won_by[number - 1] if number else 0)
        at = START + timedelta(minutes=number)
        side, winner = ("B" if is_b else "Production"), ("bot" if has_won else "user")
        played.append(ComparedGame(at, at, side, str(generation[number]), "human", winner))  # type: ignore[arg-type]
    return played
