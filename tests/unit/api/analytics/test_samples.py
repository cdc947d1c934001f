"""The samples of the Prometheus series, computed from totals."""

from collections import Counter
from datetime import UTC, datetime

from msgspec.structs import replace

from rps_api.metrics.samples import gameplay_samples, promotion_samples
from rps_core.game.families import FAMILIES
from rps_core.promotion.ledger_entry import AliasRanking, ComparedConfigurations, LedgerEntry
from rps_core.store.analytics.promotions import PromotionTotals
from rps_core.store.totals import NOTHING, GameKey, PredictionKey, RoundKey, StartKey

NO_PROMOTIONS = PromotionTotals({}, {})


def game(winner: str, alias: str = "B", kind: str = "human", easy: int = 0) -> GameKey:
    return GameKey("forrest", "xgboost", alias, "7", kind, easy, 0, winner)  # type: ignore[arg-type]


def played(source: str, result: str = "win", move: str = "rock") -> RoundKey:
    return RoundKey("forrest", "xgboost", "Production", "human", 0, source, result, move)  # type: ignore[arg-type]


def test_every_sample_that_can_change_starts_at_zero() -> None:
    samples = gameplay_samples(NOTHING)
    assert len(samples["rps_model_predictions_by_alias"]) == 12
    assert len(samples["rps_model_games_by_alias"]) == 6
    assert len(samples["rps_action_predictions"]) == 9
    assert all(value == 0 for series in samples.values() for value in series.values())


def test_only_opponents_with_their_own_family_have_samples() -> None:
    pairs = {labels[:2] for labels in gameplay_samples(NOTHING)["rps_games"]}
    assert pairs == {("brian", "feedforward_nn"), ("forrest", "xgboost"), ("logan", "multinomial_logistic")}


def test_a_tie_is_not_a_loss() -> None:
    totals = NOTHING._replace(games=Counter({game("bot"): 5, game("user"): 3, game("tie"): 2}))
    samples = gameplay_samples(totals)
    slot, bot = ("xgboost", "B", "standard"), ("forrest", "xgboost", "standard")
    assert samples["rps_model_games_by_alias"][slot] == samples["rps_games"][bot] == 10
    assert samples["rps_model_game_wins_by_alias"][slot] == samples["rps_game_wins"][bot] == 5
    assert samples["rps_model_game_losses_by_alias"][slot] == samples["rps_game_losses"][bot] == 3
    assert samples["rps_model_game_ties_by_alias"][slot] == samples["rps_game_ties"][bot] == 2
    assert samples["rps_ab_game_win_rate"]["xgboost@B",] == 5 / 8
    assert samples["rps_model_games"]["xgboost@B",] == samples["rps_ab_games_total"]["xgboost@B",] == 10


def test_games_of_all_player_kinds_count_in_one_series() -> None:
    totals = NOTHING._replace(games=Counter({game("bot"): 1, game("bot", kind="scripted"): 1, game("bot", easy=1): 1}))
    samples = gameplay_samples(totals)["rps_model_games_by_alias"]
    assert samples["xgboost", "B", "standard"] == 2
    assert samples["xgboost", "B", "easy"] == 1


def test_results_are_from_the_perspective_of_the_bot() -> None:
    rounds = Counter({played("gambit", "win"): 1, played("gambit", "lose"): 2, played("gambit", "draw"): 4})
    samples = gameplay_samples(NOTHING._replace(rounds=rounds))
    bot = ("forrest", "xgboost", "standard")
    assert [samples[f"rps_action_{name}"][bot] for name in ("losses", "wins", "ties")] == [1, 2, 4]


def test_openings_and_imported_rounds_are_not_decisions() -> None:
    sources = ("gambit", "unknown", "mlflow", "fallback", "forced_fallback")
    rounds = Counter({played(source): 10**n for n, source in enumerate(sources)})
    samples = gameplay_samples(NOTHING._replace(rounds=rounds))
    assert samples["rps_action_predictions"]["forrest", "xgboost", "standard", "rock"] == 11100
    slot = "xgboost@Production"
    assert samples["rps_model_prediction_sources"][slot, "mlflow"] == 100
    assert samples["rps_model_fallback"][slot, "forced_fallback"] == 10000
    assert samples["rps_model_fallback_ratio"]["xgboost",] == 11000 / 11100
    assert set(samples["rps_model_fallback_ratio"]) == {(family,) for family in FAMILIES}


