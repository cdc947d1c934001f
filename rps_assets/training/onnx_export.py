"""From a fitted model to the bytes that are served, checked against the model itself."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime

from rps_assets.training.dataset import FloatArray
from rps_assets.training.models import FittedModel
from rps_core.bundle.graph import require_plain_graph
from rps_core.errors import RpsError

TOLERANCE = 1e-5


class ParityError(RpsError):
    """The ONNX graph and the model it was written from disagree."""


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
    """Return what a graph answers to float32 features (n, 50), on one thread, unchanged.

    Raises:
        BundleCorrupt: it is no graph that may be served.
    """
    require_plain_graph(onnx_bytes)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(onnx_bytes, options, providers=["CPUExecutionProvider"])
    (probabilities,) = session.run(["probabilities"], {"features": features})
    return np.asarray(probabilities)


def predict_onnx(onnx_bytes: bytes, features: FloatArray) -> FloatArray:
    """Return probabilities, float64 (n, 3), as the served graph computes them from float32 features."""
    widened = run_onnx(onnx_bytes, features.astype(np.float32)).astype(np.float64)
    # In float32 they sum to one within 1e-7 only, which is not enough for a logarithmic loss in float64.
    return np.asarray(widened / widened.sum(axis=1, keepdims=True))


def require_parity(onnx_bytes: bytes, predict: Callable[[FloatArray], FloatArray], features: FloatArray) -> float:
    """Return the largest difference between graph and model.

    Raises:
        ParityError: it is larger than 1e-5.
    """
    difference = float(np.abs(predict_onnx(onnx_bytes, features) - predict(features)).max())
    if not difference <= TOLERANCE:
        raise ParityError(
            f"the ONNX graph differs from its model by {difference:.2e}; at most {TOLERANCE:.0e} is allowed"
        )
    return difference
