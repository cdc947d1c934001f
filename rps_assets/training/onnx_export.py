"""Export of a fitted model to the ONNX bytes that are served, and comparison of the two."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from rps_assets.training.dataset import FeatureArray, FloatArray
from rps_assets.training.models import FittedModel, portions
from rps_core.bundle.graph import require_plain_graph
from rps_core.errors import RpsError

TOLERANCE = 1e-5


class ParityError(RpsError):
    """An ONNX graph predicts other probabilities than the model it was exported from."""


def to_onnx_bytes(model: FittedModel) -> bytes:
    """Return the checked ONNX graph of a model as bytes.

    Raises:
        onnx.checker.ValidationError: the graph breaks the ONNX specification.
    """
    graph = model.to_onnx()
    onnx.checker.check_model(graph)
    data: bytes = graph.SerializeToString(deterministic=True)
    return data


def run_onnx(onnx_bytes: bytes, features: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the raw output of a graph for float32 features (n, columns), computed on one thread.

    Raises:
        BundleCorrupt: the graph must not be served.
    """
    require_plain_graph(onnx_bytes)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])
    parts = [session.run(["probabilities"], {"features": part})[0] for part in portions(features)]
    return np.concatenate(parts)


def predict_onnx(onnx_bytes: bytes, features: FeatureArray) -> FloatArray:
    """Return probabilities, float64 (n, 3), that the served graph computes from float32 features."""
    widened = run_onnx(onnx_bytes, features.astype(np.float32, copy=False)).astype(np.float64)
    # float32 probabilities sum to one only within 1e-7, too imprecise for a log loss in float64.
    return np.asarray(widened / widened.sum(axis=1, keepdims=True))


def require_parity(onnx_bytes: bytes, predict: Callable[[FeatureArray], FloatArray], features: FeatureArray) -> float:
    """Return the largest difference between the probabilities of graph and model.

    Raises:
        ParityError: the difference is larger than 1e-5.
    """
    difference = float(np.abs(predict_onnx(onnx_bytes, features) - predict(features)).max())
    if not difference <= TOLERANCE:
        raise ParityError(f"the ONNX graph differs from its model by {difference:.2e}; the limit is {TOLERANCE:.0e}")
    return difference
