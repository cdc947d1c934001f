"""Samples from totals, as pure functions: the meaning of a series can be read and tested without a store.

Every sample that can change starts with 0, because a rate over a series that appears with its first event misses that
event. Only the pairs of opponent and family that play have samples. A tie is a tie, never a loss.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, TypeAlias

from rps_core.game.families import ALIASES, FAMILIES, PLAYING_ALIASES, Slot
from rps_core.game.moves import MOVES
from rps_core.game.opponents import OPPONENTS
from rps_core.promotion.evidence import evidence
from rps_core.promotion.ledger_entry import DECISIONS, LedgerEntry
from rps_core.promotion.policy import CHALLENGERS
from rps_core.store.analytics.filters import difficulty_of
from rps_core.store.analytics.promotions import PromotionTotals
from rps_core.store.reports import drift_limits
from rps_core.store.totals import GameKey, Totals

# Name of a series, and its samples by the values of its labels.
Samples: TypeAlias = dict[str, dict[tuple[str, ...], float]]

# Sources of chosen moves. Openings are scripted, and imported rounds were chosen elsewhere.
MODEL_SOURCE = "mlflow"
FALLBACK_SOURCES = ("fallback", "forced_fallback")
DECISION_SOURCES = (MODEL_SOURCE, *FALLBACK_SOURCES)

_BOT_RESULTS = {"lose": "rps_action_wins", "win": "rps_action_losses", "draw": "rps_action_ties"}
_GAME_RESULTS = {"bot": "wins", "user": "losses", "tie": "ties"}


def gameplay_samples(totals: Totals) -> Samples:
    """Return the samples of all games."""
    return _round_samples(totals) | _prediction_samples(totals) | _game_samples(totals) | _source_samples(totals)


def _zeros(names: Iterable[str], labels: Iterable[tuple[str, ...]]) -> Samples:
    label_values = list(labels)
    return {name: dict.fromkeys(label_values, 0.0) for name in names}


def _bots() -> list[tuple[str, ...]]:
    return [(opponent.policy, opponent.family, "standard") for opponent in OPPONENTS.values()]


def _playing_slots() -> list[str]:
    return [str(Slot(family, alias)) for family in FAMILIES for alias in PLAYING_ALIASES]


def _add(samples: Samples, name: str, labels: tuple[str, ...], number: int) -> None:
    samples[name][labels] = samples[name].get(labels, 0.0) + number


def _round_samples(totals: Totals) -> Samples:
    samples = _zeros(_BOT_RESULTS.values(), _bots())
    samples |= _zeros(["rps_action_predictions"], [(*bot, move) for bot in _bots() for move in MOVES])
    for key, number in totals.rounds.items():
        bot = (key.policy, key.family, difficulty_of(key.easy_mode))
        _add(samples, _BOT_RESULTS[key.result], bot, number)
        if key.probability_source in DECISION_SOURCES:
            _add(samples, "rps_action_predictions", (*bot, key.bot_move), number)
    return samples


def _prediction_samples(totals: Totals) -> Samples:
    made, right = "rps_model_predictions_by_alias", "rps_model_correct_predictions_by_alias"
    slots: list[tuple[str, ...]] = [(family, alias) for family in FAMILIES for alias in ALIASES]
    samples = _zeros([made, right], slots)
    for key, number in totals.predictions.items():
        _add(samples, made, (key.family, key.alias), number)
        if key.correct:
            _add(samples, right, (key.family, key.alias), number)
    for family, alias in list(samples[made]):
        if alias in PLAYING_ALIASES:
            predicted, correct = samples[made][family, alias], samples[right][family, alias]
            model = (f"{family}@{alias}",)
            samples.setdefault("rps_ab_actions_total", {})[model] = predicted
            samples.setdefault("rps_ab_actions_correct_total", {})[model] = correct
            samples.setdefault("rps_ab_action_accuracy", {})[model] = _ratio(correct, predicted)
    return samples


def _game_samples(totals: Totals) -> Samples:
    samples = _zeros(["rps_games", *(f"rps_game_{result}" for result in _GAME_RESULTS.values())], _bots())
    slots = [(family, alias, "standard") for family in FAMILIES for alias in PLAYING_ALIASES]
    names = ["rps_model_games_by_alias", *(f"rps_model_game_{result}_by_alias" for result in _GAME_RESULTS.values())]
    samples |= _zeros(names, slots)
    models = [(slot,) for slot in _playing_slots()]
    samples |= _zeros(["rps_model_games", "rps_model_games_won", "rps_ab_exposure"], models)
    for key, number in totals.games.items():
        _add_game(samples, key, number)
    for started, number in totals.started.items():
        _add(samples, "rps_ab_exposure", (f"{started.family}@{started.alias}",), number)
    played, won = samples["rps_model_games"], samples["rps_model_games_won"]
    decided: Counter[tuple[str, ...]] = Counter()
    for key, number in totals.games.items():
        decided[f"{key.family}@{key.alias}",] += number if key.winner != "tie" else 0
    samples["rps_ab_games_total"], samples["rps_ab_games_won"] = dict(played), dict(won)
    samples["rps_ab_game_win_rate"] = {model: _ratio(won.get(model, 0.0), decided[model]) for model in played}
    return samples


def _add_game(samples: Samples, key: GameKey, number: int) -> None:
    result, difficulty = _GAME_RESULTS[key.winner], difficulty_of(key.easy_mode)
    bot, slot = (key.policy, key.family, difficulty), (key.family, key.alias, difficulty)
    _add(samples, "rps_games", bot, number)
    _add(samples, f"rps_game_{result}", bot, number)
    _add(samples, "rps_model_games_by_alias", slot, number)
    _add(samples, f"rps_model_game_{result}_by_alias", slot, number)
    _add(samples, "rps_model_games", (f"{key.family}@{key.alias}",), number)
    if key.winner == "bot":
        _add(samples, "rps_model_games_won", (f"{key.family}@{key.alias}",), number)


def _source_samples(totals: Totals) -> Samples:
    models = _playing_slots()
    samples = _zeros(["rps_model_prediction_sources"], [(m, s) for m in models for s in DECISION_SOURCES])
    samples |= _zeros(["rps_model_fallback"], [(m, reason) for m in models for reason in FALLBACK_SOURCES])
    moves: defaultdict[str, int] = defaultdict(int)
    fallbacks: defaultdict[str, int] = defaultdict(int)
    for key, number in totals.rounds.items():
        if key.probability_source not in DECISION_SOURCES:
            continue
        labels = (f"{key.family}@{key.alias}", key.probability_source)
        _add(samples, "rps_model_prediction_sources", labels, number)
        moves[key.family] += number
        if key.probability_source in FALLBACK_SOURCES:
            _add(samples, "rps_model_fallback", labels, number)
            fallbacks[key.family] += number
    samples["rps_model_fallback_ratio"] = {(family,): _ratio(fallbacks[family], moves[family]) for family in FAMILIES}
    return samples


def promotion_samples(
    totals: PromotionTotals,
    newest: Mapping[str, LedgerEntry],
    newest_tested: Mapping[str, LedgerEntry],
    newest_decisions: Mapping[str, LedgerEntry],
) -> Samples:
    """Return the samples of the promotion ledger: counts, and gauges of the newest entry per family."""
    samples: Samples = {
        "rps_model_promotion_events": {
            (family, decision): float(totals.decisions.get((family, decision), 0))
            for family in FAMILIES
            for decision in DECISIONS
        },
        "rps_model_alias_reorders": {(family,): float(totals.reorders.get(family, 0)) for family in FAMILIES},
        "rps_model_promotion_z_statistic": {(family,): 0.0 for family in FAMILIES},
        "rps_model_promotion_p_value": {(family,): 1.0 for family in FAMILIES},
    }
    for family, entry in newest_tested.items():
        if entry.z_statistic is not None and entry.p_value is not None:
            samples["rps_model_promotion_z_statistic"][family,] = entry.z_statistic
            samples["rps_model_promotion_p_value"][family,] = entry.p_value
    return samples | _newest_samples(newest) | _comparison_samples(newest_decisions)


def _comparison_samples(newest_decisions: Mapping[str, LedgerEntry]) -> Samples:
    """Return the comparison that each family's newest decision judged; a family without one has no samples."""
    samples: Samples = {
        "rps_model_promotion_pairs": {},
        "rps_model_promotion_pairs_won": {},
        "rps_model_promotion_evidence": {},
        "rps_model_promotion_evidence_against_b": {},
        "rps_model_promotion_evidence_threshold": {},
    }
    for family, entry in newest_decisions.items():
        judged = entry.comparison
        if judged is None:
            continue
        samples["rps_model_promotion_pairs"][family,] = float(judged.pairs)
        samples["rps_model_promotion_pairs_won"][family, "B"] = float(judged.b_pairs)
        samples["rps_model_promotion_pairs_won"][family, "Production"] = float(judged.production_pairs)
        samples["rps_model_promotion_evidence"][family,] = evidence(judged.b_pairs, judged.production_pairs)
        samples["rps_model_promotion_evidence_against_b"][family,] = evidence(judged.production_pairs, judged.b_pairs)
        samples["rps_model_promotion_evidence_threshold"][family,] = judged.threshold
    return samples


