"""The ledger entry of a cycle: tickers follow versions, and only a swap resets them."""

from datetime import UTC, datetime

from rps_core.game.families import Alias
from rps_core.promotion.ledger_entry import SWAP, LedgerEntry
from rps_core.promotion.policy import plan_promotion
from rps_core.promotion.records import VersionRecord
from rps_core.promotion.rules import PromotionRules
from rps_core.promotion.tickers import ledger_entry

ASSIGNED: dict[Alias, str] = {"Production": "1", "B": "2", "shadow1": "3", "shadow2": "4"}
NOW = datetime(2026, 11, 1, tzinfo=UTC)
STRONG_B = {"1": VersionRecord(12, 28), "2": VersionRecord(26, 14)}


def tickers(entry: LedgerEntry) -> tuple[int | None, ...]:
    return entry.production_games_since_swap, entry.b_games_since_swap, entry.promotion_cycles_since_swap


def test_without_a_swap_all_games_count() -> None:
    plan = plan_promotion("xgboost", ASSIGNED, {"1": VersionRecord(2, 3), "2": VersionRecord(1, 0)}, PromotionRules())
    assert tickers(ledger_entry(plan, None, 4, NOW, "test")) == (5, 1, 5)


def test_a_swap_resets_the_tickers_and_then_only_later_games_of_each_version_count() -> None:
    swap_plan = plan_promotion("xgboost", ASSIGNED, STRONG_B, PromotionRules())
    swap = ledger_entry(swap_plan, None, 7, NOW, "test")
    assert (swap.decision, swap.promotion_cycles_since_swap) == (SWAP, 0)
    assert (swap.production_total_games, swap.b_total_games) == (40, 40)
    assert (swap.production_games_since_swap, swap.b_games_since_swap) == (0, 0)
    after: dict[Alias, str] = {**ASSIGNED, **swap_plan.changes}
    later = {"1": VersionRecord(13, 30), "2": VersionRecord(36, 20)}
    plan = plan_promotion("xgboost", after, later, PromotionRules())
    assert tickers(ledger_entry(plan, swap, 0, NOW, "test")) == (16, 3, 1)


def test_all_games_of_versions_trained_after_the_swap_count() -> None:
    swap = ledger_entry(plan_promotion("xgboost", ASSIGNED, STRONG_B, PromotionRules()), None, 0, NOW, "test")
    fresh: dict[Alias, str] = {"Production": "11", "B": "12", "shadow1": "13", "shadow2": "14"}
    plan = plan_promotion("xgboost", fresh, {"11": VersionRecord(1, 1)}, PromotionRules())
    assert tickers(ledger_entry(plan, swap, 2, NOW, "test")) == (2, 0, 3)


def test_the_entry_contains_the_plan() -> None:
    plan = plan_promotion("xgboost", ASSIGNED, STRONG_B, PromotionRules())
    entry = ledger_entry(plan, None, 0, NOW, "dagster")
    assert (entry.z_statistic, entry.p_value) == plan.test
    assert entry.alias_assignments == plan.assignments
    assert (entry.reason, entry.source, entry.created_at) == (plan.reason, "dagster", NOW)
