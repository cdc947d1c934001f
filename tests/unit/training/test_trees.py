"""Boosted trees: early stopping, best iteration, seeds, and the ONNX graph."""

from typing import Any

import msgspec
import numpy as np
import onnx
import pytest
from onnxmltools.convert import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from rps_assets.training.dataset import TrainingDataset
from rps_assets.training.onnx_export import predict_onnx, to_onnx_bytes
from rps_assets.training.splits import Split, production_split
from rps_assets.training.trees import TreeModel, fit_trees
from rps_core.features.contract import CURRENT_CONTRACT
from tests.unit.training.small import SMALL_TREES


@pytest.fixture(scope="module")
def split(dataset: TrainingDataset) -> Split:
    return production_split(dataset.games)


@pytest.fixture(scope="module")
def stopped(dataset: TrainingDataset, split: Split) -> TreeModel:
    """Return trees with far more iterations allowed than they need."""
    parameters = msgspec.structs.replace(SMALL_TREES, n_estimators=2000)
    return fit_trees(dataset.features, dataset.labels, split, parameters, seed=3)


def log_loss(model: TreeModel, dataset: TrainingDataset, rows: np.ndarray) -> float:
    probabilities = model.predict(dataset.features[rows])
    return float(-np.log(probabilities[np.arange(len(rows)), dataset.labels[rows]]).mean())


def test_boosting_stops_after_the_given_rounds_without_a_lower_validation_loss(stopped: TreeModel) -> None:
    losses = [value for _, value in stopped.report.curves["val_loss"]]

    assert stopped.report.iterations == len(losses) < 2000
    assert stopped.report.best_iteration == int(np.argmin(losses)) + 1
    assert stopped.report.iterations - stopped.report.best_iteration == SMALL_TREES.early_stopping_rounds


def test_only_the_trees_up_to_the_best_iteration_are_kept(
    stopped: TreeModel, dataset: TrainingDataset, split: Split
) -> None:
    best = min(value for _, value in stopped.report.curves["val_loss"])

    assert stopped.booster.num_boosted_rounds() == stopped.report.best_iteration
    assert log_loss(stopped, dataset, split.validation) == pytest.approx(best, abs=1e-6)


def test_the_graph_holds_the_best_iteration_too(stopped: TreeModel, dataset: TrainingDataset, split: Split) -> None:
    probabilities = predict_onnx(to_onnx_bytes(stopped), dataset.features[split.validation])

    labels = dataset.labels[split.validation]
    best = min(value for _, value in stopped.report.curves["val_loss"])
    assert -np.log(probabilities[np.arange(len(labels)), labels]).mean() == pytest.approx(best, abs=1e-5)


def test_equal_seeds_give_equal_trees_and_another_seed_gives_others(dataset: TrainingDataset, split: Split) -> None:
    parameters = msgspec.structs.replace(SMALL_TREES, n_estimators=15, subsample=0.5)
    first, again, other = (
        fit_trees(dataset.features, dataset.labels, split, parameters, seed=seed).predict(dataset.features)
        for seed in (5, 5, 6)
    )

    assert np.array_equal(first, again)
    assert not np.allclose(first, other, atol=1e-3)


def test_the_number_of_threads_does_not_change_the_predictions(dataset: TrainingDataset, split: Split) -> None:
    parameters = msgspec.structs.replace(SMALL_TREES, n_estimators=15)
    single, double = (
        fit_trees(dataset.features, dataset.labels, split, parameters, seed=5, threads=threads).predict(
            dataset.features
        )
        for threads in (1, 2)
    )

    assert np.allclose(single, double, atol=1e-6)


