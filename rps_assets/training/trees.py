"""Boosted trees by xgboost, cut to their best iteration."""

from collections.abc import Callable
from functools import partial
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import onnx
import xgboost
from onnx import AttributeProto, TensorProto, helper

from rps_assets.training.dataset import FeatureArray, FloatArray, IntArray
from rps_assets.training.models import FitReport, FittedModel, portions
from rps_assets.training.parameters import XGBoostParameters
from rps_assets.training.splits import Split
from rps_core.game.moves import MOVES

# ONNX-ML has had tree ensembles since version 1, so every onnxruntime reads them.
ML_OPSET, IR_VERSION = 1, 8
# xgboost cuts the values of so many rows together: thirty megabytes.
ROWS_A_BATCH = 100_000
# The matrices of five splits then take 70 MB at most.
MAX_SHARED_ROWS = 100_000
# Marks in a saved booster: a node without children, and the column of a pruned node.
_NO_CHILD, _PRUNED = -1, 2**31 - 1


class TreeModel(FittedModel):
    """A booster cut to its best iteration."""

    def __init__(self, booster: Any, n_features: int, report: FitReport) -> None:
        super().__init__(report)
        self.booster = booster
        self._n_features = n_features

    def predict(self, features: FeatureArray) -> FloatArray:
        """Return probabilities, float64 (n, 3)."""
        parts = [
            self.booster.predict(xgboost.DMatrix(part.astype(np.float32, copy=False), nthread=1))
            for part in portions(features)
        ]
        widened = np.concatenate(parts).astype(np.float64).reshape(len(features), len(MOVES))
        # float32 probabilities sum to one only within 1e-7, as in `predict_onnx`.
        return np.asarray(widened / widened.sum(axis=1, keepdims=True))

    def to_onnx(self) -> onnx.ModelProto:
        """Return the same graph as onnxmltools, with `probabilities` as its only output."""
        # onnxmltools visits each node several times in Python. For 44 trees of depth 3 on 2,400 examples it takes 37 ms
        # instead of 7, and fit with export takes 1.41 times as long; the limit for using it is 1.2.
        node = helper.make_node(
            "TreeEnsembleClassifier", ["features"], ["label", "probabilities"], "trees", domain="ai.onnx.ml"
        )
        node.attribute.extend(_attribute(name, values) for name, values in _ensemble(self.booster).items())
        inputs = [helper.make_tensor_value_info("features", TensorProto.FLOAT, [None, self._n_features])]
        outputs = [helper.make_tensor_value_info("probabilities", TensorProto.FLOAT, [None, len(MOVES)])]
        graph = helper.make_graph([node], "rps", inputs, outputs)
        opsets = [helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)

    def importance(self, columns: tuple[str, ...]) -> list[tuple[str, float]]:
        """Return each column's share of the total gain, largest first; columns without splits are left out."""
        gains = self.booster.get_score(importance_type="total_gain")
        total = sum(gains.values()) or 1.0
        named = [(columns[int(name[1:])], gain / total) for name, gain in gains.items()]
        return sorted(named, key=lambda item: -item[1])


class _Rows(xgboost.DataIter):
    """Rows of the dataset, `ROWS_A_BATCH` at a time, so that xgboost never sees all values.

    Its matrix keeps two bytes of each.
    """

    def __init__(self, features: FeatureArray, labels: IntArray, weights: FloatArray | None, rows: IntArray) -> None:
        super().__init__()
        self._features, self._labels, self._weights, self._rows = features, labels, weights, rows
        self._at = 0

    def next(self, input_data: Callable[..., Any]) -> bool:
        """Hand over the next rows; return false at the end."""
        rows = self._rows[self._at : self._at + ROWS_A_BATCH]
        if self._at and not len(rows):
            return False
        input_data(
            data=self._features[rows].astype(np.float32, copy=False),
            label=self._labels[rows],
            weight=None if self._weights is None else self._weights[rows],
        )
        self._at += max(len(rows), 1)
        return True

    def reset(self) -> None:
        """Begin with the first rows again."""
        self._at = 0


def fit_trees(
    features: FeatureArray,
    labels: IntArray,
    split: Split,
    parameters: XGBoostParameters,
    *,
    seed: int,
    threads: int = 1,
    curves: bool = True,
    weights: FloatArray | None = None,
    shared: dict[Any, Any] | None = None,
) -> TreeModel:
    """Fit on `split.train`, stop early on `split.validation`, and keep the trees up to the best iteration.

    Learning curves take a sixth of the time of a fit. Without `weights`, all examples count alike. The matrices of a
    small dataset are kept in `shared`: they take as long as a fit, and the models of a training have the same splits.
    """
    matrices = partial(_matrices, features, labels, weights, split, parameters, threads)
    if shared is None or len(labels) > MAX_SHARED_ROWS:
        train, validation = matrices()
    else:
        key = (parameters.tree_method, parameters.max_bin, split.train.tobytes(), split.validation.tobytes())
        if key not in shared:
            shared[key] = matrices()
        train, validation = shared[key]
    history: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        _native(parameters, seed, threads) | {"eval_metric": _METRICS if curves else _METRICS[1:]},
        train,
        num_boost_round=parameters.n_estimators,
        evals=[*([(train, "train")] if curves else []), (validation, "validation")],
        early_stopping_rounds=parameters.early_stopping_rounds,
        evals_result=history,
        verbose_eval=False,
    )
    drawn = {f"{part}_loss": _curve(history[name]["mlogloss"]) for part, name in _PARTS if curves}
    drawn |= {f"{part}_acc": _curve([1 - e for e in history[name]["merror"]]) for part, name in _PARTS if curves}
    report = FitReport(booster.best_iteration + 1, booster.num_boosted_rounds(), drawn)
    return TreeModel(booster[: booster.best_iteration + 1], features.shape[1], report)


