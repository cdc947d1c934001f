"""Dashboard of promotions: decisions, evidence and ranking."""

from grafana_foundation_sdk.builders import timeseries
from grafana_foundation_sdk.builders.dashboard import Dashboard
from grafana_foundation_sdk.models.dashboard import DynamicConfigValue

from tools.dashboards.panels import GREEN, YELLOW, Query, board, ledger_rows, lines, row, states

ONE_SIDED_P, ONE_SIDED_Z = 0.05, 1.645
HISTORY, TOTALS = "/internal/promotion/history", "/internal/promotion/event_totals"


def promotion() -> Dashboard:
    """Build the dashboard of promotions."""
    built = board("rps-promotion", "RPS Quest: promotion", "Ledger, evidence and challengers.", since="now-7d")
    history = (
        ("created_ts_utc", "When", "timestamp"),
        ("model_type", "Model", "string"),
        ("decision", "Decision", "string"),
        ("production_win_rate", "Production wins", "number"),
        ("b_win_rate", "B wins", "number"),
        ("z_statistic", "z", "number"),
        ("p_value", "p", "number"),
        ("reason", "Reason", "string"),
    )
    built.with_panel(ledger_rows("The last 20 decisions", "From the promotion ledger.", f"{HISTORY}?limit=20", history))
    colours = {"swap": GREEN, "retain": "blue", "too few games": "gray", "reorder": "orange"}
    totals = (
        ("model", "Model", "string"),
        ("swap_production_b", "swap", "number"),
        ("retain_production", "retain", "number"),
        ("insufficient_data", "too few games", "number"),
        ("alias_reorder", "reorder", "number"),
    )
    built.with_panel(
        ledger_rows("Decisions of 7 days", "By family.", f"{TOTALS}?days=7", totals, width=8, bar_colours=colours)
    )
    ranks = (
        ("created_ts_utc", "When", "timestamp"),
        ("model_type", "Model", "string"),
        ("rank1_summary", "First", "string"),
        ("rank2_summary", "Second", "string"),
        ("rank3_summary", "Third", "string"),
        ("step2_accuracy", "Accuracy", "string"),
    )
    built.with_panel(
        ledger_rows(
            "Ranking of the challengers",
            "The three newest entries, with slot and number of predictions of each rank.",
            f"{HISTORY}?limit=3",
            ranks,
            width=16,
        )
    )
    built.with_row(row("Evidence"))
    for panel in (
        _two_axes(),
        states(
            "Latest decision",
            "1 for the latest decision of each family.",
            Query("max by (model, decision) (rps_model_promotion_decision_state) == 1", "{{model}} {{decision}}"),
        ),
        lines(
            "Decided games since the last swap",
            "Won and lost games; the policy needs PROMOTION_MIN_GAMES on each side.",
            Query("max by (model, alias) (rps_model_games_since_production_swap)", "{{model}}@{{alias}}"),
        ),
        lines(
            "Cycles since the last swap",
            "Ledger entries.",
            Query("max by (model) (rps_model_promotion_cycles_since_swap)", "{{model}}"),
        ),
        lines(
            "Decisions per hour",
            "By kind.",
            Query("sum by (decision) (rps:promotion_events:1h)", "{{decision}}"),
        ),
    ):
        built.with_panel(panel)
    built.with_row(row("Challengers"))
    built.with_panel(
        states(
            "Rank of the challengers",
            "By the slot that a version came from: 1 predicted moves best; 0 was promoted or never ranked.",
            Query("max by (model, alias) (rps_model_alias_rank)", "{{model}} {{alias}}"),
            steps=((None, "gray"), (1, GREEN), (2, YELLOW), (3, "orange")),
        )
    )
    built.with_panel(
        lines(
            "Reorders",
            "Total of ledger entries that reordered the challengers.",
            Query("max by (model) (rps_model_alias_reorders_total)", "{{model}}"),
            width=12,
        )
    )
    return built


def _two_axes() -> timeseries.Panel:
    panel = lines(
        "z and p",
        f"B against Production; z = {ONE_SIDED_Z} and p = {ONE_SIDED_P} are the same one-sided test. Neither limit "
        "holds for repeated looks: see docs/promotion.md.",
        Query("max by (model) (rps_model_promotion_z_statistic)", "z {{model}}"),
        Query("max by (model) (rps_model_promotion_p_value)", "p {{model}}"),
        Query(f"vector({ONE_SIDED_Z})", "z limit"),
        Query(f"vector({ONE_SIDED_P})", "p limit"),
        width=12,
        bounds=(None, None),
    )
    right = [
        DynamicConfigValue(id_val="custom.axisPlacement", value="right"),
        DynamicConfigValue(id_val="min", value=0),
        DynamicConfigValue(id_val="max", value=1),
    ]
    dashed = DynamicConfigValue(id_val="custom.lineStyle", value={"fill": "dash", "dash": [6, 6]})
    return panel.override_by_regexp("p .*", right).override_by_regexp(".* limit", [dashed])
