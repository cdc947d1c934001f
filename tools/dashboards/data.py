"""The dashboard of training: what models learn from, and whether play still looks like it."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards.panels import RED, YELLOW, Query, bars, board, lines, stacked

_DURATIONS = "increase(rps_training_duration_seconds_bucket[6h])"


def data() -> Dashboard:
    """What do the models learn from, and does training work?"""
    built = board(
        "rps-data",
        "RPS Quest: data drift and training",
        "Trainings, and whether play still looks like what they saw.",
        since="now-7d",
    )
    for panel in (
        lines(
            "Data drift",
            "Population stability index of the newest games against the training: under 0.1 nothing moved, above 0.25 "
            "the models meet other play.",
            Query("max by (scope) (rps_data_drift_score)", "{{scope}}"),
            width=12,
            limits=((0.1, YELLOW), (0.25, RED)),
        ),
        lines(
            "Live accuracy less training's, 12 h",
            "Of the slots with a hundred predictions in twelve hours; five points are worth a look.",
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
            "Trainings that ended, six hours",
            "As trainers reported them.",
            Query(
                "sum by (model_type, status) (increase(rps_training_completed_total[6h]))", "{{model_type}} {{status}}"
            ),
        ),
        lines(
            "How long trainings take",
            "Median and 90th percentile of six hours.",
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
            "Captured rounds an hour",
            "Where RPS_CAPTURE_INFERENCE_DIR is set: written, dropped or failed.",
            Query("sum by (outcome) (increase(rps_inference_captured_rounds_total[1h]))", "{{outcome}}"),
        ),
        bars(
            "Training said",
            "Hold-out accuracy of the versions that are served.",
            Query("rps:holdout_accuracy:max", "{{model}}@{{alias}}"),
            unit="percentunit",
            width=24,
        ),
    ):
        built.with_panel(panel)
    return built
