"""Dashboard of training: duration and results of trainings, and drift of play from the training data."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards.panels import RED, YELLOW, Query, bars, board, lines, stacked

_DURATIONS = "increase(rps_training_duration_seconds_bucket[6h])"


def data() -> Dashboard:
    """Build the dashboard of training."""
    built = board(
        "rps-data",
        "RPS Quest: data drift and training",
        "Trainings, and drift of play from the training data.",
        since="now-7d",
    )
    for panel in (
        lines(
            "Data drift",
            "Population stability index of the newest games against the training dataset: below 0.1 is stable, above "
            "its limit has changed.",
            Query("max by (scope) (rps_data_drift_score)", "{{scope}}"),
            Query("max by (scope) (rps_data_drift_limit)", "limit of {{scope}}"),
            width=12,
            limits=((0.1, YELLOW),),
        ),
        lines(
            "Live accuracy minus hold-out, 12 h",
            "Slots with at least 100 predictions in 12 hours. Investigate differences above five points.",
            Query(
                "(rps:alias_accuracy:12h - rps:holdout_accuracy:max) "
                "and increase(rps:predictions_by_alias:total[12h]) >= 100",
                "{{model}}@{{alias}}",
            ),
            unit="percentunit",
            width=12,
            bounds=(None, None),
            limits=((-0.05, RED), (0.05, RED)),
        ),
        stacked(
            "Finished trainings, 6 h",
            "Reported by the trainers, by status.",
            Query(
                "sum by (model_type, status) (increase(rps_training_completed_total[6h]))", "{{model_type}} {{status}}"
            ),
        ),
        lines(
            "Duration of trainings",
            "Median and 90th percentile over six hours.",
            *(
                Query(
                    f"histogram_quantile({q}, sum by (model_type, le) ({_DURATIONS}))",
                    "{{model_type}} " + name,
                )
                for q, name in ((0.5, "median"), (0.9, "90 %"))
            ),
            unit="s",
            limits=((600, RED),),
        ),
        lines(
            "Captured rounds per hour",
            "Written, dropped and failed, if RPS_CAPTURE_INFERENCE_DIR is set.",
            Query("sum by (outcome) (increase(rps_inference_captured_rounds_total[1h]))", "{{outcome}}"),
        ),
        bars(
            "Hold-out accuracy",
            "Of the served versions, as measured in training.",
            Query("rps:holdout_accuracy:max", "{{model}}@{{alias}}"),
            unit="percentunit",
            width=24,
        ),
    ):
        built.with_panel(panel)
    return built
