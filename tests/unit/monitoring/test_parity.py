"""Stored predictions are computed again and compared."""

from random import Random

import numpy as np
import pytest

from rps_assets.monitoring.parity import Parity, PlayedGame, Predicted, measure_parity
from rps_assets.training.onnx_export import run_onnx
from rps_core.bundle import Bundle
from rps_core.features.contract import CONTRACT_V2, CONTRACT_V3, FeatureContract
from rps_core.features.rows import features_of_round
from rps_core.features.steps import person_counts
from rps_core.game.choice import sanitize_probabilities
from tests.builders.bundles import manifest
from tests.builders.models import softmax_graph
from tests.builders.simulation import simulate_game

RUN = "a" * 32
OLD_RUN = "c" * 32
EARLIER = {name: tuple(simulate_game(name, "cal", Random(7))) for name in ("before", "long before")}


def bundle(run_id: str, contract: FeatureContract) -> Bundle:
    """A bundle that reads a contract."""
    described = manifest(run_id=run_id, contract_version=contract.version, contract_digest=contract.digest)
    # Small weights: counts of remembered games would saturate a softmax.
    weights = np.random.default_rng(1).normal(0, 0.01, (len(contract.columns), 3))
    return Bundle(described, softmax_graph(weights, [0.0, 0.0, 0.0]))


BUNDLES = {RUN: bundle(RUN, CONTRACT_V3), OLD_RUN: bundle(OLD_RUN, CONTRACT_V2)}


def played(number: int) -> PlayedGame:
    """A game that remembers two earlier ones, and one that was deleted."""
    game_id = f"game-{number}"
    rounds = tuple(simulate_game(game_id, "ace", Random(number)))
    return PlayedGame(game_id, False, rounds, (*EARLIER, "deleted"))


def predicted(game: PlayedGame, alias: str = "B", run_id: str = RUN) -> list[Predicted]:
    """Return what serving stores: the graph's output for each round."""
    served = BUNDLES.get(run_id, BUNDLES[RUN])
    counts, made = person_counts(EARLIER.values()), []
    for before, this in enumerate(game.rounds):
        if this.round_no < 4:
            continue
        features = features_of_round(served.contract, game.rounds[:before], this.points, remembered=counts)
        output = run_onnx(served.onnx_bytes, np.array([features], dtype=np.float32)).astype(np.float64).ravel().tolist()
        made.append(Predicted(game.game_id, this.round_no, alias, run_id, sanitize_probabilities(output)))
    return made


def measure(games: list[PlayedGame], made: list[Predicted]) -> Parity:
    return measure_parity(games, made, BUNDLES.get, EARLIER)


def test_served_predictions_can_be_computed_again() -> None:
    games = [played(number) for number in range(5)]
    made = [prediction for game in games for run_id in BUNDLES for prediction in predicted(game, run_id=run_id)]
    found = measure(games, made)
    assert found.holds
    assert (found.checked, found.feature_difference, found.unavailable) == (len(made), 0.0, {})


def test_a_remembered_game_that_is_missing_breaks_parity() -> None:
    game = played(1)
    assert not measure_parity([game], predicted(game), BUNDLES.get, {"before": EARLIER["before"]}).holds


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
    fourth = game.rounds[3]
    other = "paper" if fourth.user_move != "paper" else "rock"
    changed = game._replace(rounds=(*game.rounds[:3], fourth._replace(user_move=other), *game.rounds[4:]))
    assert not measure([changed], made).holds


def test_predictions_of_a_deleted_model_are_counted_and_not_checked() -> None:
    game = played(1)
    made = predicted(game, run_id="b" * 32)
    found = measure([game], made)
    assert (found.checked, found.unavailable, found.holds) == (0, {"b" * 32: len(made)}, True)


def test_parity_without_predictions_checks_nothing() -> None:
    assert measure([], []) == Parity(0, {}, 0.0, 0.0, "none")
