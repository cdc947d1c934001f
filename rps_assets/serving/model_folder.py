"""The model directory of a run: MLflow's own files with our graph and manifest."""

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
    folder: Path,
    run_id: str,
    model_id: str,
    onnx_bytes: bytes,
    manifest: bytes | None,
    input_example: Sequence[float] | None,
) -> None:
    """Write a model directory that anyone can load with MLflow and that the cache mirrors unchanged."""
    import mlflow.onnx
    import numpy as np
    import onnx
    from mlflow.models import Model, ModelSignature
    from mlflow.types import Schema, TensorSpec

    graph = onnx.load_model_from_string(onnx_bytes)
    # As many columns as the contract that the model was trained on; -1 if the graph leaves it open.
    columns = graph.graph.input[0].type.tensor_type.shape.dim[-1].dim_value or -1
    with warnings.catch_warnings():
        # MLflow warns about its own dependencies here, not about this model.
        warnings.simplefilter("ignore")
        mlflow.onnx.save_model(
            graph,
            str(folder),
            # One tensor each way, because a signature of named columns costs 4 ms a call.
            signature=ModelSignature(
                inputs=Schema([TensorSpec(np.dtype(np.float32), (-1, columns), "features")]),
                outputs=Schema([TensorSpec(np.dtype(np.float32), (-1, 3), "probabilities")]),
            ),
            input_example=_example(input_example),
            mlflow_model=Model(artifact_path=MODEL_FOLDER, run_id=run_id, model_uuid=model_id, model_id=model_id),
            # Listed, because MLflow takes five seconds per model to guess them.
            pip_requirements=["mlflow", "numpy", "onnx", "onnxruntime"],
            onnx_execution_providers=["CPUExecutionProvider"],
            save_as_external_data=False,
        )
    # The library may write other bytes than those whose hash the manifest promises.
    (folder / MODEL_FILE).write_bytes(onnx_bytes)
    if manifest is not None:
        (folder / MANIFEST_FILE).write_bytes(manifest)