def _matrices(
    features: FeatureArray,
    labels: IntArray,
    weights: FloatArray | None,
    split: Split,
    parameters: XGBoostParameters,
    threads: int,
) -> tuple[Any, Any]:
    """Return the training and the validation part as xgboost takes them."""
    if parameters.tree_method == "hist":
        cuts = {"nthread": threads, "max_bin": parameters.max_bin}
        train = xgboost.QuantileDMatrix(_Rows(features, labels, weights, split.train), **cuts)
        return train, xgboost.QuantileDMatrix(_Rows(features, labels, weights, split.validation), ref=train, **cuts)
    # The other methods read the values themselves.
    first, second = (
        xgboost.DMatrix(
            features[part].astype(np.float32),
            label=labels[part],
            weight=None if weights is None else weights[part],
            nthread=threads,
        )
        for part in (split.train, split.validation)
    )
    return first, second


_PARTS = (("train", "train"), ("val", "validation"))
# Early stopping follows the last metric.
_METRICS = ["merror", "mlogloss"]


def _native(parameters: XGBoostParameters, seed: int, threads: int) -> dict[str, Any]:
    return {
        "objective": "multi:softprob",
        "num_class": len(MOVES),
        "learning_rate": parameters.learning_rate,
        "max_depth": parameters.max_depth,
        "min_child_weight": parameters.min_child_weight,
        "subsample": parameters.subsample,
        "colsample_bytree": parameters.colsample_bytree,
        "reg_lambda": parameters.reg_lambda,
        "reg_alpha": parameters.reg_alpha,
        "gamma": parameters.gamma,
        "tree_method": parameters.tree_method,
        "seed": seed,
        "nthread": threads,
        "max_bin": parameters.max_bin,
    }


def _curve(values: list[float]) -> list[tuple[int, float]]:
    return list(enumerate(values, start=1))


def _ensemble(booster: Any) -> dict[str, npt.NDArray[Any]]:
    """Return a booster as attributes of ONNX's `TreeEnsembleClassifier`, one value per node or leaf."""
    learner = msgspec.json.decode(bytes(booster.save_raw("json")))["learner"]
    model = learner["gradient_booster"]["model"]
    trees = model["trees"]
    sizes = [len(tree["left_children"]) for tree in trees]

    # Only `tree_method` "exact" prunes: pruned nodes stay in the arrays, but no node leads to them.
    pruned = np.concatenate([tree["split_indices"] for tree in trees]) == _PRUNED

    def nodes(field: str) -> npt.NDArray[Any]:
        return np.asarray(np.concatenate([tree[field] for tree in trees])[~pruned])

    tree_ids = np.repeat(np.arange(len(trees)), sizes)[~pruned]
    node_ids = np.concatenate([np.arange(size) for size in sizes])[~pruned]
    left, right = nodes("left_children"), nodes("right_children")
    leaf = left == _NO_CHILD
    # A leaf stores its value as its condition.
    conditions = nodes("split_conditions").astype(np.float32)
    base_scores = np.atleast_1d(msgspec.json.decode(learner["learner_model_param"]["base_score"]))
    return {
        "base_values": np.broadcast_to(base_scores, len(MOVES)).astype(np.float32),
        "class_ids": np.asarray(model["tree_info"])[tree_ids[leaf]],
        "class_nodeids": node_ids[leaf],
        "class_treeids": tree_ids[leaf],
        "class_weights": conditions[leaf],
        "classlabels_int64s": np.arange(len(MOVES)),
        "nodes_falsenodeids": np.where(leaf, 0, right),
        "nodes_featureids": np.where(leaf, 0, nodes("split_indices")),
        "nodes_missing_value_tracks_true": np.where(leaf, 0, nodes("default_left")),
        "nodes_modes": np.where(leaf, b"LEAF", b"BRANCH_LT"),
        "nodes_nodeids": node_ids,
        "nodes_treeids": tree_ids,
        "nodes_truenodeids": np.where(leaf, 0, left),
        "nodes_values": np.where(leaf, np.float32(0), conditions),
        "post_transform": np.array(b"SOFTMAX"),
    }


def _attribute(name: str, values: npt.NDArray[Any]) -> AttributeProto:
    """Return an attribute without checking the type of each value, as `onnx.helper.make_attribute` does."""
    if not values.ndim:
        return AttributeProto(name=name, type=AttributeProto.STRING, s=values.item())
    kinds = {"i": ("ints", AttributeProto.INTS), "f": ("floats", AttributeProto.FLOATS)}
    field, kind = kinds.get(values.dtype.kind, ("strings", AttributeProto.STRINGS))
    return AttributeProto(name=name, type=kind, **{field: values.tolist()})
