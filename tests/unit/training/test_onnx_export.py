"""The served graph: shape, versions, and parity with the model it was exported from."""

from collections.abc import Callable

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from rps_assets.training.dataset import FloatArray, TrainingDataset
from rps_assets.training.models import FittedModel
from rps_assets.training.networks import fit_network
from rps_assets.training.onnx_export import ParityError, predict_onnx, require_parity, to_onnx_bytes
from rps_assets.training.splits import production_split
from rps_assets.training.trees import fit_trees
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import FAMILIES
from tests.unit.training.small import SMALL_LOGISTIC, SMALL_NETWORK, SMALL_TREES

FEATURES = len(CURRENT_CONTRACT.columns)

# The newest versions that onnxruntime 1.23 reads, the oldest release that the project allows.
NEWEST_IR, NEWEST_OPSET = 11, 23


@pytest.fixture(scope="module")
def models(dataset: TrainingDataset) -> dict[str, FittedModel]:
    split = production_split(dataset.games)
    return {
        "xgboost": fit_trees(dataset.features, dataset.labels, split, SMALL_TREES, seed=1),
        "feedforward_nn": fit_network(dataset.features, dataset.labels, split, SMALL_NETWORK, seed=1),
        "multinomial_logistic": fit_network(dataset.features, dataset.labels, split, SMALL_LOGISTIC, seed=1),
    }


@pytest.fixture(scope="module", params=FAMILIES)
def model(models: dict[str, FittedModel], request: pytest.FixtureRequest) -> FittedModel:
    return models[request.param]


@pytest.fixture(scope="module")
def onnx_bytes(model: FittedModel) -> bytes:
    return to_onnx_bytes(model)


def test_the_graph_has_one_input_features_and_one_output_probabilities(onnx_bytes: bytes) -> None:
    session = onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])

    described = [(node.name, node.type, node.shape[1:]) for node in (*session.get_inputs(), *session.get_outputs())]
    assert described == [("features", "tensor(float)", [FEATURES]), ("probabilities", "tensor(float)", [3])]


def test_the_oldest_allowed_runtime_reads_the_graph(onnx_bytes: bytes) -> None:
    graph = onnx.load_from_string(onnx_bytes)

    assert graph.ir_version <= NEWEST_IR
    assert {opset.domain: opset.version <= NEWEST_OPSET for opset in graph.opset_import} in (
        {"": True},
        {"ai.onnx.ml": True},
        {"": True, "ai.onnx.ml": True},
    )


def test_the_number_of_rows_is_free(onnx_bytes: bytes, dataset: TrainingDataset) -> None:
    together = predict_onnx(onnx_bytes, dataset.features[:6])

    one_by_one = [predict_onnx(onnx_bytes, dataset.features[row : row + 1])[0] for row in range(6)]
    assert together.shape == (6, 3)
    assert np.allclose(together, one_by_one, atol=1e-6)


def test_graph_and_model_agree_on_every_example(
    model: FittedModel, onnx_bytes: bytes, dataset: TrainingDataset
) -> None:
    assert require_parity(onnx_bytes, model.predict, dataset.features) <= 1e-5


@settings(max_examples=50, deadline=None)
@given(arrays(np.float32, (4, FEATURES), elements=st.floats(-30, 30, width=32)))
def test_graph_and_model_agree_far_from_the_training_data(models: dict[str, FittedModel], features: FloatArray) -> None:
    for family, model in models.items():
        given_rows = features.astype(np.float64)
        probabilities = predict_onnx(to_onnx_bytes(model), given_rows)
        # Trees are constant out there, so they stay exact. Networks are steep, and float32 rounds each input.
        tolerance = 1e-5 if family == "xgboost" else 1e-4
        assert np.allclose(probabilities, model.predict(given_rows), atol=tolerance), family


@pytest.mark.parametrize("value", [-1e30, -1e6, 0.0, 1e6, 1e30])
def test_extreme_features_give_finite_probabilities_that_sum_to_one(onnx_bytes: bytes, value: float) -> None:
    features = np.full((3, FEATURES), value)
    features[1, ::2] *= -1

    probabilities = predict_onnx(onnx_bytes, features)

    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    assert np.allclose(probabilities.sum(axis=1), 1.0)


def test_raw_probabilities_of_the_graph_sum_to_one(onnx_bytes: bytes, dataset: TrainingDataset) -> None:
    session = onnxruntime.InferenceSession(onnx_bytes, providers=["CPUExecutionProvider"])

    (raw,) = session.run(None, {"features": dataset.features.astype(np.float32)})

    assert raw.dtype == np.float32
    assert np.allclose(raw.sum(axis=1), 1.0, atol=1e-5)


def test_the_classes_are_in_the_order_of_the_labels(onnx_bytes: bytes, dataset: TrainingDataset) -> None:
    probabilities = predict_onnx(onnx_bytes, dataset.features)

    for label in range(3):
        means = probabilities[dataset.labels == label].mean(axis=0)
        assert means.argmax() == label


@pytest.mark.parametrize(
    ("spoil", "difference"),
    [
        (lambda probabilities: np.roll(probabilities, 1, axis=1), r"\de[+-]\d\d"),
        (lambda probabilities: probabilities + 2e-5, "2.0.e-05"),
        (lambda probabilities: probabilities * np.nan, "nan"),
    ],
    ids=["other order", "slightly off", "not a number"],
)
def test_a_graph_that_differs_is_refused_with_the_largest_difference(
    model: FittedModel,
    onnx_bytes: bytes,
    dataset: TrainingDataset,
    spoil: Callable[[FloatArray], FloatArray],
    difference: str,
) -> None:
    with pytest.raises(ParityError, match=difference):
        require_parity(onnx_bytes, lambda rows: spoil(model.predict(rows)), dataset.features[:50])


def test_predicting_leaves_the_features_as_they_were(
    model: FittedModel, onnx_bytes: bytes, dataset: TrainingDataset
) -> None:
    features = dataset.features[:5].copy()
    features.setflags(write=False)

    model.predict(features)
    predict_onnx(onnx_bytes, features)

    assert np.array_equal(features, dataset.features[:5])
