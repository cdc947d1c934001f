"""Checks of the newest reports, which they read from the gameplay store."""

from typing import Any

import dagster as dg
from sqlalchemy import Engine

from rps_assets.assets import keys
from rps_assets.assets.reports import CAL_REPORT, LIVE_ACCURACY_REPORT, PARITY_REPORT
from rps_assets.checks.results import check_result
from rps_assets.resources.typed import Store
from rps_core.errors import RpsError
from rps_core.store.reports import DATA_DRIFT_REPORT, DRIFTED, PARITY_TOLERANCE, Reports, drift_limits


class ReportMissing(RpsError):
    """A report has not been written yet."""


def read_report(store: Engine, name: str) -> dict[str, Any]:
    """Return the newest report with this name.

    Raises:
        ReportMissing: the report does not exist yet.
    """
    found = Reports(store).read(name)
    if found is None:
        raise ReportMissing(f"there is no report {name} to check; materialise reports/{name} first")
    return found.payload


@dg.asset_check(
    asset=keys.DATA_DRIFT,
    name="play_is_what_was_trained_on",
    description="No feature of the newest games differs more from the training dataset than samples of as many "
    f"training games do by chance, and than a stability index of {DRIFTED}.",
)
def play_is_what_was_trained_on(gameplay_store: Store) -> dg.AssetCheckResult:
    """Compare the scores with the threshold; with too few games the report has no score, and the check passes."""
    report = read_report(gameplay_store, DATA_DRIFT_REPORT)
    scores = report["scores"]
    limits = drift_limits(report)
    figures = ", ".join(f"{scope} {score:.3f} (limit {limits[scope]:.3f})" for scope, score in scores.items())
    return check_result(
        all(score <= limits[scope] for scope, score in scores.items()),
        sentence=f"Stability index of the newest {report['current_rows']:,} examples against "
        f"{report['reference_rows']:,} of the dataset: {figures}."
        if scores
        else "There are too few games to compare the newest with the dataset.",
        expected={"at_most": limits},
        found=scores or "too few games to tell",
        severity=dg.AssetCheckSeverity.WARN,
    )


@dg.asset_check(
    asset=keys.LIVE_ACCURACY,
    name="live_accuracy_is_what_the_holdout_promised",
    description="No version's live accuracy is significantly more than five points away from its hold-out accuracy.",
)
def live_accuracy_is_what_the_holdout_promised(gameplay_store: Store) -> dg.AssetCheckResult:
    """List the versions that fail."""
    found = read_report(gameplay_store, LIVE_ACCURACY_REPORT)
    return check_result(
        not found["away"],
        sentence=f"{len(found['away'])} versions predict significantly more than five points better or worse in play "
        f"than on their hold-out{': ' + ', '.join(map(str, found['away'])) if found['away'] else ''}.",
        expected={"away": []},
        found={"away": found["away"]},
        severity=dg.AssetCheckSeverity.WARN,
    )


@dg.asset_check(
    asset=keys.PARITY,
    name="stored_predictions_can_be_computed_again",
    description="Computed again from the stored rounds, features are equal to the bit, and probabilities within "
    f"{PARITY_TOLERANCE:.0e}.",
)
def stored_predictions_can_be_computed_again(gameplay_store: Store) -> dg.AssetCheckResult:
    """Show the largest differences and where they occur."""
    found = read_report(gameplay_store, PARITY_REPORT)
    return check_result(
        found["holds"],
        sentence=f"{found['checked']} stored predictions were computed again: features differ by "
        f"{found['feature_difference']}, probabilities by {found['probability_difference']} "
        f"({PARITY_TOLERANCE:.0e} allowed).",
        expected={"feature_difference": 0.0, "probability_difference": f"at most {PARITY_TOLERANCE:.0e}"},
        found={name: found[name] for name in ("checked", "feature_difference", "probability_difference", "worst")},
    )


@dg.asset_check(
    asset=keys.CAL_PROBE,
    name="cal_is_predicted_as_well_in_play",
    description="No served version predicts Cal significantly worse in play than in games it did not train on.",
)
def cal_is_predicted_as_well_in_play(gameplay_store: Store) -> dg.AssetCheckResult:
    """List the slots that fail."""
    found = read_report(gameplay_store, CAL_REPORT)
    return check_result(
        not found["too_low"],
        sentence="No served version predicts Cal significantly worse in play than in games it did not train on."
        if not found["too_low"]
        else f"Cal is predicted significantly worse in play by {', '.join(map(str, found['too_low']))}.",
        expected={"too_low": []},
        found={"too_low": found["too_low"]},
    )


REPORT_CHECKS = [
    play_is_what_was_trained_on,
    live_accuracy_is_what_the_holdout_promised,
    stored_predictions_can_be_computed_again,
    cal_is_predicted_as_well_in_play,
]
