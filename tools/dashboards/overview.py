"""Overview dashboard: health, and the amount of play and learning."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards.panels import GREEN, RED, YELLOW, Query, board, lines, number, row, rows

# The uid of the original system's dashboard, so that links to it lead here.
OVERVIEW_UID = "18dc23df-eea3-406c-a7e7-99066a987538"


def overview() -> Dashboard:
    """Build the overview dashboard."""
    built = board(OVERVIEW_UID, "RPS Quest: overview", "Health, and the amount of play and learning.")
    for panel in (
        number(
            "Store", "1 while the gameplay store answers.", Query("min(rps_store_up)"), steps=((None, RED), (1, GREEN))
        ),
        number(
            "Slots with a model",
            "Out of twelve; the smallest number of any replica.",
            Query("min(sum by (instance) (rps_model_loaded_info))"),
            steps=((None, RED), (12, GREEN)),
        ),
        number("Active games", "Unfinished games with a round in the last 30 minutes.", Query("max(rps_active_games)")),
        number(
            "Failing requests",
            "Share of server errors (5xx) over five minutes.",
            Query("max(rps:http_errors:ratio5m)"),
            unit="percentunit",
            steps=((None, GREEN), (0.005, YELLOW), (0.02, RED)),
        ),
        number(
            "Latency of slow rounds",
            "99th percentile of POST /play over five minutes.",
            Query('max(rps:http_request_seconds:p99_5m{handler="/play"})'),
            unit="s",
            steps=((None, GREEN), (0.1, YELLOW), (0.25, RED)),
        ),
        number(
            "Random moves",
            "Moves of the last five minutes that were chosen without a model.",
            Query("sum(rps:fallbacks:5m)"),
            steps=((None, GREEN), (0.5, RED)),
        ),
    ):
        built.with_panel(panel)
    built.with_row(row("Alerts"))
    built.with_panel(
        rows(
            "Active alerts",
            "Alerts that are firing or pending; docs/alerts.md says what to do.",
            Query('sum by (alertname, severity, alertstate) (ALERTS{alertname=~"Rps.*"})'),
            width=24,
        )
    )
    built.with_row(row("Play and learning"))
    for panel in (
        lines(
            "Finished games per hour",
            "By opponent, of people and scripted players.",
            Query("sum by (policy) (increase(rps:games:total[1h]))", "{{policy}}"),
        ),
        lines(
            "Games won by the bot, 12 h",
            "Share of finished games.",
            Query('rps:policy_win_rate:12h{difficulty="standard"}', "{{policy}}"),
            unit="percentunit",
            bounds=(0, 1),
        ),
        lines(
            "Correct predictions of Production and B, 12 h",
            "One in three is chance.",
            Query('rps:alias_accuracy:12h{alias=~"Production|B"}', "{{model}}@{{alias}}"),
            unit="percentunit",
            bounds=(0, 1),
            limits=((1 / 3, YELLOW),),
        ),
    ):
        built.with_panel(panel)
    return built
