"""Promotion decisions: model versions compete, not alias labels."""

import pytest

from rps_core.game.families import Alias
from rps_core.promotion.policy import plan_promotion
from rps_core.promotion.records import VersionPerformance, VersionRecord, excluded_games, records_by_version
from rps_core.promotion.rules import PolicyName, PromotionRules, rules_of
from rps_core.promotion.statistics import two_proportion_z
from rps_core.settings import load_settings

ASSIGNED: dict[Alias, str] = {"Production": "1", "B": "2", "shadow1": "3", "shadow2": "4"}
LEAD = PromotionRules(policy="lead", min_predictions=1)


def record(wins: int, games: int, correct: int = 0, predictions: int = 0) -> VersionRecord:
    return VersionRecord(wins=wins, losses=games - wins, correct=correct, predictions=predictions)


def slots(plan_assignments: object) -> dict[str, str]:
    return {slot.alias: slot.version for slot in plan_assignments}  # type: ignore[attr-defined]


def test_z_and_p_equal_the_worked_example() -> None:
    z, p = two_proportion_z(12, 20, 9, 25)
    assert z == pytest.approx(1.6036, abs=1e-4)
    assert p == pytest.approx(0.0544, abs=1e-4)


@pytest.mark.parametrize("counts", [(0, 0, 3, 4), (3, 4, 0, 0), (0, 5, 0, 5), (5, 5, 5, 5)])
def test_z_and_p_are_undefined_without_games_or_without_variation(counts: tuple[int, int, int, int]) -> None:
    assert two_proportion_z(*counts) == (None, None)


def test_the_lead_rule_swaps_on_any_lead_after_three_games() -> None:
    plan = plan_promotion("xgboost", ASSIGNED, {"1": record(2, 3), "2": record(3, 4)}, LEAD)
    assert plan.decision == "swap_production_b"
    assert plan.test.p == pytest.approx(0.405, abs=1e-3)
    assert plan.changes == {"Production": "2", "B": "1"}


def test_a_tie_of_rates_favours_production() -> None:
    plan = plan_promotion("xgboost", ASSIGNED, {"1": record(2, 4), "2": record(2, 4)}, LEAD)
    assert (plan.decision, plan.changes) == ("retain_production", {})


@pytest.mark.parametrize(("production", "b"), [(2, 9), (9, 2), (0, 0)])
def test_too_few_games_on_a_side_are_insufficient_data_and_the_reason_counts_them(production: int, b: int) -> None:
    records = {"1": record(0, production), "2": record(b, b)}
    plan = plan_promotion("xgboost", ASSIGNED, records, LEAD)
    assert plan.decision == "insufficient_data"
    assert f"Production has {production} and B has {b}" in plan.reason


@pytest.mark.parametrize("policy", ["sequential", "z_test"])
def test_a_swap_needs_games_and_evidence(policy: PolicyName) -> None:
    few = {"1": record(0, 29), "2": record(29, 29)}
    weak = {"1": record(15, 30), "2": record(17, 30)}
    strong = {"1": record(12, 40), "2": record(26, 40)}
    rules = PromotionRules(policy=policy)
    decisions = [plan_promotion("xgboost", ASSIGNED, found, rules).decision for found in (few, weak, strong)]
    assert decisions == ["insufficient_data", "retain_production", "swap_production_b"]


def test_a_lead_that_passes_a_single_z_test_may_fail_the_sequential_test() -> None:
    records = {"1": record(40, 100), "2": record(53, 100)}
    plans = {
        policy: plan_promotion("xgboost", ASSIGNED, records, PromotionRules(policy=policy))
        for policy in ("sequential", "z_test")
    }
    assert (plans["z_test"].decision, plans["sequential"].decision) == ("swap_production_b", "retain_production")
    assert plans["sequential"].test == plans["z_test"].test


@pytest.mark.parametrize(
    ("policy", "headline"),
    [
        ("sequential", "sequential: the evidence that B is better is 22.89; a swap needs 20"),
        ("z_test", "z_test: z = 3.134; a swap needs 1.645"),
        ("lead", "lead: B leads"),
    ],
)
def test_the_reason_starts_with_the_evidence_of_the_policy(policy: PolicyName, headline: str) -> None:
    records = {"1": record(12, 40), "2": record(26, 40)}
    plan = plan_promotion("xgboost", ASSIGNED, records, PromotionRules(policy=policy))
    parts = plan.reason.split(" | ")
    assert parts[0] == headline
    assert "z = 3.134, p = 0.0009" in parts


def test_without_variation_the_reason_says_that_z_is_not_available() -> None:
    records = {"1": record(0, 40), "2": record(0, 40)}
    plan = plan_promotion("xgboost", ASSIGNED, records, PromotionRules(policy="z_test"))
    assert plan.reason.startswith("z_test: z is not available; a swap needs 1.645 | ")
    assert "z and p are not available" in plan.reason


def test_ties_do_not_count_for_either_side() -> None:
    records = {"1": VersionRecord(wins=3, losses=0, ties=90), "2": VersionRecord(wins=3, losses=0, ties=0)}
    assert plan_promotion("xgboost", ASSIGNED, records, LEAD).decision == "retain_production"


def test_the_same_evidence_does_not_swap_back() -> None:
    records = {"1": record(12, 40), "2": record(26, 40)}
    plan = plan_promotion("xgboost", ASSIGNED, records, PromotionRules())
    after: dict[Alias, str] = {**ASSIGNED, **plan.changes}
    assert plan_promotion("xgboost", after, records, PromotionRules()).decision == "retain_production"


