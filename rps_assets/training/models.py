"""Interface of fitted models, common to all training libraries."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from rps_assets.training.dataset import FloatArray

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
    def predict(self, features: FloatArray) -> FloatArray:
        """Return probabilities, float64 (n, 3), for features, float64 (n, 50)."""

    @abstractmethod
    def to_onnx(self) -> Any:
        """Return an ONNX graph from `features` float32 (n, 50) to `probabilities` float32 (n, 3)."""

    @abstractmethod
    def importance(self, columns: tuple[str, ...]) -> list[tuple[str, float]]:
        """Return the share of each column in the model's decisions, largest first."""