def ensemble(graph: onnx.ModelProto) -> dict[str, Any]:
    """Return the attributes of a graph's only node, with the trees as nested tuples without node numbers."""
    (node,) = graph.graph.node
    held = {attribute.name: onnx.helper.get_attribute_value(attribute) for attribute in node.attribute}
    column = held["nodes_treeids"], held["nodes_nodeids"]
    place = {key: index for index, key in enumerate(zip(*column, strict=True))}

    def walked(tree: int, number: int) -> Any:
        """Return a node with its descendants."""
        here = place[tree, number]
        values = tuple(
            held[f"nodes_{name}"][here] for name in ("modes", "featureids", "values", "missing_value_tracks_true")
        )
        if values[0] == b"LEAF":
            return (*values, leaves[tree, number])
        return (*values, *(walked(tree, held[f"nodes_{side}nodeids"][here]) for side in ("true", "false")))

    keys = zip(held["class_treeids"], held["class_nodeids"], strict=True)
    leaves = dict(zip(keys, zip(held["class_ids"], held["class_weights"], strict=True), strict=True))
    trees = [walked(tree, 0) for tree in sorted(set(held["nodes_treeids"]))]
    others = {name: held[name] for name in ("base_values", "classlabels_int64s", "post_transform")}
    return {"attributes": sorted(held), "nodes": len(place), "leaves": len(leaves), "trees": trees, **others}


@pytest.mark.parametrize("tree_method", ["hist", "approx", "exact"])
def test_the_graph_is_the_one_that_onnxmltools_writes(dataset: TrainingDataset, split: Split, tree_method: str) -> None:
    # With a penalty on splits, the exact method prunes nodes.
    parameters = msgspec.structs.replace(SMALL_TREES, n_estimators=20, gamma=2.0, tree_method=tree_method)
    model = fit_trees(dataset.features, dataset.labels, split, parameters, seed=1)

    theirs = convert_xgboost(
        model.booster, initial_types=[("features", FloatTensorType([None, dataset.features.shape[1]]))], target_opset=15
    )

    assert ensemble(model.to_onnx()) == ensemble(theirs)


def test_the_graph_sends_a_missing_value_where_the_booster_sends_it(
    stopped: TreeModel, dataset: TrainingDataset
) -> None:
    features = np.where(np.random.default_rng(1).random(dataset.features.shape) < 0.2, np.nan, dataset.features)

    assert np.allclose(predict_onnx(to_onnx_bytes(stopped), features), stopped.predict(features), atol=1e-6)


def test_equal_seeds_give_equal_bytes(dataset: TrainingDataset, split: Split) -> None:
    parameters = msgspec.structs.replace(SMALL_TREES, n_estimators=5)

    first, again = (
        to_onnx_bytes(fit_trees(dataset.features, dataset.labels, split, parameters, seed=5)) for _ in range(2)
    )

    assert first == again


def test_importance_shares_sum_to_one_and_rank_the_last_move_first_which_all_other_columns_start_from(
    stopped: TreeModel,
) -> None:
    importance = stopped.importance(CURRENT_CONTRACT.columns)

    shares = [share for _, share in importance]
    assert sum(shares) == pytest.approx(1.0)
    assert shares == sorted(shares, reverse=True)
    assert {"last_rock", "last_paper", "last_scissors"} & {name for name, _ in importance[:3]}


def test_features_without_information_give_a_model_without_importance(dataset: TrainingDataset, split: Split) -> None:
    model = fit_trees(np.zeros_like(dataset.features), dataset.labels, split, SMALL_TREES, seed=1)

    assert model.importance(CURRENT_CONTRACT.columns) == []
    assert np.ptp(model.predict(np.zeros((4, dataset.features.shape[1]))), axis=0).tolist() == [0, 0, 0]


def test_a_class_missing_from_training_stays_in_the_probabilities(dataset: TrainingDataset, split: Split) -> None:
    train = split.train[dataset.labels[split.train] != 1]

    model = fit_trees(dataset.features, dataset.labels, split._replace(train=train), SMALL_TREES, seed=1)

    probabilities = predict_onnx(to_onnx_bytes(model), dataset.features)
    assert probabilities.shape == (len(dataset), 3)
    assert 0 < probabilities[:, 1].max() < 1 / 3
    assert np.allclose(probabilities, model.predict(dataset.features), atol=1e-5)


def test_trees_that_read_the_examples_in_portions_are_the_same(
    dataset: TrainingDataset, split: Split, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_once = to_onnx_bytes(fit_trees(dataset.features, dataset.labels, split, SMALL_TREES, seed=1))
    monkeypatch.setattr("rps_assets.training.trees.ROWS_A_BATCH", 100)
    assert to_onnx_bytes(fit_trees(dataset.features, dataset.labels, split, SMALL_TREES, seed=1)) == at_once
