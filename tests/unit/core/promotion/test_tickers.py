"""The ledger entry of a cycle: tickers count over generations and comparisons, and only a swap resets them."""

from datetime import UTC, datetime, timedelta

from rps_core.promotion.comparison import ComparisonCounts, OpenComparison, start_comparison
from rps_core.promotion.ledger_entry import SWAP, LedgerEntry
from rps_core.promotion.policy import PromotionPlan, plan_promotion
from rps_core.promotion.rules import PromotionRules
from rps_core.promotion.standing import SlotContent, Standing
from rps_core.promotion.tickers import ledger_entry, next_cycle, with_tickers

START = datetime(2026, 11, 1, tzinfo=UTC)
SLOTS = {"Production": SlotContent("1", "c01"), "B": SlotContent("2", "c02")}
STRONG = ComparisonCounts(
    pairs=40, b_pairs=20, production_pairs=4, b_wins=26, b_games=40, production_wins=12, production_games=40
)


def tickers(entry: LedgerEntry) -> tuple[int | None, ...]:
    return entry.production_games_since_swap, entry.b_games_since_swap, entry.promotion_cycles_since_swap


def plan(comparison: OpenComparison, counts: ComparisonCounts, day: int = 1) -> PromotionPlan:
    standing = Standing(SLOTS, comparison, False, {"human": counts}, {})
    return plan_promotion("xgboost", standing, PromotionRules(player_kinds=("human",)), START + timedelta(days=day))


def played(production: int, b: int) -> ComparisonCounts:
    return ComparisonCounts(production_games=production, b_games=b)


def decide(
    comparison: OpenComparison, counts: ComparisonCounts, newest: LedgerEntry | None, cycles: int, day: int = 1
) -> LedgerEntry:
    now = START + timedelta(days=day)
    return ledger_entry(plan(comparison, counts, day), newest, cycles, next_cycle(newest), now, "test")


def test_games_count_from_one_decision_to_the_next_and_a_swap_resets_them() -> None:
    comparison = start_comparison("c01", "c02", START)
    first = decide(comparison, played(5, 1), None, 4)
    assert tickers(first) == (5, 1, 5)
    second = decide(comparison, played(9, 2), first, 5, day=2)
    assert (tickers(second), second.cycle) == ((9, 2, 6), 2)
    swap = decide(comparison, STRONG, second, 6, day=3)
    assert (swap.decision, tickers(swap)) == (SWAP, (0, 0, 0))
    assert (swap.production_total_games, swap.b_total_games) == (40, 40)
    assert swap.open_comparison is not None
    after = decide(swap.open_comparison, played(3, 16), swap, 0, day=4)
    assert tickers(after) == (3, 16, 1)


def test_games_of_the_comparisons_since_the_swap_add_up() -> None:
    first = decide(start_comparison("c01", "c02", START), played(5, 6), None, 0)
    another = start_comparison("c01", "c03", START + timedelta(days=2))
    assert tickers(decide(another, played(2, 1), first, 1, day=3)) == (7, 7, 2)


def test_when_people_take_over_no_games_are_lost_or_counted_twice() -> None:
    comparison = start_comparison("c01", "c02", START)
    scripted = decide(comparison, played(70, 80), None, 0)
    assert tickers(decide(comparison, played(30, 31), scripted, 1, day=2)) == (70, 80, 2)


def test_the_entry_contains_the_plan() -> None:
    decided = plan(start_comparison("c01", "c02", START), STRONG)
    entry = ledger_entry(decided, None, 0, 1, START, "dagster")
    assert (entry.z_statistic, entry.p_value) == decided.test
    assert entry.alias_assignments == decided.assignments
    assert (entry.reason, entry.source, entry.created_at) == (decided.reason, "dagster", START)
    assert (entry.comparison, entry.open_comparison) == (decided.judged, decided.open_comparison)


def test_a_report_of_another_program_gets_tickers_from_its_own_totals() -> None:
    swap = LedgerEntry(
        model_type="xgboost", decision=SWAP, created_at=START, production_total_games=40, b_total_games=30
    )
    report = LedgerEntry(
        model_type="xgboost",
        decision="retain_production",
        created_at=START,
        production_total_games=45,
        b_total_games=3,
    )
    assert tickers(with_tickers(report, swap, 2)) == (5, 3, 3)
