"""Checks on the registered models, by what their manifests say and what their graphs answer."""

from typing import Any

import dagster as dg

from rps_assets.assets import keys
from rps_assets.checks.results import verdict
from rps_assets.serving.model_registry import ModelRegistry
from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, Bundle, decode_bundle
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import FAMILIES, Alias, Family
from rps_core.game.opponents import opponent_of

SUM_TOLERANCE = 1e-5
TRAINER_TOLERANCE = 1e-5
# Between machines the last digit of a probability may differ, and a tie may fall to the other side.
ACCURACY_TOLERANCE = 0.002
PROBED_ROWS = 200


def bundles_of(registry: ModelRegistry, family: Family) -> dict[Alias, Bundle]:
    """Return the bundle at each filled alias of a family, checked against its manifest and the contract."""
    bundles: dict[Alias, Bundle] = {}
    for alias, version in registry.aliases(family).items():
        files = registry.download_model(registry.version(family, version).run_id)
        bundles[alias] = decode_bundle(files[MANIFEST_FILE], files[MODEL_FILE], CURRENT_CONTRACT)
    return bundles


def build_model_checks(family: Family) -> list[dg.AssetChecksDefinition]:
    """Return the checks of one family's asset."""
    name = opponent_of(family).policy

    @dg.asset_check(
        asset=keys.MODELS[family],
        name=f"{name}_beats_the_majority",
        description="Each alias predicts its hold-out better than always naming the most frequent move.",
    )
    def beats_the_majority(model_registry: dg.ResourceParam[ModelRegistry]) -> dg.AssetCheckResult:
        found = {
            alias: {name: bundle.manifest.metrics.get(name, 0.0) for name in ("test_accuracy", "majority_accuracy")}
            for alias, bundle in bundles_of(model_registry, family).items()
        }
        return verdict(
            bool(found) and all(one["test_accuracy"] > one["majority_accuracy"] for one in found.values()),
            expected="test_accuracy above majority_accuracy",
            found=found,
            severity=dg.AssetCheckSeverity.WARN,
        )

    @dg.asset_check(
        asset=keys.MODELS[family],
        name=f"{name}_probabilities_sum_to_one",
        blocking=True,
        description="The registered graphs answer with probabilities that sum to one, on rows of the newest dataset.",
    )
    def probabilities_sum_to_one(
        model_registry: dg.ResourceParam[ModelRegistry], datasets: dg.ResourceParam[Any]
    ) -> dg.AssetCheckResult:
        _, frame = datasets.read_latest(CURRENT_CONTRACT)
        features = frame.select(CURRENT_CONTRACT.columns).head(PROBED_ROWS).to_numpy()
        found = {
            alias: largest_deviation(bundle.onnx_bytes, features)
            for alias, bundle in bundles_of(model_registry, family).items()
        }
        return verdict(
            bool(found) and all(deviation <= SUM_TOLERANCE for deviation in found.values()),
            expected={"largest_deviation": SUM_TOLERANCE},
            found=found,
        )

    @dg.asset_check(
        asset=keys.MODELS[family],
        name=f"{name}_graph_equals_the_trainer",
        blocking=True,
        description="The registered graphs predict what the trainer's own model predicted, within 1e-5, and answer on "
        "this machine what they answered when they were trained.",
    )
    def graph_equals_the_trainer(
        model_registry: dg.ResourceParam[ModelRegistry], datasets: dg.ResourceParam[Any]
    ) -> dg.AssetCheckResult:
        bundles = bundles_of(model_registry, family)
        differences = {a: b.manifest.metrics.get("onnx_max_difference", float("inf")) for a, b in bundles.items()}
        again = {
            alias: difference
            for alias, bundle in bundles.items()
            for difference in [production_accuracy_difference(bundle, datasets)]
            if difference is not None
        }
        return verdict(
            bool(bundles)
            and all(difference <= TRAINER_TOLERANCE for difference in differences.values())
            and all(difference <= ACCURACY_TOLERANCE for difference in again.values()),
            expected={"largest_difference": TRAINER_TOLERANCE, "accuracy_difference": ACCURACY_TOLERANCE},
            found={"largest_difference": differences, "accuracy_difference": again},
        )

    return [beats_the_majority, probabilities_sum_to_one, graph_equals_the_trainer]


def production_accuracy_difference(bundle: Bundle, datasets: Any) -> float | None:
    """Return how far the graph's accuracy on its training games is from the one that was logged; None without them."""
    from rps_assets.datasets.dataset_folder import DatasetError
    from rps_assets.training.dataset import TrainingDataset
    from rps_assets.training.evaluation import accuracy
    from rps_assets.training.onnx_export import predict_onnx
    from rps_assets.training.splits import production_split

    try:
        frame = datasets.read(bundle.manifest.dataset.fingerprint, CURRENT_CONTRACT)
    except DatasetError:
        return None
    dataset = TrainingDataset.from_frame(frame, bundle.manifest.dataset.fingerprint)
    rows = production_split(dataset.games).train
    logged = bundle.manifest.metrics.get("train_acc_production")
    if logged is None:
        return None
    return abs(logged - accuracy(dataset.labels[rows], predict_onnx(bundle.onnx_bytes, dataset.features[rows])))


def largest_deviation(onnx_bytes: bytes, features: Any) -> float:
    """Return how far the probabilities of a graph are from summing to one; infinity where one is negative or NaN."""
    import numpy as np

    from rps_assets.training.onnx_export import run_onnx

    probabilities = run_onnx(onnx_bytes, features.astype(np.float32))
    if not (probabilities >= 0).all():
        return float("inf")
    return float(np.abs(probabilities.sum(axis=1) - 1).max())


def build_all_model_checks() -> list[dg.AssetChecksDefinition]:
    """Return the model checks of all families."""
    return [check for family in FAMILIES for check in build_model_checks(family)]
