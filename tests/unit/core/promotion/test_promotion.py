"""Promotion decisions: configurations compete, not alias labels."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from rps_core.game.families import Alias
from rps_core.promotion.comparison import ComparisonCounts, Counts, OpenComparison, start_comparison
from rps_core.promotion.forecast import CoursePoint, forecast, pairs_a_day
from rps_core.promotion.policy import PromotionPlan, plan_promotion
from rps_core.promotion.progress import comparison_progress
from rps_core.promotion.reasons import forecast_sentence, race_sentence, standing_sentence
from rps_core.promotion.records import VersionPerformance, VersionRecord, records_by_version
from rps_core.promotion.rules import CountedPlayers, PolicyName, PromotionRules, counted_players, rules_of
from rps_core.promotion.standing import SlotContent, Standing
from rps_core.promotion.statistics import two_proportion_z
from rps_core.settings import load_settings

START, NOW = datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 11, 3, tzinfo=UTC)
SLOTS: dict[Alias, SlotContent] = {
    "Production": SlotContent("1", "c01", "g1"),
    "B": SlotContent("2", "c02", "g1"),
    "shadow1": SlotContent("3", "c03", "g1"),
    "shadow2": SlotContent("4", "c04", "g1"),
}
COMPARISON = start_comparison("c01", "c02", START)
PEOPLE = ("human",)
LEAD = PromotionRules(policy="lead", min_predictions=1, player_kinds=PEOPLE)
SEQUENTIAL = PromotionRules(player_kinds=PEOPLE)


def counts(b_wins: int, b_games: int, wins: int, games: int, *, b_pairs: int = 0, pairs: int = 0) -> ComparisonCounts:
    return ComparisonCounts(
        generations=2,
        pairs=min(b_games, games),
        b_pairs=b_pairs,
        production_pairs=pairs,
        b_wins=b_wins,
        b_games=b_games,
        production_wins=wins,
        production_games=games,
    )


STRONG = counts(26, 40, 12, 40, b_pairs=22, pairs=6)
WEAK = counts(17, 30, 15, 30, b_pairs=9, pairs=7)


def plan(
    found: ComparisonCounts | None = None,
    rules: PromotionRules = SEQUENTIAL,
    *,
    accuracies: Mapping[Alias, VersionRecord] | None = None,
    slots: Mapping[Alias, SlotContent] = SLOTS,
    groups: Counts | None = None,
    comparison: OpenComparison | None = COMPARISON,
    is_new: bool = False,
) -> PromotionPlan:
    by_group = groups or {"human": found or ComparisonCounts()}
    return plan_promotion("xgboost", Standing(slots, comparison, is_new, by_group, accuracies or {}), rules, NOW)


def predicted(correct: int, predictions: int) -> VersionRecord:
    return VersionRecord(correct=correct, predictions=predictions)


def versions(decided: PromotionPlan) -> dict[str, str | None]:
    return {slot.alias: slot.version for slot in decided.assignments}


def test_z_and_p_equal_the_worked_example() -> None:
    z, p = two_proportion_z(12, 20, 9, 25)
    assert z == pytest.approx(1.6036, abs=1e-4)
    assert p == pytest.approx(0.0544, abs=1e-4)


@pytest.mark.parametrize("found", [(0, 0, 3, 4), (3, 4, 0, 0), (0, 5, 0, 5), (5, 5, 5, 5)])
def test_z_and_p_are_undefined_without_games_or_without_variation(found: tuple[int, int, int, int]) -> None:
    assert two_proportion_z(*found) == (None, None)


def test_the_lead_rule_swaps_on_any_lead_after_three_games() -> None:
    decided = plan(counts(3, 4, 2, 3), LEAD)
    assert decided.decision == "swap_production_b"
    assert decided.test.p == pytest.approx(0.405, abs=1e-3)
    assert decided.changes == {"Production": "2", "B": "1"}


def test_a_tie_of_rates_favours_production() -> None:
    decided = plan(counts(2, 4, 2, 4), LEAD)
    assert (decided.decision, decided.changes) == ("retain_production", {})


@pytest.mark.parametrize(("production", "b"), [(2, 9), (9, 2), (0, 0)])
def test_too_few_games_on_a_side_are_insufficient_data_and_the_reason_counts_them(production: int, b: int) -> None:
    decided = plan(counts(b, b, 0, production), LEAD)
    assert decided.decision == "insufficient_data"
    assert f"Production has {production} and B has {b}" in decided.reason


@pytest.mark.parametrize("policy", ["sequential", "z_test"])
def test_a_swap_needs_games_and_evidence(policy: PolicyName) -> None:
    few = counts(29, 29, 0, 29, b_pairs=29)
    rules = PromotionRules(policy=policy, player_kinds=PEOPLE)
    decisions = [plan(found, rules).decision for found in (few, WEAK, STRONG)]
    assert decisions == ["insufficient_data", "retain_production", "swap_production_b"]


@pytest.mark.parametrize(
    ("policy", "headline"),
    [
        ("sequential", "sequential: the evidence that B is better is 39.23; a swap needs 20"),
        ("z_test", "z_test: z = 3.134; a swap needs 1.645"),
        ("lead", "lead: B leads"),
    ],
)
def test_the_reason_starts_with_the_evidence_of_the_policy(policy: PolicyName, headline: str) -> None:
    parts = plan(STRONG, PromotionRules(policy=policy, player_kinds=PEOPLE)).reason.split(" | ")
    assert parts[0] == headline
    assert parts[1].startswith("c02 leads c01 by 22 pairs to 6")
    assert parts[1].endswith("after 40 pairs in 2 generations")
    assert "z = 3.134, p = 0.0009" in parts


def test_the_sentence_of_a_race_counts_in_plain_words() -> None:
    progress = comparison_progress(counted_players({"human": STRONG}, SEQUENTIAL), SEQUENTIAL)
    first = msgspec.structs.replace(progress, b_pairs=1, production_pairs=0, pairs=1, generations=1)
    said = race_sentence("c01", "c02", first)
    assert said.startswith("c02 leads c01 by 1 pair to 0")
    assert said.endswith("after 1 pair in 1 generation")


def test_without_variation_the_reason_says_that_z_is_not_available() -> None:
    decided = plan(counts(0, 40, 0, 40), PromotionRules(policy="z_test", player_kinds=PEOPLE))
    assert decided.reason.startswith("z_test: z is not available; a swap needs 1.645 | ")
    assert "z and p are not available" in decided.reason


def test_after_a_swap_both_configurations_start_at_zero_in_their_new_slots() -> None:
    decided = plan(STRONG)
    assert decided.open_comparison == start_comparison("c02", "c01", NOW)
    assert decided.judged is not None
    assert (decided.judged.production, decided.judged.b, decided.judged.b_pairs) == ("c01", "c02", 22)
    assert plan(WEAK).open_comparison == COMPARISON


def test_the_decision_that_opens_a_comparison_moves_nothing() -> None:
    decided = plan(STRONG, is_new=True)
    assert (decided.decision, decided.changes) == ("insufficient_data", {})
    assert decided.reason.startswith("a comparison of c01 in Production with c02 in B starts | ")


def test_versions_of_different_datasets_are_named_as_the_reason_for_missing_pairs() -> None:
    slots = {**SLOTS, "B": SlotContent("9", "c02", "g2")}
    assert "Production's version 1 and B's version 9 were trained on different datasets" in plan(slots=slots).reason


def test_challengers_are_ranked_by_the_accuracy_of_their_configuration() -> None:
    found: dict[Alias, VersionRecord] = {
        "B": predicted(30, 100),
        "shadow1": predicted(60, 100),
        "shadow2": predicted(50, 100),
    }
    decided = plan(rules=LEAD, accuracies=found)
    assert decided.decision == "insufficient_data"
    assert decided.reorder_applied
    assert versions(decided) == {"Production": "1", "B": "3", "shadow1": "4", "shadow2": "2"}
    assert [(rank.alias, rank.rank, rank.source_alias, rank.accuracy) for rank in decided.rankings] == [
        ("B", 1, "shadow1", 0.6),
        ("shadow1", 2, "shadow2", 0.5),
        ("shadow2", 3, "B", 0.3),
    ]
    assert decided.open_comparison == start_comparison("c01", "c03", NOW)


def test_b_keeps_its_comparison_until_a_challenger_is_clearly_more_accurate() -> None:
    close: dict[Alias, VersionRecord] = {
        "B": predicted(500, 1_000),
        "shadow1": predicted(501, 1_000),
        "shadow2": predicted(520, 1_000),
    }
    decided = plan(WEAK, accuracies=close)
    assert versions(decided) == {"Production": "1", "B": "2", "shadow1": "4", "shadow2": "3"}
    assert decided.open_comparison == COMPARISON


def test_a_lucky_challenger_with_few_predictions_keeps_its_place() -> None:
    found: dict[Alias, VersionRecord] = {
        "B": predicted(30, 100),
        "shadow1": predicted(1, 1),
        "shadow2": predicted(60, 100),
    }
    decided = plan(rules=PromotionRules(min_predictions=50), accuracies=found)
    assert versions(decided) == {"Production": "1", "B": "4", "shadow1": "3", "shadow2": "2"}


def test_a_high_accuracy_from_few_predictions_ranks_below_a_slightly_lower_one_from_many() -> None:
    found: dict[Alias, VersionRecord] = {
        "B": predicted(5, 50),
        "shadow1": predicted(30, 50),
        "shadow2": predicted(1_160, 2_000),
    }
    decided = plan(rules=PromotionRules(min_predictions=50), accuracies=found)
    assert versions(decided) == {"Production": "1", "B": "4", "shadow1": "3", "shadow2": "2"}
    assert "B from shadow2 (1160/2000, at least 56.2%)" in decided.reason


def test_equal_challengers_keep_their_slots() -> None:
    found: dict[Alias, VersionRecord] = dict.fromkeys(("B", "shadow1", "shadow2"), predicted(50, 100))
    decided = plan(accuracies=found)
    assert (decided.reorder_applied, decided.changes) == (False, {})


def test_a_demoted_production_is_ranked_by_its_own_predictions() -> None:
    found: dict[Alias, VersionRecord] = {
        "Production": predicted(60, 100),
        "B": predicted(50, 100),
        "shadow1": predicted(95, 100),
        "shadow2": predicted(10, 100),
    }
    decided = plan(STRONG, PromotionRules(min_predictions=1, player_kinds=PEOPLE), accuracies=found)
    assert versions(decided) == {"Production": "2", "B": "3", "shadow1": "1", "shadow2": "4"}


def test_an_empty_slot_is_ignored_and_the_reason_names_it() -> None:
    slots: dict[Alias, SlotContent] = {"Production": SLOTS["Production"], "shadow2": SLOTS["shadow2"]}
    decided = plan(rules=LEAD, slots=slots, comparison=None)
    assert (decided.decision, decided.changes, decided.open_comparison) == ("insufficient_data", {}, None)
    assert "no version in slot B" in decided.reason


def test_a_record_counts_only_the_given_kinds_of_players() -> None:
    rows = [
        VersionPerformance("xgboost", "1", "human", 3, 2, 1, 0, 30, 10),
        VersionPerformance("xgboost", "1", "scripted", 5, 5, 0, 0, 50, 25),
        VersionPerformance("feedforward_nn", "1", "human", 9, 9, 0, 0, 9, 9),
    ]
    assert records_by_version(rows, "xgboost", ["human"]) == {"1": VersionRecord(2, 1, 0, 30, 10)}
    assert records_by_version(rows, "xgboost", ["human", "scripted"]) == {"1": VersionRecord(7, 1, 0, 80, 35)}


def test_by_default_people_count_as_soon_as_they_have_played_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    rules = rules_of(load_settings().promotion)
    assert rules == PromotionRules()
    everybody = counts(50, 80, 20, 80, b_pairs=40, pairs=10)
    few: Counts = {"human": counts(9, 29, 9, 40), "human,scripted": everybody}
    assert counted_players(few, rules) == CountedPlayers(
        "human,scripted",
        everybody,
        "counting scripted players: people have played 29 of the 30 games a side",
    )
    enough: Counts = {"human": counts(9, 30, 9, 40), "human,scripted": everybody, "scripted": counts(1, 2, 1, 2)}
    assert counted_players(enough, rules).group == "human"
    decided = plan(rules=rules, groups=enough)
    assert decided.decision == "retain_production"
    assert "not counted any more: 4 games of scripted players, because people have played enough" in decided.reason
    monkeypatch.setenv("PROMOTION_PLAYER_KINDS", "human,scripted")
    assert counted_players(enough, rules_of(load_settings().promotion)).group == "human,scripted"


def test_the_reason_counts_the_games_of_players_who_do_not_count() -> None:
    groups: Counts = {"human": counts(2, 3, 1, 2), "scripted": counts(100, 200, 90, 212)}
    decided = plan(groups=groups)
    assert decided.decision == "insufficient_data"
    assert "not counted: 412 games of scripted players; PROMOTION_PLAYER_KINDS counts human" in decided.reason
    assert "not counted" not in plan(groups=groups, rules=PromotionRules(player_kinds=("human", "scripted"))).reason


def test_a_standing_says_in_one_sentence_how_the_race_stands_and_what_is_missing() -> None:
    standing = Standing(SLOTS, COMPARISON, False, {"human": STRONG}, {})
    counted = counted_players(standing.counts, SEQUENTIAL)
    progress = comparison_progress(counted, SEQUENTIAL)
    assert standing_sentence(standing, progress, counted, SEQUENTIAL) == (
        "c02 leads c01 by 22 pairs to 6, evidence 39.2 of 20, after 40 pairs in 2 generations"
    )
    empty = Standing({}, None, False, {}, {})
    assert standing_sentence(empty, progress, counted, SEQUENTIAL) == (
        "nothing is compared: no version in slot Production and B"
    )


def test_a_forecast_says_how_many_games_are_missing_and_when_they_will_have_been_played() -> None:
    leading = comparison_progress(CountedPlayers("human", counts(60, 100, 50, 100, b_pairs=30, pairs=20)), SEQUENTIAL)
    course = [CoursePoint(NOW - timedelta(days=1), 60, 1.0), CoursePoint(NOW, 100, leading.evidence)]
    assert pairs_a_day(course, START) == pytest.approx(40)
    assert pairs_a_day(course[1:], START) == pytest.approx(50)
    expected = forecast(leading, 40, NOW)
    assert expected.pairs is not None
    more = 1 + expected.pairs / 100
    then = counts(0, 200, 0, 200, b_pairs=round(30 * more), pairs=round(20 * more))
    assert (comparison_progress(CountedPlayers("human", then), SEQUENTIAL).evidence or 0) == pytest.approx(20, rel=0.2)
    assert expected.at == NOW + timedelta(days=expected.pairs / 40)
    assert f"about {expected.pairs} more games a side, at today's rate until 2026-11-" in forecast_sentence(
        leading, expected
    )
    trailing = comparison_progress(CountedPlayers("human", counts(5, 50, 9, 50, b_pairs=5, pairs=9)), SEQUENTIAL)
    assert forecast_sentence(trailing, forecast(trailing, 40, NOW)) == "no date, because B does not lead clearly"
