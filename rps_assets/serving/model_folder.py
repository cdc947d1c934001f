"""The model directory of a run: what MLflow loads, with our graph and manifest in it."""

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rps_core.bundle import MANIFEST_FILE, MODEL_FILE
from rps_core.cache import MODEL_FOLDER


def _example(features: Sequence[float] | None) -> Any:
    import numpy as np

    return None if features is None else np.array([features], dtype=np.float32)


def save_model(
    folder: Path, run_id: str, onnx_bytes: bytes, manifest: bytes | None, input_example: Sequence[float] | None
) -> None:
    """Write a model directory that a stranger can load with MLflow and the cache can mirror as it is."""
    import mlflow.onnx
    import numpy as np
    import onnx
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    with warnings.catch_warnings():
        # MLflow comments on its own dependencies here; none of it is about this model.
        warnings.simplefilter("ignore")
        mlflow.onnx.save_model(
            onnx.load_model_from_string(onnx_bytes),
            str(folder),
            # One tensor each way: a signature of 50 named columns costs 4 ms a call.
            signature=ModelSignature(
                inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, 50), "features")]),
                outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, 3), "probabilities")]),
            ),
            input_example=_example(input_example),
            mlflow_model=Model(artifact_path=MODEL_FOLDER, run_id=run_id),
            # Named, because guessing them takes MLflow five seconds a model.
            pip_requirements=["mlflow", "numpy", "onnx", "onnxruntime"],
            onnx_execution_providers=["CPUExecutionProvider"],
            save_as_external_data=False,
        )
    # Exactly the bytes whose hash the manifest promises, whatever the library wrote.
    (folder / MODEL_FILE).write_bytes(onnx_bytes)
    if manifest is not None:
        (folder / MANIFEST_FILE).write_bytes(manifest)
