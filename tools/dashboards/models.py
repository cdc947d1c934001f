"""Dashboard of models and aliases: predictions and results of each slot, and served versions."""

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard

from rps_core.game.opponents import OPPONENTS
from tools.dashboards.panels import GREEN, RED, YELLOW, Query, bars, board, lines, number, row, rows, stacked


def models() -> Dashboard:
    """Build the dashboard of models and aliases."""
    built = board(
        "rps-models", "RPS Quest: models and aliases", "Predictions and results of each slot, and served versions."
    )
    for opponent in OPPONENTS.values():
        built.with_row(row(f"{opponent.display_name} ({opponent.family})"))
        for panel in _family_panels(opponent.family):
            built.with_panel(panel)
    built.with_row(row("Served versions"))
    for panel in (
        rows(
            "Versions",
            "Number of replicas that serve each version of a slot.",
            Query("count by (model, alias, version) (rps_model_loaded_info)"),
        ),
        bars(
            "Age of the served versions",
            "Time since training.",
            Query("time() - max by (model, alias) (rps_model_created_timestamp_seconds)", "{{model}}@{{alias}}"),
            unit="s",
            width=12,
            steps=((None, GREEN), (3 * 86_400, YELLOW), (7 * 86_400, RED)),
        ),
        lines(
            "Failed loads in 15 minutes",
            "A slot keeps its previous version if a load fails.",
            Query("sum by (model) (increase(rps_model_load_failures_total[15m]))", "{{model}}"),
        ),
        lines(
            "Time to load a model",
            "95th percentile over one hour.",
            Query(
                "histogram_quantile(0.95, sum by (model, le) (increase(rps_model_load_seconds_bucket[1h])))",
                "{{model}}",
            ),
            unit="s",
        ),
        stacked(
            "Source of moves per hour",
            "mlflow means a model; all other sources are random play.",
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
            "Of all moves of a family since the start.",
            Query("max by (model) (rps_model_fallback_ratio)", "{{model}}"),
            unit="percentunit",
            bounds=(0, 1),
            width=12,
        ),
        lines(
            "Started games per hour, by slot",
            "The actual split between Production and B.",
            Query("max by (variant) (increase(rps_ab_exposure_total[1h]))", "{{variant}}"),
            width=12,
        ),
        number(
            "Production's share",
            "Configured share of games that Production plays.",
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
            "Correct predictions, 12 h",
            "Share of moves that each slot predicted; one in three is chance.",
            Query(f'rps:alias_accuracy:12h{{model="{family}"}}', "{{alias}}"),
            unit="percentunit",
            bounds=(0, 1),
            limits=((1 / 3, YELLOW),),
        ),
        lines(
            "Games won by Production and B, 12 h",
            "Share of finished games; ties do not count as won.",
            Query(f'rps:alias_win_rate:12h{{model="{family}"}}', "{{alias}}"),
            unit="percentunit",
            bounds=(0, 1),
        ),
        lines(
            "Total accuracy and hold-out",
            "Share of correct predictions of the slot since the start, and hold-out accuracy of its served version.",
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
