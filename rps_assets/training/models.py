"""Interface of fitted models, common to all training libraries."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt

from rps_assets.training.dataset import FeatureArray, FloatArray, IntArray

# Predictions are made for so many examples together: twelve megabytes in float64.
ROWS_AT_A_TIME = 20_000

Curve = list[tuple[int, float]]


class FitReport(NamedTuple):
    """Course of a fit: the step whose weights were kept, the number of steps, and curves by name as (step, value)."""

    best_iteration: int
    iterations: int
    curves: dict[str, Curve]


class FittedModel(ABC):
    """A model that predicts and exports itself to ONNX."""

    def __init__(self, report: FitReport) -> None:
        self.report = report

    @abstractmethod
    def predict(self, features: FeatureArray) -> FloatArray:
        """Return probabilities, float64 (n, 3), for features (n, columns)."""

    @abstractmethod
    def to_onnx(self) -> Any:
        """Return an ONNX graph from `features` float32 (n, columns) to `probabilities` float32 (n, 3)."""

    @abstractmethod
    def importance(self, columns: tuple[str, ...]) -> list[tuple[str, float]]:
        """Return the share of each column in the model's decisions, largest first."""


def predict_rows(predict: Callable[[FeatureArray], FloatArray], features: FeatureArray, rows: IntArray) -> FloatArray:
    """Return the probabilities of some rows, float64 (len(rows), 3), without a copy of all their features."""
    return np.concatenate([predict(features[part]) for part in portions(rows)])


_Type = TypeVar("_Type", bound=np.generic)


def portions(rows: npt.NDArray[_Type]) -> list[npt.NDArray[_Type]]:
    """Return views of the rows of an array, `ROWS_AT_A_TIME` in each; one empty view if there are no rows."""
    return [rows[first : first + ROWS_AT_A_TIME] for first in range(0, max(len(rows), 1), ROWS_AT_A_TIME)]
