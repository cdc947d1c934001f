"""The series derived from the store: names, labels, meanings. A test holds `docs/metrics.md` against them."""

from typing import Literal, NamedTuple, TypeAlias

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

SeriesKind: TypeAlias = Literal["counter", "gauge"]
Family: TypeAlias = CounterMetricFamily | GaugeMetricFamily


class Series(NamedTuple):
    """One series; the name of a counter stands without the `_total` that its samples carry."""

    name: str
    kind: SeriesKind
    labels: tuple[str, ...]
    meaning: str

    @property
    def sample_name(self) -> str:
        """The name as a query writes it."""
        return f"{self.name}_total" if self.kind == "counter" else self.name

    def family(self) -> Family:
        """Return the metric without samples."""
        kind = CounterMetricFamily if self.kind == "counter" else GaugeMetricFamily
        return kind(self.name, self.meaning, labels=self.labels)


_SLOT = ("model", "alias")
_ALIAS_GAME = ("model", "alias", "difficulty")
_BOT = ("policy", "model_type", "difficulty")

GAMEPLAY_SERIES: tuple[Series, ...] = (
    Series("rps_model_predictions_by_alias", "counter", _SLOT, "Predictions that the slot made, shadows included."),
    Series("rps_model_correct_predictions_by_alias", "counter", _SLOT, "Predictions whose likeliest move was played."),
    Series("rps_model_games_by_alias", "counter", _ALIAS_GAME, "Finished games that the slot played."),
    Series("rps_model_game_wins_by_alias", "counter", _ALIAS_GAME, "Finished games that the slot won."),
    Series("rps_model_game_losses_by_alias", "counter", _ALIAS_GAME, "Finished games that the slot lost."),
    Series("rps_model_game_ties_by_alias", "counter", _ALIAS_GAME, "Finished games of the slot that were tied."),
    Series("rps_action_predictions", "counter", (*_BOT, "move"), "Moves the bot chose after its opening."),
    Series("rps_action_wins", "counter", _BOT, "Rounds that the bot won, its opening included."),
    Series("rps_action_losses", "counter", _BOT, "Rounds that the bot lost."),
    Series("rps_action_ties", "counter", _BOT, "Rounds that were drawn."),
    Series("rps_games", "counter", _BOT, "Finished games."),
    Series("rps_game_wins", "counter", _BOT, "Finished games that the bot won."),
    Series("rps_game_losses", "counter", _BOT, "Finished games that the bot lost."),
    Series("rps_game_ties", "counter", _BOT, "Finished games that were tied."),
    Series("rps_model_fallback", "counter", ("model", "reason"), "Moves chosen on uniform probabilities, by slot."),
    Series("rps_model_prediction_sources", "counter", ("model", "source"), "What the moves of a slot rested on."),
    Series("rps_model_fallback_ratio", "gauge", ("model",), "Share of a family's moves that rested on a fallback."),
    Series("rps_ab_exposure", "counter", ("variant",), "Games that began with the slot."),
    Series("rps_model_games", "counter", ("model",), "Finished games of the slot."),
    Series("rps_model_games_won", "counter", ("model",), "Finished games that the slot won."),
    Series("rps_ab_games_total", "gauge", ("model",), "Finished games of the slot, as the original's gauge."),
    Series("rps_ab_games_won", "gauge", ("model",), "Finished games that the slot won, as the original's gauge."),
    Series("rps_ab_game_win_rate", "gauge", ("model",), "Share of the decided games that the slot won, 0 to 1."),
    Series("rps_ab_actions_total", "gauge", ("model",), "Predictions of the slot, as the original's gauge."),
    Series("rps_ab_actions_correct_total", "gauge", ("model",), "Correct predictions, as the original's gauge."),
    Series("rps_ab_action_accuracy", "gauge", ("model",), "Share of the slot's predictions that were right, 0 to 1."),
    Series("rps_model_promotion_z_statistic", "gauge", ("model",), "z of B against Production in the newest test."),
    Series("rps_model_promotion_p_value", "gauge", ("model",), "One-sided p of the newest test; 1 before the first."),
    Series("rps_model_promotion_events", "counter", ("model", "decision"), "Entries of the promotion ledger."),
    Series("rps_model_promotion_decision_state", "gauge", ("model", "decision"), "1 for the newest decision."),
    Series("rps_model_alias_reorders", "counter", ("model",), "Ledger entries that reordered the challengers."),
    Series("rps_model_alias_rank", "gauge", _SLOT, "Rank of the version that was in the slot before the newest cycle."),
    Series("rps_model_games_since_production_swap", "gauge", _SLOT, "Decided games since the last swap."),
    Series("rps_model_promotion_cycles_since_swap", "gauge", ("model",), "Ledger entries since the last swap."),
    Series("rps_data_drift_score", "gauge", ("scope",), "Stability index of the newest games against the training."),
    Series("rps_active_games", "gauge", (), "Unfinished games with a round in the last 30 minutes."),
    Series("rps_store_up", "gauge", (), "1 while the gameplay store answers; without it the other series are absent."),
    Series("rps_tallies_ready", "gauge", (), "1 once the rounds of the store are added up; counters appear with it."),
)
