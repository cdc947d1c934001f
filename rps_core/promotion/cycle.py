"""One promotion cycle on paper: the ledger entry of a plan, with its tickers. Writing it is the caller's."""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from rps_core.promotion.ledger_entry import Decision, LedgerEntry
from rps_core.promotion.policy import PromotionPlan
from rps_core.promotion.records import VersionRecord

SWAP: Decision = "swap_production_b"


class Tickers(NamedTuple):
    """How long the present order has stood: decided games of both sides, and cycles, since the last swap."""

    production_games: int
    b_games: int
    cycles: int


def tickers(plan: PromotionPlan, last_swap: LedgerEntry | None, cycles_since_swap: int) -> Tickers:
    """Return the tickers of a cycle; a swap sets all of them to 0.

    Args:
        plan: the cycle.
        last_swap: newest ledger entry of the family that swapped, if any.
        cycles_since_swap: ledger entries of the family after that one.
    """
    if plan.decision == SWAP:
        return Tickers(0, 0, 0)
    before = {slot.alias: slot.previous_version for slot in plan.assignments}
    recorded = _games_at(last_swap)
    return Tickers(
        _games_since(plan.production, before.get("Production"), recorded),
        _games_since(plan.b, before.get("B"), recorded),
        cycles_since_swap + 1,
    )


def ledger_entry(
    plan: PromotionPlan, last_swap: LedgerEntry | None, cycles_since_swap: int, now: datetime, source: str
) -> LedgerEntry:
    """Return the entry that records a plan."""
    games_since = tickers(plan, last_swap, cycles_since_swap)
    return LedgerEntry(
        model_type=plan.family,
        decision=plan.decision,
        created_at=now,
        z_statistic=plan.test.z,
        p_value=plan.test.p,
        production_wins=plan.production.wins,
        production_total_games=plan.production.decided_games,
        b_wins=plan.b.wins,
        b_total_games=plan.b.decided_games,
        production_games_since_swap=games_since.production_games,
        b_games_since_swap=games_since.b_games,
        promotion_cycles_since_swap=games_since.cycles,
        reorder_applied=plan.reorder_applied,
        alias_rankings=plan.rankings,
        alias_accuracies=plan.accuracies,
        alias_assignments=plan.assignments,
        reason=plan.reason,
        source=source,
    )


def _games_at(swap: LedgerEntry | None) -> dict[str, int]:
    """Return the games that both contestants had when they swapped, by version: a record follows its version."""
    if swap is None:
        return {}
    totals = {"Production": swap.production_total_games or 0, "B": swap.b_total_games or 0}
    return {
        slot.previous_version: totals[slot.alias]
        for slot in swap.alias_assignments
        if slot.alias in totals and slot.previous_version is not None
    }


def _games_since(record: VersionRecord, version: str | None, recorded: Mapping[str, int]) -> int:
    # A version trained since then starts at zero, so all of its games count.
    return max(record.decided_games - recorded.get(version or "", 0), 0)
