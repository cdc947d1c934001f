"""Stored predictions are computed again and compared."""

from random import Random

import numpy as np
import pytest

from rps_assets.monitoring.parity import Parity, PlayedGame, Predicted, measure_parity
from rps_assets.training.onnx_export import run_onnx
from rps_core.features.history import features_from_history
from rps_core.game.choice import sanitize_probabilities
from tests.builders.models import reading_features
from tests.builders.simulation import simulate_game

RUN = "a" * 32
GRAPH = reading_features(1)


def played(number: int) -> PlayedGame:
    game_id = f"game-{number}"
    return PlayedGame(game_id, False, tuple(simulate_game(game_id, "ace", Random(number))))


def predicted(game: PlayedGame, alias: str = "B", run_id: str = RUN) -> list[Predicted]:
    """Return what serving stores: the graph's output for each round."""
    made = []
    for before, this in enumerate(game.rounds):
        if this.round_no < 4:
            continue
        features = features_from_history(game.rounds[:before], this.points, this.round_no)
        output = run_onnx(GRAPH, np.array([features], dtype=np.float32)).astype(np.float64).ravel().tolist()
        made.append(Predicted(game.game_id, this.round_no, alias, run_id, sanitize_probabilities(output)))
    return made


def measure(games: list[PlayedGame], made: list[Predicted]) -> Parity:
    return measure_parity(games, made, lambda run_id: GRAPH if run_id == RUN else None)


def test_served_predictions_can_be_computed_again() -> None:
    games = [played(number) for number in range(5)]
    made = [prediction for game in games for prediction in predicted(game)]
    found = measure(games, made)
    assert found.holds
    assert (found.checked, found.feature_difference, found.unavailable) == (len(made), 0.0, {})


def test_a_probability_that_differs_by_more_than_a_millionth_is_named() -> None:
    game = played(1)
    made = predicted(game)
    rock, paper, scissors = made[2].probabilities
    made[2] = made[2]._replace(probabilities=(rock + 2e-6, paper, scissors - 2e-6))
    found = measure([game], made)
    assert not found.holds
    assert found.probability_difference == pytest.approx(2e-6, rel=0.2)
    assert found.worst == f"game game-1, round {made[2].round_no}, B, run {RUN}"


def test_a_stored_nan_breaks_parity() -> None:
    game = played(1)
    made = predicted(game)
    made[0] = made[0]._replace(probabilities=(float("nan"), 0.5, 0.5))
    assert not measure([game], made).holds


def test_a_history_that_was_changed_afterwards_breaks_parity() -> None:
    game = played(1)
    made = predicted(game)
    first = game.rounds[0]
    other = "paper" if first.user_move != "paper" else "rock"
    changed = game._replace(rounds=(first._replace(user_move=other), *game.rounds[1:]))
    assert not measure([changed], made).holds


def test_predictions_of_a_deleted_model_are_counted_and_not_checked() -> None:
    game = played(1)
    made = predicted(game, run_id="b" * 32)
    found = measure([game], made)
    assert (found.checked, found.unavailable, found.holds) == (0, {"b" * 32: len(made)}, True)


def test_parity_without_predictions_checks_nothing() -> None:
    assert measure([], []) == Parity(0, {}, 0.0, 0.0, "none")
