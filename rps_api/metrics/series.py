"""The series from the store: names, labels, meanings. A test compares `docs/metrics.md` with them."""

from typing import Literal, NamedTuple, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

SeriesKind: TypeAlias = Literal["counter", "gauge"]
MetricFamily: TypeAlias = CounterMetricFamily | GaugeMetricFamily


class Series(NamedTuple):
    """One series. The name of a counter lacks the `_total` of its samples."""

    name: str
    kind: SeriesKind
    labels: tuple[str, ...]
    meaning: str

    @property
    def sample_name(self) -> str:
        """The name in queries."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    def family(self) -> MetricFamily:
        """Return the metric without samples."""
        kind = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        return kind(self.name, self.meaning, labels=self.labels)


_SLOT = ("model", "alias")
_ALIAS_GAME = ("model", "alias", "difficulty")
_BOT = ("policy", "model_type", "difficulty")

GAMEPLAY_SERIES: tuple[Series, ...] = (
    Series(
        "rps_model_predictions_by_alias", "counter", _SLOT, "Predictions of the slot, including shadow predictions."
    ),
    Series(
        "rps_model_correct_predictions_by_alias",
        "counter",
        _SLOT,
        "Predictions whose most probable move the user played.",
    ),
    Series("rps_model_games_by_alias", "counter", _ALIAS_GAME, "Finished games of the slot."),
    Series("rps_model_game_wins_by_alias", "counter", _ALIAS_GAME, "Finished games that the slot won."),
    Series("rps_model_game_losses_by_alias", "counter", _ALIAS_GAME, "Finished games that the slot lost."),
    Series("rps_model_game_ties_by_alias", "counter", _ALIAS_GAME, "Tied games of the slot."),
    Series("rps_action_predictions", "counter", (*_BOT, "move"), "Moves that the bot chose after its opening."),
    Series("rps_action_wins", "counter", _BOT, "Rounds that the bot won, including its opening."),
    Series("rps_action_losses", "counter", _BOT, "Rounds that the bot lost."),
    Series("rps_action_ties", "counter", _BOT, "Drawn rounds."),
    Series("rps_games", "counter", _BOT, "Finished games."),
    Series("rps_game_wins", "counter", _BOT, "Finished games that the bot won."),
    Series("rps_game_losses", "counter", _BOT, "Finished games that the bot lost."),
    Series("rps_game_ties", "counter", _BOT, "Tied games."),
    Series(
        "rps_model_fallback",
        "counter",
        ("model", "reason"),
        "Moves that the slot chose with uniform probabilities, by reason.",
    ),
    Series(
        "rps_model_prediction_sources",
        "counter",
        ("model", "source"),
        "Moves of the slot, by the source of their probabilities.",
    ),
    Series("rps_model_fallback_ratio", "gauge", ("model",), "Share of a family's moves that used a fallback, 0 to 1."),
    Series("rps_ab_exposure", "counter", ("variant",), "Games started with the slot."),
    Series("rps_model_games", "counter", ("model",), "Finished games of the slot."),
    Series("rps_model_games_won", "counter", ("model",), "Finished games that the slot won."),
    Series("rps_ab_games_total", "gauge", ("model",), "Finished games of the slot, as the original's gauge."),
    Series("rps_ab_games_won", "gauge", ("model",), "Finished games that the slot won, as the original's gauge."),
    Series("rps_ab_game_win_rate", "gauge", ("model",), "Share of its decided games that the slot won, 0 to 1."),
    Series("rps_ab_actions_total", "gauge", ("model",), "Predictions of the slot, as the original's gauge."),
    Series("rps_ab_actions_correct_total", "gauge", ("model",), "Correct predictions, as the original's gauge."),
    Series("rps_ab_action_accuracy", "gauge", ("model",), "Share of the slot's predictions that were correct, 0 to 1."),
    Series(
        "rps_model_promotion_z_statistic",
        "gauge",
        ("model",),
        "z statistic of B against Production in the newest test.",
    ),
    Series(
        "rps_model_promotion_p_value",
        "gauge",
        ("model",),
        "One-sided p value of the newest test; 1 before the first test.",
    ),
    Series("rps_model_promotion_events", "counter", ("model", "decision"), "Entries of the promotion ledger."),
    Series("rps_model_promotion_decision_state", "gauge", ("model", "decision"), "1 for the newest decision."),
    Series("rps_model_alias_reorders", "counter", ("model",), "Ledger entries that reordered the challengers."),
    Series("rps_model_alias_rank", "gauge", _SLOT, "Rank of the version that the slot had before the newest cycle."),
    Series("rps_model_games_since_production_swap", "gauge", _SLOT, "Decided games since the last swap."),
    Series("rps_model_promotion_cycles_since_swap", "gauge", ("model",), "Ledger entries since the last swap."),
    Series(
        "rps_model_promotion_pairs",
        "gauge",
        ("model",),
        "Pairs of games of the comparison that was last decided about.",
    ),
    Series(
        "rps_model_promotion_pairs_won",
        "gauge",
        _SLOT,
        "Pairs of that comparison that only the slot's configuration won.",
    ),
    Series("rps_model_promotion_evidence", "gauge", ("model",), "Evidence of its pairs that B is better."),
    Series(
        "rps_model_promotion_evidence_against_b",
        "gauge",
        ("model",),
        "Evidence of its pairs that Production is better.",
    ),
    Series("rps_model_promotion_evidence_threshold", "gauge", ("model",), "Evidence that a swap needs."),
    Series(
        "rps_data_drift_score",
        "gauge",
        ("scope",),
        "Population stability index of the newest games against the training data.",
    ),
    Series(
        "rps_data_drift_limit",
        "gauge",
        ("scope",),
        "Index that samples of as many training games reach by chance, and at least 0.25.",
    ),
    Series("rps_active_games", "gauge", (), "Unfinished games with a round in the last 30 minutes."),
    Series(
        "rps_store_up", "gauge", (), "1 if the gameplay store answers, otherwise 0 and its other series are absent."
    ),
    Series("rps_tallies_ready", "gauge", (), "1 once the totals of the store are ready; the counters appear then."),
)
