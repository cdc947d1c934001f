"""The dashboard that is looked at first: whether all is well, and how much is played and learned."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards.panels import GREEN, RED, YELLOW, Query, board, lines, number, row, rows

# The original's address, so that links to its dashboard lead to this one.
OVERVIEW_UID = "18dc23df-eea3-406c-a7e7-99066a987538"


def overview() -> Dashboard:
    """Is everything well, and what is going on?"""
    built = board(OVERVIEW_UID, "RPS Quest: overview", "Whether all is well, and how much is played and learned.")
    for panel in (
        number(
            "Store", "1 while the gameplay store answers.", Query("min(rps_store_up)"), steps=((None, RED), (1, GREEN))
        ),
        number(
            "Slots with a model",
            "Of the twelve; the smallest number of any replica.",
            Query("min(sum by (instance) (rps_model_loaded_info))"),
            steps=((None, RED), (12, GREEN)),
        ),
        number(
            "Games under way", "Unfinished games with a round in the last 30 minutes.", Query("max(rps_active_games)")
        ),
        number(
            "Failing requests",
            "Share of answers in five minutes that were errors of ours (5xx).",
            Query("max(rps:http_errors:ratio5m)"),
            unit="percentunit",
            steps=((None, GREEN), (0.005, YELLOW), (0.02, RED)),
        ),
        number(
            "A slow round",
            "99th percentile of POST /play in five minutes.",
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
            "What is wrong",
            "Alerts that fire or are about to; docs/alerts.md says what to do.",
            Query('sum by (alertname, severity, alertstate) (ALERTS{alertname=~"Rps.*"})'),
            width=24,
        )
    )
    built.with_row(row("Play and learning"))
    for panel in (
        lines(
            "Games finished an hour",
            "By opponent, people and scripted players together.",
            Query("sum by (policy) (increase(rps:games:total[1h]))", "{{policy}}"),
        ),
        lines(
            "Games the bot wins, 12 h",
            "Share of the finished games of twelve hours.",
            Query('rps:policy_win_rate:12h{difficulty="standard"}', "{{policy}}"),
            unit="percentunit",
            bounds=(0, 1),
        ),
        lines(
            "Right predictions of Production and B, 12 h",
            "One move in three is right by chance.",
            Query('rps:alias_accuracy:12h{alias=~"Production|B"}', "{{model}}@{{alias}}"),
            unit="percentunit",
            bounds=(0, 1),
            limits=((1 / 3, YELLOW),),
        ),
    ):
        built.with_panel(panel)
    return built
