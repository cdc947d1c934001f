"""The twelve models behind the interfaces that usually serve them.

Usual: networks are logged with a signature inferred from the training frame and served by `mlflow.pyfunc.load_model`,
MLflow's documented way to deploy any flavour; `predict` then checks the named columns at each call. Trees are
served by `XGBClassifier.predict_proba`, as in xgboost's introduction. Each uses one thread: the default, one per core,
is slower for one row.
"""

from pathlib import Path
from typing import Any, Protocol

import numpy as np
import pandas as pd

from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import SLOTS, Slot
from rps_core.game.moves import MOVES


class Predictor(Protocol):
    """A model that predicts."""

    def probabilities(self, features: pd.DataFrame) -> list[list[float]]:
        """Return the probabilities of rock, paper and scissors for each row."""


class PyfuncPredictor:
    """A network, called through MLflow."""

    def __init__(self, folder: Path) -> None:
        import mlflow.pyfunc

        self._model: Any = mlflow.pyfunc.load_model(str(folder))

    def probabilities(self, features: pd.DataFrame) -> list[list[float]]:
        """Return the probabilities for each row."""
        output = self._model.predict(features)
        values = output["probabilities"] if isinstance(output, dict) else output
        return np.asarray(values, dtype=float).reshape(len(features), len(MOVES)).tolist()


class TreePredictor:
    """Boosted trees, called through scikit-learn's interface."""

    def __init__(self, file: Path) -> None:
        from xgboost import XGBClassifier

        self._model = XGBClassifier(n_jobs=1)
        self._model.load_model(file)

    def probabilities(self, features: pd.DataFrame) -> list[list[float]]:
        """Return the probabilities for each row."""
        return self._model.predict_proba(features).tolist()


def model_path(folder: Path, slot: Slot) -> Path:
    """Return the path of a slot's model: a file of xgboost or a folder of MLflow."""
    return folder / (f"{slot.alias}.ubj" if slot.family == "xgboost" else f"{slot.family}-{slot.alias}")


def load_predictors(folder: Path) -> dict[Slot, Predictor]:
    """Load the twelve models from a folder that `benchmarks.trained_models.baseline_models` filled."""
    return {
        slot: TreePredictor(path) if slot.family == "xgboost" else PyfuncPredictor(path)
        for slot in SLOTS
        for path in [model_path(folder, slot)]
    }


def save_network(onnx_bytes: bytes, path: Path) -> None:
    """Save a network as an MLflow model with a signature of named columns."""
    import mlflow.onnx
    import onnx
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema

    signature = ModelSignature(Schema([ColSpec(DataType.double, name) for name in CURRENT_CONTRACT.columns]))
    # Name the requirements: to guess them, MLflow would load the model in another process.
    mlflow.onnx.save_model(
        onnx.load_from_string(onnx_bytes),
        path,
        signature=signature,
        pip_requirements=["onnxruntime"],
        onnx_execution_providers=["CPUExecutionProvider"],
    )
