"""Dashboard of the service: requests, latency, processes and rounds."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from tools.dashboards.panels import GREEN, RED, YELLOW, Query, board, lines, row, stacked, states

_PLAY_BUCKETS = 'rate(http_request_duration_seconds_bucket{handler="/play"}[$__rate_interval])'


def api() -> Dashboard:
    """Build the dashboard of the service."""
    built = board(
        "rps-api",
        "RPS Quest: API and play",
        "Requests, latency, processes and rounds.",
        since="now-6h",
    )
    for panel in (
        stacked(
            "Requests per second",
            "By route.",
            Query("sum by (handler) (rate(http_requests_total[$__rate_interval]))", "{{handler}}"),
            unit="reqps",
        ),
        lines(
            "Failing requests",
            "Responses with an error, by status class.",
            Query(
                'sum by (status, handler) (rate(http_requests_total{status!~"2xx|3xx"}[$__rate_interval]))',
                "{{status}} {{handler}}",
            ),
            unit="reqps",
        ),
        lines(
            "Latency of a round",
            "POST /play: median, 95th and 99th percentile.",
            *(
                Query(f"histogram_quantile({q}, sum by (le) ({_PLAY_BUCKETS}))", name)
                for q, name in ((0.5, "median"), (0.95, "95 %"), (0.99, "99 %"))
            ),
            unit="s",
        ),
        lines(
            "Slowest routes",
            "99th percentile over five minutes.",
            Query("topk(8, rps:http_request_seconds:p99_5m)", "{{handler}}"),
            unit="s",
        ),
        lines(
            "Response size",
            "Mean, by route.",
            Query(
                "sum by (handler) (rate(http_response_size_bytes_sum[$__rate_interval])) / "
                "sum by (handler) (rate(http_response_size_bytes_count[$__rate_interval]))",
                "{{handler}}",
            ),
            unit="bytes",
        ),
        states(
            "Store and totals",
            "One point while the store answers the replica, one once its totals are ready: 2 is healthy.",
            Query("rps_store_up + rps_tallies_ready", "{{instance}}"),
            width=8,
            steps=((None, RED), (1, YELLOW), (2, GREEN)),
        ),
    ):
        built.with_panel(panel)
    built.with_row(row("Play"))
    for panel in (
        lines(
            "Active games",
            "Unfinished games with a round in the last 30 minutes.",
            Query("max(rps_active_games)", "games"),
        ),
        stacked(
            "Rounds per hour",
            "By opponent, including openings.",
            Query(
                " + ".join(
                    f"max by (policy) (increase(rps_action_{end}_total[1h]))" for end in ("wins", "losses", "ties")
                ),
                "{{policy}}",
            ),
        ),
        lines(
            "Moves of the bots",
            "Share of each move over one hour.",
            Query(
                "sum by (move) (max by (policy, move) (increase(rps_action_predictions_total[1h]))) / ignoring (move) "
                "group_left clamp_min(sum(max by (policy, move) (increase(rps_action_predictions_total[1h]))), 1)",
                "{{move}}",
            ),
            unit="percentunit",
            bounds=(0, 1),
        ),
        lines(
            "Results of games",
            "Totals by opponent, from the bot's point of view.",
            Query("max by (policy) (rps_game_wins_total)", "{{policy}} won"),
            Query("max by (policy) (rps_game_losses_total)", "{{policy}} lost"),
            Query("max by (policy) (rps_game_ties_total)", "{{policy}} tied"),
            width=12,
        ),
        lines(
            "Predictions per hour",
            "By slot, including shadows.",
            Query("sum by (model, alias) (increase(rps:predictions_by_alias:total[1h]))", "{{model}}@{{alias}}"),
            width=12,
        ),
    ):
        built.with_panel(panel)
    built.with_row(row("Processes"))
    for panel in (
        lines("CPU", "Cores in use.", Query("rate(process_cpu_seconds_total[$__rate_interval])", "{{instance}}")),
        lines("Memory", "Resident memory.", Query("process_resident_memory_bytes", "{{instance}}"), unit="bytes"),
        lines(
            "Open files",
            "Share of the limit of the process.",
            Query("process_open_fds / process_max_fds", "{{instance}}"),
            unit="percentunit",
        ),
    ):
        built.with_panel(panel)
    return built
