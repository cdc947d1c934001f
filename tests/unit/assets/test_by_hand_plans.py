"""Promotions by hand, on paper: a request becomes moves of aliases, or an error that explains itself."""

from datetime import UTC, datetime, timedelta

import pytest

from rps_assets.promotion.by_hand_plans import (
    AliasMove,
    InvalidPromotion,
    manual_entry,
    parse_alias_move,
    plan_moves,
    plan_rollback,
    require_reason,
)
from rps_core.errors import UnknownModelSlot
from rps_core.game.families import ALIASES, Alias
from rps_core.promotion.comparison import ComparisonCounts, start_comparison
from rps_core.promotion.ledger_entry import AliasAssignment, LedgerEntry
from rps_core.promotion.rules import PromotionRules
from rps_core.promotion.standing import SlotContent, Standing

NOW = datetime(2026, 11, 1, tzinfo=UTC)
HELD: dict[Alias, str] = {"Production": "1", "B": "2", "shadow1": "3", "shadow2": "4"}


def entry(**moved: tuple[str, str]) -> LedgerEntry:
    """A ledger entry that moved slots from one version to another."""
    return LedgerEntry(
        model_type="xgboost",
        decision="swap_production_b" if moved else "retain_production",
        created_at=NOW,
        alias_assignments=tuple(
            AliasAssignment(alias=alias, previous_version=old, version=new, changed=True)
            for alias, (old, new) in moved.items()
        ),
    )


def test_a_slot_and_a_slot_with_a_version_are_read() -> None:
    assert parse_alias_move(" xgboost@B ") == AliasMove("xgboost", "B", None)
    assert parse_alias_move("feedforward_nn@Production=104") == AliasMove("feedforward_nn", "Production", "104")
    assert parse_alias_move("xgboost@shadow1:B") == AliasMove("xgboost", "shadow1", None, "B")


@pytest.mark.parametrize(
    "text", ["xgboost", "xgboost@B=", "xgboost@B=newest", "xgboost@B=²", "xgboost@B:shadow1=4", "", "="]
)
def test_a_text_that_is_not_a_slot_is_refused_with_the_right_form(text: str) -> None:
    with pytest.raises(InvalidPromotion, match="write family@alias"):
        parse_alias_move(text)


def test_an_unknown_family_or_alias_is_named() -> None:
    with pytest.raises(UnknownModelSlot, match="'forrest'"):
        parse_alias_move("forrest@B")
    with pytest.raises(UnknownModelSlot, match="'C'"):
        parse_alias_move("xgboost@C")


def test_a_promoted_slot_changes_places_with_production() -> None:
    assert plan_moves([AliasMove("xgboost", "shadow1", None)], HELD) == {"Production": "3", "shadow1": "1"}


def test_a_slot_changes_places_with_the_named_slot_but_not_with_itself() -> None:
    assert plan_moves([AliasMove("xgboost", "B", None, "shadow2")], HELD) == {"B": "4", "shadow2": "2"}
    with pytest.raises(InvalidPromotion, match="itself"):
        plan_moves([AliasMove("xgboost", "B", None, "B")], HELD)


def test_versions_go_into_the_named_slots_and_a_slot_that_holds_its_version_does_not_move() -> None:
    moves = [AliasMove("xgboost", "Production", "9"), AliasMove("xgboost", "B", "2")]
    assert plan_moves(moves, HELD) == {"Production": "9"}


@pytest.mark.parametrize(
    ("moves", "said"),
    [
        ([AliasMove("xgboost", "Production", None)], "is Production already"),
        ([AliasMove("xgboost", "B", None), AliasMove("xgboost", "shadow1", None)], "Production is named twice"),
        ([AliasMove("xgboost", "B", "7"), AliasMove("xgboost", "B", "8")], "B is named twice"),
    ],
)
def test_contradicting_moves_are_refused(moves: list[AliasMove], said: str) -> None:
    with pytest.raises(InvalidPromotion, match=said):
        plan_moves(moves, HELD)


