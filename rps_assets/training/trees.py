"""Boosted trees by xgboost, with early stopping that really stops."""

from typing import Any

import numpy as np
import onnx
import xgboost
from onnxmltools.convert import convert_xgboost
from onnxmltools.convert.common.data_types import FloatTensorType

from rps_assets.training.dataset import FloatArray, IntArray
from rps_assets.training.models import FitReport, FittedModel
from rps_assets.training.parameters import XGBoostParameters
from rps_assets.training.splits import Split
from rps_core.moves import MOVES

# ONNX-ML operators of this version are understood by every onnxruntime since 1.14.
OPSET = 15


class TreeModel(FittedModel):
    """A booster cut to its best iteration."""

    def __init__(self, booster: Any, n_features: int, report: FitReport) -> None:
        super().__init__(report)
        self.booster = booster
        self._n_features = n_features

    def predict(self, features: FloatArray) -> FloatArray:
        """Return probabilities, float64 (n, 3)."""
        data = xgboost.DMatrix(features.astype(np.float32), nthread=1)
        widened = np.asarray(self.booster.predict(data), dtype=np.float64).reshape(len(features), len(MOVES))
        # In float32 they sum to one within 1e-7 only, as in `predict_onnx`.
        return np.asarray(widened / widened.sum(axis=1, keepdims=True))

    def to_onnx(self) -> onnx.ModelProto:
        """Return the graph with the one output `probabilities`."""
        inputs = [("features", FloatTensorType([None, self._n_features]))]
        graph: onnx.ModelProto = convert_xgboost(self.booster, initial_types=inputs, target_opset=OPSET)
        keep = [output for output in graph.graph.output if output.name == "probabilities"]
        del graph.graph.output[:]
        graph.graph.output.extend(keep)
        return graph

    def importance(self, columns: tuple[str, ...]) -> list[tuple[str, float]]:
        """Return the share of the total gain of each column, largest first; columns that split nothing are left out."""
        gains = self.booster.get_score(importance_type="total_gain")
        total = sum(gains.values()) or 1.0
        named = [(columns[int(name[1:])], gain / total) for name, gain in gains.items()]
        return sorted(named, key=lambda item: -item[1])


def fit_trees(
    features: FloatArray, labels: IntArray, split: Split, parameters: XGBoostParameters, *, seed: int, threads: int = 1
) -> TreeModel:
    """Fit on `split.train`, stop on `split.validation`, and keep the best iteration only."""
    train, validation = (
        xgboost.DMatrix(features[part].astype(np.float32), label=labels[part], nthread=threads)
        for part in (split.train, split.validation)
    )
    history: dict[str, dict[str, list[float]]] = {}
    booster = xgboost.train(
        _native(parameters, seed, threads),
        train,
        num_boost_round=parameters.n_estimators,
        evals=[(train, "train"), (validation, "validation")],
        early_stopping_rounds=parameters.early_stopping_rounds,
        evals_result=history,
        verbose_eval=False,
    )
    curves = {f"{part}_loss": _curve(history[name]["mlogloss"]) for part, name in _PARTS}
    curves |= {f"{part}_acc": _curve([1 - error for error in history[name]["merror"]]) for part, name in _PARTS}
    report = FitReport(booster.best_iteration + 1, booster.num_boosted_rounds(), curves)
    return TreeModel(booster[: booster.best_iteration + 1], features.shape[1], report)


_PARTS = (("train", "train"), ("val", "validation"))


def _native(parameters: XGBoostParameters, seed: int, threads: int) -> dict[str, Any]:
    return {
        "objective": "multi:softprob",
        "num_class": len(MOVES),
        # The last metric decides the stop.
        "eval_metric": ["merror", "mlogloss"],
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
    }


def _curve(values: list[float]) -> list[tuple[int, float]]:
    return list(enumerate(values, start=1))
