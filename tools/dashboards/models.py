"""The dashboard of models and aliases: how well each slot predicts and plays, and what it serves."""

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard

from rps_core.game.opponents import OPPONENTS
from tools.dashboards.panels import GREEN, RED, YELLOW, Query, bars, board, lines, number, row, rows, stacked


def models() -> Dashboard:
    """How good is each model, and what is served?"""
    built = board(
        "rps-models", "RPS Quest: models and aliases", "How well each slot predicts and plays, and what it serves."
    )
    for opponent in OPPONENTS.values():
        built.with_row(row(f"{opponent.display_name} ({opponent.family})"))
        for panel in _family_panels(opponent.family):
            built.with_panel(panel)
    built.with_row(row("What is served"))
    for panel in (
        rows(
            "Versions",
            "Replicas that serve each version of a slot.",
            Query("count by (model, alias, version) (rps_model_loaded_info)"),
        ),
        bars(
            "Age of the served versions",
            "Since they were trained.",
            Query("time() - max by (model, alias) (rps_model_created_timestamp_seconds)", "{{model}}@{{alias}}"),
            unit="s",
            width=12,
            steps=((None, GREEN), (3 * 86_400, YELLOW), (7 * 86_400, RED)),
        ),
        lines(
            "Failed loads in 15 minutes",
            "A slot that cannot be loaded keeps what it had.",
            Query("sum by (model) (increase(rps_model_load_failures_total[15m]))", "{{model}}"),
        ),
        lines(
            "Time to load a model",
            "95th percentile of an hour.",
            Query(
                "histogram_quantile(0.95, sum by (model, le) (increase(rps_model_load_seconds_bucket[1h])))",
                "{{model}}",
            ),
            unit="s",
        ),
        stacked(
            "What moves rest on, an hour",
            "mlflow is a model, the others are random play.",
            Query("sum by (source) (increase(rps:decisions:total[1h]))", "{{source}}"),
        ),
        lines(
            "Random moves in five minutes",
            "By slot and reason.",
            Query("sum by (model, reason) (rps:fallbacks:5m)", "{{model}} {{reason}}"),
            width=12,
        ),
        lines(
            "Share of random moves",
            "Of all moves of a family ever chosen.",
            Query("max by (model) (rps_model_fallback_ratio)", "{{model}}"),
            unit="percentunit",
            bounds=(0, 1),
            width=12,
        ),
        lines(
            "Games begun, by slot, an hour",
            "The split between Production and B as it came out.",
            Query("max by (variant) (increase(rps_ab_exposure_total[1h]))", "{{variant}}"),
            width=12,
        ),
        number(
            "Production's share",
            "Share of the games that Production is meant to play.",
            Query("max(rps_ab_split_ratio * rps_ab_enabled) or vector(1)"),
            unit="percentunit",
            width=12,
        ),
    ):
        built.with_panel(panel)
    return built


def _family_panels(family: str) -> list[timeseries.Panel]:
    return [
        lines(
            "Right predictions, 12 h",
            "Share of the moves that each slot foretold; one in three is chance.",
            Query(f'rps:alias_accuracy:12h{{model="{family}"}}', "{{alias}}"),
            unit="percentunit",
            bounds=(0, 1),
            limits=((1 / 3, YELLOW),),
        ),
        lines(
            "Games won by Production and B, 12 h",
            "Share of the finished games; ties are games that were not won.",
            Query(f'rps:alias_win_rate:12h{{model="{family}"}}', "{{alias}}"),
            unit="percentunit",
            bounds=(0, 1),
        ),
        lines(
            "Since the beginning, beside training",
            "Right predictions ever made by the slot, and what training said of the version it serves now.",
            Query(
                f'rps:correct_predictions_by_alias:total{{model="{family}"}} / '
                f'(rps:predictions_by_alias:total{{model="{family}"}} > 0)',
                "{{alias}} in play",
            ),
            Query(f'rps:holdout_accuracy:max{{model="{family}"}}', "{{alias}} in training"),
            unit="percentunit",
            bounds=(0, 1),
        ),
    ]