def drift_samples(report: Mapping[str, object] | None) -> Samples:
    """Return the samples of the newest report on data drift; empty before the first, or with too few games."""
    payload: Mapping[str, Any] = report or {}
    scores = payload.get("scores") or {}
    return {
        "rps_data_drift_score": {(str(scope),): float(score) for scope, score in scores.items()},
        "rps_data_drift_limit": {(scope,): limit for scope, limit in drift_limits(payload).items()},
    }


def _newest_samples(newest: Mapping[str, LedgerEntry]) -> Samples:
    samples: Samples = {
        "rps_model_promotion_decision_state": {},
        "rps_model_alias_rank": {},
        "rps_model_games_since_production_swap": {},
        "rps_model_promotion_cycles_since_swap": {},
    }
    for family in FAMILIES:
        entry = newest.get(family)
        for decision in DECISIONS:
            state = entry is not None and entry.decision == decision
            samples["rps_model_promotion_decision_state"][family, decision] = float(state)
        # Labelled by the slot that a version came from: the slot that it got would always rank B first.
        ranks = {r.source_alias or r.alias: r.rank for r in entry.alias_rankings} if entry else {}
        for alias in CHALLENGERS:
            samples["rps_model_alias_rank"][family, alias] = float(ranks.get(alias, 0))
        games = {"Production": entry.production_games_since_swap, "B": entry.b_games_since_swap} if entry else {}
        for playing in PLAYING_ALIASES:
            samples["rps_model_games_since_production_swap"][family, playing] = float(games.get(playing) or 0)
        cycles = entry.promotion_cycles_since_swap if entry else None
        samples["rps_model_promotion_cycles_since_swap"][family,] = float(cycles or 0)
    return samples


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