def test_challengers_are_ranked_by_the_accuracy_of_their_version() -> None:
    records = {"2": record(0, 0, 30, 100), "3": record(0, 0, 60, 100), "4": record(0, 0, 50, 100)}
    plan = plan_promotion("xgboost", ASSIGNED, records, LEAD)
    assert plan.decision == "insufficient_data"
    assert plan.reorder_applied
    assert slots(plan.assignments) == {"Production": "1", "B": "3", "shadow1": "4", "shadow2": "2"}
    assert [(rank.alias, rank.rank, rank.source_alias, rank.accuracy) for rank in plan.rankings] == [
        ("B", 1, "shadow1", 0.6),
        ("shadow1", 2, "shadow2", 0.5),
        ("shadow2", 3, "B", 0.3),
    ]


def test_a_lucky_challenger_with_few_predictions_keeps_its_place() -> None:
    records = {"2": record(0, 0, 30, 100), "3": record(0, 0, 1, 1), "4": record(0, 0, 50, 100)}
    plan = plan_promotion("xgboost", ASSIGNED, records, PromotionRules(min_predictions=50))
    assert slots(plan.assignments) == {"Production": "1", "B": "4", "shadow1": "3", "shadow2": "2"}


def test_a_high_accuracy_from_few_predictions_ranks_below_a_slightly_lower_one_from_many() -> None:
    records = {"2": record(0, 0, 30, 50), "3": record(0, 0, 1160, 2000), "4": record(0, 0, 25, 50)}
    plan = plan_promotion("xgboost", ASSIGNED, records, PromotionRules(min_predictions=50))
    assert slots(plan.assignments) == {"Production": "1", "B": "3", "shadow1": "2", "shadow2": "4"}
    assert [rank.accuracy for rank in plan.rankings] == [0.58, 0.6, 0.5]
    assert "B from shadow1 (1160/2000, at least 56.2%)" in plan.reason


def test_equal_challengers_keep_their_slots() -> None:
    records = {version: record(0, 0, 50, 100) for version in "234"}
    plan = plan_promotion("xgboost", ASSIGNED, records, PromotionRules())
    assert (plan.reorder_applied, plan.changes) == (False, {})


def test_a_demoted_production_is_ranked_by_its_own_record() -> None:
    records = {
        "1": record(12, 40, 90, 100),
        "2": record(26, 40, 50, 100),
        "3": record(0, 0, 95, 100),
        "4": record(0, 0, 10, 100),
    }
    plan = plan_promotion("xgboost", ASSIGNED, records, PromotionRules(min_predictions=1))
    assert slots(plan.assignments) == {"Production": "2", "B": "3", "shadow1": "1", "shadow2": "4"}


def test_an_empty_slot_is_ignored_and_the_reason_names_it() -> None:
    plan = plan_promotion("xgboost", {"Production": "1", "shadow2": "4"}, {}, LEAD)
    assert (plan.decision, plan.changes) == ("insufficient_data", {})
    assert "no version in slot B" in plan.reason


def test_a_record_counts_only_the_given_kinds_of_players() -> None:
    rows = [
        VersionPerformance("xgboost", "1", "human", 3, 2, 1, 0, 30, 10),
        VersionPerformance("xgboost", "1", "scripted", 5, 5, 0, 0, 50, 25),
        VersionPerformance("feedforward_nn", "1", "human", 9, 9, 0, 0, 9, 9),
    ]
    assert records_by_version(rows, "xgboost", ["human"]) == {"1": VersionRecord(2, 1, 0, 30, 10)}
    assert records_by_version(rows, "xgboost", ["human", "scripted"]) == {"1": VersionRecord(7, 1, 0, 80, 35)}


def test_by_default_only_human_players_count(monkeypatch: pytest.MonkeyPatch) -> None:
    assert rules_of(load_settings().promotion) == PromotionRules()
    assert PromotionRules().player_kinds == ("human",)
    monkeypatch.setenv("PROMOTION_PLAYER_KINDS", "human,scripted")
    monkeypatch.setenv("PROMOTION_POLICY", "lead")
    assert rules_of(load_settings().promotion) == PromotionRules(policy="lead", player_kinds=("human", "scripted"))


def test_the_reason_counts_the_games_of_players_who_do_not_count() -> None:
    rows = [
        VersionPerformance("xgboost", "1", "human", 3, 2, 1, 0, 30, 10),
        VersionPerformance("xgboost", "1", "scripted", 250, 200, 50, 0, 50, 25),
        VersionPerformance("xgboost", "2", "scripted", 162, 80, 80, 2, 50, 25),
        VersionPerformance("xgboost", "3", "scripted", 7, 7, 0, 0, 50, 25),
        VersionPerformance("xgboost", "2", "human", 0, 0, 0, 0, 12, 6),
    ]
    excluded = excluded_games(rows, "xgboost", ["1", "2"], ["human"])
    assert excluded == {"scripted": 412}
    assert excluded_games(rows, "xgboost", ["1", None], ["scripted"]) == {"human": 3}
    records = records_by_version(rows, "xgboost", ["human"])
    plan = plan_promotion("xgboost", ASSIGNED, records, PromotionRules(), excluded)
    assert plan.decision == "insufficient_data"
    assert "not counted: 412 games of scripted players; PROMOTION_PLAYER_KINDS counts human" in plan.reason
    all_players = plan_promotion("xgboost", ASSIGNED, records, PromotionRules(player_kinds=("human", "scripted")))
    assert "not counted" not in all_players.reason
