"""Checks of the registered models: what their manifests say, and what their graphs answer."""

import dagster as dg

from rps_assets.assets import keys
from rps_assets.checks.results import check_result
from rps_assets.resources.typed import Datasets, Registry
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.game.families import FAMILIES, Family
from rps_core.game.opponents import opponent_of

SUM_TOLERANCE = 1e-5
TRAINER_TOLERANCE = 1e-5
# The last digit of a probability may differ between machines, so that a tie can fall to the other side.
ACCURACY_TOLERANCE = 0.002
PROBED_ROWS = 200


def build_model_checks(family: Family) -> list[dg.AssetChecksDefinition]:
    """Return the checks of one family's model asset."""
    return [_beats_the_majority(family), _probabilities_sum_to_one(family), _graph_equals_the_trainer(family)]


def _beats_the_majority(family: Family) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=keys.MODELS[family],
        name=f"{opponent_of(family).policy}_beats_the_majority",
        description="Each alias predicts its hold-out better than a guess that always names the most frequent move.",
    )
    def beats_the_majority(model_registry: Registry) -> dg.AssetCheckResult:
        from rps_assets.monitoring.registered_graphs import bundles_of

        found = {
            alias: {name: bundle.manifest.metrics.get(name, 0.0) for name in ("test_accuracy", "majority_accuracy")}
            for alias, bundle in bundles_of(model_registry, family).items()
        }
        behind = [alias for alias, figures in found.items() if figures["test_accuracy"] <= figures["majority_accuracy"]]
        return check_result(
            bool(found) and not behind,
            sentence=f"{len(found) - len(behind)} of {len(found)} aliases predict the hold-out better than the most "
            f"frequent move{'; not ' + ', '.join(behind) if behind else ''}.",
            expected="test_accuracy above majority_accuracy",
            found=found,
            severity=dg.AssetCheckSeverity.WARN,
        )

    return beats_the_majority


def _probabilities_sum_to_one(family: Family) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=keys.MODELS[family],
        name=f"{opponent_of(family).policy}_probabilities_sum_to_one",
        blocking=True,
        description="On rows of the newest dataset, the probabilities of each registered graph sum to one.",
    )
    def probabilities_sum_to_one(model_registry: Registry, datasets: Datasets) -> dg.AssetCheckResult:
        import numpy as np

        from rps_assets.monitoring.registered_graphs import bundles_of, largest_deviation

        info = datasets.require_latest()
        frame = next(datasets.batches(info.fingerprint, CURRENT_CONTRACT, PROBED_ROWS))
        features = frame.select(CURRENT_CONTRACT.columns).head(PROBED_ROWS).to_numpy()
        # A slot whose training failed after an upgrade still holds a model of an earlier contract.
        found = {
            alias: largest_deviation(
                bundle.onnx_bytes,
                features if bundle.contract is CURRENT_CONTRACT else np.zeros((1, len(bundle.contract.columns))),
            )
            for alias, bundle in bundles_of(model_registry, family).items()
        }
        return check_result(
            bool(found) and all(deviation <= SUM_TOLERANCE for deviation in found.values()),
            sentence=f"On {len(features)} rows, the probabilities of {len(found)} graphs differ from a sum of one by "
            f"{max(found.values(), default=0.0):.1e} at most; {SUM_TOLERANCE:.0e} is allowed.",
            expected={"largest_deviation": SUM_TOLERANCE},
            found=found,
        )

    return probabilities_sum_to_one


def _graph_equals_the_trainer(family: Family) -> dg.AssetChecksDefinition:
    @dg.asset_check(
        asset=keys.MODELS[family],
        name=f"{opponent_of(family).policy}_graph_equals_the_trainer",
        blocking=True,
        description="Each registered graph predicts what the trainer's own model predicted, within 1e-5, and has the "
        "same accuracy on this machine as after its training.",
    )
    def graph_equals_the_trainer(model_registry: Registry, datasets: Datasets) -> dg.AssetCheckResult:
        from rps_assets.monitoring.registered_graphs import bundles_of, production_accuracy_difference

        bundles = bundles_of(model_registry, family)
        differences = {a: b.manifest.metrics.get("onnx_max_difference", float("inf")) for a, b in bundles.items()}
        measured = {alias: production_accuracy_difference(bundle, datasets) for alias, bundle in bundles.items()}
        accuracies = {alias: difference for alias, difference in measured.items() if difference is not None}
        return check_result(
            sentence=f"{len(bundles)} graphs differ from their trainers by "
            f"{max(differences.values(), default=0.0):.1e} at most ({TRAINER_TOLERANCE:.0e} is allowed), and their "
            f"accuracy by {max(accuracies.values(), default=0.0):.4f} ({ACCURACY_TOLERANCE} is allowed).",
            passed=bool(bundles)
            and all(difference <= TRAINER_TOLERANCE for difference in differences.values())
            and all(difference <= ACCURACY_TOLERANCE for difference in accuracies.values()),
            expected={"largest_difference": TRAINER_TOLERANCE, "accuracy_difference": ACCURACY_TOLERANCE},
            found={"largest_difference": differences, "accuracy_difference": accuracies},
        )

    return graph_equals_the_trainer


def build_all_model_checks() -> list[dg.AssetChecksDefinition]:
    """Return the model checks of all families."""
    return [check for family in FAMILIES for check in build_model_checks(family)]