def test_an_empty_slot_cannot_change_places_but_can_be_filled() -> None:
    with pytest.raises(InvalidPromotion, match="no version at Production and B"):
        plan_moves([AliasMove("xgboost", "B", None)], {})
    assert plan_moves([AliasMove("xgboost", "B", "7")], {}) == {"B": "7"}


def test_a_rollback_undoes_the_newest_entry_that_moved_an_alias() -> None:
    history = [entry(), entry(Production=("2", "1"), B=("1", "2")), entry(Production=("0", "2"))]
    assert plan_rollback("xgboost", HELD, history, {}) == {"Production": "2", "B": "1"}


def test_after_a_training_a_rollback_goes_back_to_the_replaced_version() -> None:
    history = [entry(Production=("2", "90"), B=("90", "2"))]
    assert plan_rollback("xgboost", HELD, history, {"Production": "90", "B": "2"}) == {"Production": "90"}


def test_a_rollback_without_a_known_version_moves_nothing_and_says_so() -> None:
    with pytest.raises(InvalidPromotion, match="nothing was moved"):
        plan_rollback("xgboost", HELD, [entry()], {})


@pytest.mark.parametrize("reason", ["", "  ", "ok"])
def test_a_promotion_without_a_reason_is_refused(reason: str) -> None:
    with pytest.raises(InvalidPromotion, match="is too short"):
        require_reason(reason)


STANDING = Standing(
    {alias: SlotContent(version, f"c0{version}", "g1") for alias, version in HELD.items()},
    start_comparison("c01", "c02", NOW - timedelta(days=1)),
    is_new=False,
    counts={
        "human": ComparisonCounts(
            pairs=40, b_pairs=20, production_pairs=2, production_wins=12, production_games=40, b_wins=30, b_games=40
        )
    },
    accuracies={},
)
PEOPLE = PromotionRules(player_kinds=("human",))


def moved_by_hand(reason: str, **moved_in: SlotContent) -> LedgerEntry:
    changes = {alias: moved_in[alias] for alias in ALIASES if alias in moved_in}
    return manual_entry("xgboost", STANDING, changes, None, 0, PEOPLE, reason, NOW)


def test_a_swap_by_hand_is_a_swap_in_the_ledger_with_the_record_of_both_sides() -> None:
    swap = moved_by_hand("wins more", Production=STANDING.slots["B"], B=STANDING.slots["Production"])
    assert (swap.decision, swap.source, swap.reason) == ("swap_production_b", "manual", "by hand: wins more")
    assert (swap.production_wins, swap.production_total_games, swap.b_wins, swap.b_total_games) == (12, 40, 30, 40)
    assert (swap.production_games_since_swap, swap.promotion_cycles_since_swap, swap.reorder_applied) == (0, 0, False)
    assert swap.z_statistic is not None
    sources = {slot.alias: (slot.previous_version, slot.version, slot.source_alias) for slot in swap.alias_assignments}
    assert sources == {
        "Production": ("1", "2", "B"),
        "B": ("2", "1", "Production"),
        "shadow1": ("3", "3", "shadow1"),
        "shadow2": ("4", "4", "shadow2"),
    }
    assert swap.open_comparison == start_comparison("c02", "c01", NOW)


def test_any_other_move_by_hand_is_a_reorder_and_a_new_configuration_starts_a_comparison() -> None:
    moved = moved_by_hand("try nine", Production=SlotContent("9", "c09", "g1"))
    assert (moved.decision, moved.reorder_applied, moved.promotion_cycles_since_swap) == ("alias_reorder", True, 1)
    assert next(slot for slot in moved.alias_assignments if slot.changed).source_alias is None
    assert moved.open_comparison == start_comparison("c09", "c02", NOW)


def test_another_version_of_the_same_configuration_does_not_end_the_comparison() -> None:
    assert moved_by_hand("yesterday's", Production=SlotContent("9", "c01", "g0")).open_comparison == STANDING.comparison
    assert not moved_by_hand("nothing moves").reorder_applied
