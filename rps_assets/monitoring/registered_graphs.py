"""Measurements of registered graphs: validity of their probabilities, and accuracy compared with their training."""

from typing import Any

import numpy as np
import numpy.typing as npt

from rps_assets.datasets.dataset_folder import DatasetError, DatasetFolder
from rps_assets.serving.model_registry import ModelRegistry
from rps_assets.training.dataset import TrainingDataset
from rps_assets.training.evaluation import accuracy
from rps_assets.training.onnx_export import predict_onnx, run_onnx
from rps_assets.training.splits import production_split_of
from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, Bundle, decode_bundle
from rps_core.game.families import Alias, Family


def bundles_of(registry: ModelRegistry, family: Family) -> dict[Alias, Bundle]:
    """Return the bundle at each filled alias of a family, checked against its manifest and the contract."""
    bundles: dict[Alias, Bundle] = {}
    for alias, version in registry.aliases(family).items():
        files = registry.download_model(registry.version(family, version).run_id)
        bundles[alias] = decode_bundle(files[MANIFEST_FILE], files[MODEL_FILE])
    return bundles


def production_accuracy_difference(bundle: Bundle, datasets: DatasetFolder) -> float | None:
    """Return the difference between the graph's accuracy on its training games now and the logged one.

    None if the dataset was deleted or no accuracy was logged.
    """
    logged = bundle.manifest.metrics.get("train_acc_production")
    fingerprint = bundle.manifest.dataset.fingerprint
    try:
        frame = datasets.read(fingerprint, bundle.contract)
    except DatasetError:
        return None
    if logged is None:
        return None
    dataset = TrainingDataset.from_frame(frame, fingerprint, bundle.contract)
    rows = production_split_of(dataset).train
    return abs(logged - accuracy(dataset.labels[rows], predict_onnx(bundle.onnx_bytes, dataset.features[rows])))


def largest_deviation(onnx_bytes: bytes, features: npt.NDArray[Any]) -> float:
    """Return the largest distance of a sum of probabilities from one, or infinity if one is negative or NaN."""
    probabilities = run_onnx(onnx_bytes, features.astype(np.float32))
    if not (probabilities >= 0).all():
        return float("inf")
    return float(np.abs(probabilities.sum(axis=1) - 1).max())
