"""The ledger entry of a promotion cycle, with its tickers. The caller stores it."""

from datetime import datetime

import msgspec

from rps_core.game.families import Alias
from rps_core.promotion.ledger_entry import SWAP, LedgerEntry
from rps_core.promotion.policy import PromotionPlan


def ledger_entry(
    plan: PromotionPlan, last_swap: LedgerEntry | None, cycles_since_swap: int, now: datetime, source: str
) -> LedgerEntry:
    """Return the entry that records a plan, with its tickers; see `with_tickers` for the arguments."""
    entry = LedgerEntry(
        model_type=plan.family,
        decision=plan.decision,
        created_at=now,
        z_statistic=plan.test.z,
        p_value=plan.test.p,
        production_wins=plan.production.wins,
        production_total_games=plan.production.decided_games,
        b_wins=plan.b.wins,
        b_total_games=plan.b.decided_games,
        reorder_applied=plan.reorder_applied,
        alias_rankings=plan.rankings,
        alias_accuracies=plan.accuracies,
        alias_assignments=plan.assignments,
        reason=plan.reason,
        source=source,
    )
    return with_tickers(entry, last_swap, cycles_since_swap)


def with_tickers(entry: LedgerEntry, last_swap: LedgerEntry | None, cycles_since_swap: int) -> LedgerEntry:
    """Return the entry with its tickers: decided games of both sides and cycles since the last swap.

    A swap sets all of them to 0. A side's games are None if the entry does not count them.

    Args:
        entry: the decision; its own tickers are ignored.
        last_swap: the newest earlier entry of the family that swapped, if any.
        cycles_since_swap: number of entries of the family after that swap.
    """
    swaps = entry.decision == SWAP
    return msgspec.structs.replace(
        entry,
        production_games_since_swap=0 if swaps else _games_since(entry, last_swap, "Production"),
        b_games_since_swap=0 if swaps else _games_since(entry, last_swap, "B"),
        promotion_cycles_since_swap=0 if swaps else cycles_since_swap + 1,
    )


def _games_since(entry: LedgerEntry, last_swap: LedgerEntry | None, side: Alias) -> int | None:
    total = _total_games(entry)[side]
    if total is None or last_swap is None:
        return total
    version, at_swap = _versions(entry).get(side), _total_games(last_swap)
    if version is None:
        # The report of another program need not name versions; its counters belong to the slot.
        recorded = at_swap[side]
    else:
        # A record follows its version. A version that was trained after the swap started at 0.
        sides = {version: alias for alias, version in _versions(last_swap).items()}
        recorded = at_swap[sides[version]] if version in sides else 0
    # A smaller total means that its counter was reset.
    return total - (recorded or 0) if total >= (recorded or 0) else total


def _total_games(entry: LedgerEntry) -> dict[str, int | None]:
    return {"Production": entry.production_total_games, "B": entry.b_total_games}


def _versions(entry: LedgerEntry) -> dict[str, str]:
    """Return the versions that Production and B held before the decision."""
    return {
        slot.alias: slot.previous_version
        for slot in entry.alias_assignments
        if slot.alias in _total_games(entry) and slot.previous_version is not None
    }
