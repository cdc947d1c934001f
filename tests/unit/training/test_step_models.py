"""Models of contract 3: fitted on steps, exported with a rotation to moves, validated on other players."""

from random import Random

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from rps_assets.training import fit
from rps_assets.training.dataset import MIN_PLAYERS, TrainingDataset
from rps_assets.training.fit import train_model
from rps_assets.training.onnx_export import TOLERANCE, predict_onnx, run_onnx
from rps_assets.training.parameters import Configuration
from rps_assets.training.splits import production_split
from rps_assets.training.step_models import steps_of, with_rotation
from rps_core.features.contract import CONTRACT_V3
from rps_core.features.steps import GameSteps, probabilities_of_moves
from rps_core.game.families import FAMILIES, Family
from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.game.moves import MOVE_INDEX
from tests.builders.simulation import simulate_game
from tests.unit.training.test_fit import SMALL


@pytest.fixture(scope="module")
def steps_dataset() -> TrainingDataset:
    """Games of Cal; a player has four."""
    random, rows, labels, games = Random(3), [], [], []
    for number in range(4 * MIN_PLAYERS):
        known = GameSteps()
        for played in simulate_game(f"step-{number}", "cal", random):
            if played.round_no >= FIRST_POLICY_ROUND:
                rows.append(known.row(played.points))
                labels.append(MOVE_INDEX[played.user_move])
                games.append(number)
            known.take(played)
    numbers = np.array(games)
    return TrainingDataset(
        np.array(rows), np.array(labels), numbers, "steps", players=numbers // 4, contract=CONTRACT_V3
    )


@pytest.mark.parametrize("family", FAMILIES)
def test_a_fit_of_steps_predicts_moves_and_its_graph_predicts_the_same(
    steps_dataset: TrainingDataset, family: Family
) -> None:
    configuration = Configuration(id="small", family=family, note="", parameters=SMALL[family])
    model = fit._fit(steps_dataset, production_split(steps_dataset.games), configuration, 5, 1)
    graph = fit.to_onnx_bytes(model)
    predicted, expected = predict_onnx(graph, steps_dataset.features), model.predict(steps_dataset.features)
    assert np.abs(predicted - expected).max() <= TOLERANCE
    assert (expected.argmax(axis=1) == steps_dataset.labels).mean() > 0.7


def test_the_rotation_gives_each_move_the_probability_of_the_step_that_leads_to_it() -> None:
    node = helper.make_node("Identity", ["steps_in"], ["probabilities"])
    inputs = [
        helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, 75]),
        helper.make_tensor_value_info("steps_in", TensorProto.FLOAT, [None, 3]),
    ]
    outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, 3])]
    model = with_rotation(helper.make_model(helper.make_graph([node], "steps", inputs, outputs), ir_version=8), 75)
    onnx.checker.check_model(model)
    runner = fit_session(model)
    steps = np.array([[0.5, 0.3, 0.2]], dtype=np.float32)
    for last in (-1, 0, 1, 2):
        features = np.random.default_rng(last + 1).random((1, 75)).astype(np.float32)
        features[0, :3] = [last == move for move in range(3)]
        (moves,) = runner.run(["probabilities"], {"features": features, "steps_in": steps})
        assert moves[0].tolist() == list(map(float, np.float32(probabilities_of_moves((0.5, 0.3, 0.2), max(last, 0)))))


def fit_session(model: onnx.ModelProto):  # type: ignore[no-untyped-def]  # onnxruntime has no types
    import onnxruntime

    return onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])


def test_a_whole_training_serves_plain_graphs_and_keeps_the_games_of_a_player_in_one_fold(
    steps_dataset: TrainingDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def watched(groups: np.ndarray, seed: int):  # type: ignore[no-untyped-def, type-arg]
        seen.append(groups)
        return folds(groups, seed)

    folds = fit.cross_validation_folds
    monkeypatch.setattr(fit, "cross_validation_folds", watched)
    trees = Configuration(id="small", family="xgboost", note="", parameters=SMALL["xgboost"])
    result = train_model(steps_dataset, trees, seed=2)
    assert set(seen[0].tolist()) <= set(range(MIN_PLAYERS))
    rows = steps_dataset.features.astype(np.float32)
    assert np.abs(run_onnx(result.onnx_bytes, rows).sum(axis=1) - 1).max() < 1e-5
    assert {row["column"] for row in result.tables["importance"]} <= set(CONTRACT_V3.columns)
    # The step that leads to a label, from the last move of the row.
    steps = steps_of(steps_dataset.labels, steps_dataset.features)
    assert set(steps.tolist()) <= {0, 1, 2}
    few = TrainingDataset(rows, steps_dataset.labels, steps_dataset.games, "few", players=steps_dataset.games // 20)
    assert few.groups is few.games