def test_predictions_count_for_the_slot_that_made_them() -> None:
    predictions = Counter(
        {PredictionKey("xgboost", "shadow1", "human", True): 2, PredictionKey("xgboost", "shadow1", "human", False): 3}
    )
    samples = gameplay_samples(
        NOTHING._replace(predictions=predictions, started=Counter({StartKey("xgboost", "B"): 4}))
    )
    assert samples["rps_model_predictions_by_alias"]["xgboost", "shadow1"] == 5
    assert samples["rps_model_correct_predictions_by_alias"]["xgboost", "shadow1"] == 2
    assert ("xgboost@shadow1",) not in samples["rps_ab_actions_total"]
    assert samples["rps_ab_exposure"]["xgboost@B",] == 4


def test_before_the_first_decision_p_is_one_and_all_else_is_zero() -> None:
    samples = promotion_samples(NO_PROMOTIONS, {}, {}, {})
    assert set(samples["rps_model_promotion_p_value"].values()) == {1.0}
    others = [values for name, values in samples.items() if name != "rps_model_promotion_p_value"]
    assert all(value == 0 for values in others for value in values.values())
    assert len(samples["rps_model_alias_rank"]) == 9


def test_gauges_show_the_newest_entry_of_the_ledger() -> None:
    entry = LedgerEntry(
        model_type="xgboost",
        decision="alias_reorder",
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
        production_games_since_swap=40,
        b_games_since_swap=30,
        promotion_cycles_since_swap=5,
        alias_rankings=(
            AliasRanking(alias="B", rank=1, source_alias="shadow2"),
            AliasRanking(alias="shadow1", rank=2, source_alias="B"),
            AliasRanking(alias="shadow2", rank=3),
        ),
    )
    totals = PromotionTotals({("xgboost", "alias_reorder"): 2}, {"xgboost": 2})
    judged = ComparedConfigurations(
        started_at=entry.created_at,
        production="xgb_c01",
        b="xgb_c03",
        players="human",
        generations=3,
        pairs=60,
        b_pairs=20,
        production_pairs=8,
        evidence=9.0,
        threshold=40.0,
    )
    tested, decided = replace(entry, z_statistic=1.5, p_value=0.07), replace(entry, cycle=4, comparison=judged)
    samples = promotion_samples(totals, {"xgboost": entry}, {"xgboost": tested}, {"xgboost": decided})
    assert samples["rps_model_promotion_pairs"] == {("xgboost",): 60}
    assert samples["rps_model_promotion_pairs_won"] == {("xgboost", "B"): 20, ("xgboost", "Production"): 8}
    assert samples["rps_model_promotion_evidence_threshold"] == {("xgboost",): 40}
    against_b = samples["rps_model_promotion_evidence_against_b"]["xgboost",]
    assert against_b < 1 < samples["rps_model_promotion_evidence"]["xgboost",]
    assert samples["rps_model_promotion_events"]["xgboost", "alias_reorder"] == 2
    states = {key: on for key, on in samples["rps_model_promotion_decision_state"].items() if on}
    assert states == {("xgboost", "alias_reorder"): 1.0}
    assert samples["rps_model_promotion_z_statistic"]["xgboost",] == 1.5
    assert samples["rps_model_promotion_p_value"]["xgboost",] == 0.07
    assert samples["rps_model_games_since_production_swap"]["xgboost", "Production"] == 40
    assert samples["rps_model_promotion_cycles_since_swap"]["xgboost",] == 5
    assert samples["rps_model_alias_reorders"]["xgboost",] == 2


def test_ranks_are_labelled_by_the_slot_that_a_version_came_from() -> None:
    rankings = (
        AliasRanking(alias="B", rank=1, source_alias="Production"),
        AliasRanking(alias="shadow1", rank=2, source_alias="shadow2"),
        AliasRanking(alias="shadow2", rank=3, source_alias="shadow1"),
    )
    entry = LedgerEntry(
        model_type="xgboost",
        decision="swap_production_b",
        created_at=datetime(2026, 11, 1, tzinfo=UTC),
        alias_rankings=rankings,
    )
    ranks = promotion_samples(NO_PROMOTIONS, {"xgboost": entry}, {}, {})["rps_model_alias_rank"]
    assert [ranks["xgboost", alias] for alias in ("B", "shadow1", "shadow2")] == [0, 3, 2]
