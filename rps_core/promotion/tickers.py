"""The ledger entry of a promotion cycle, with its tickers. The caller stores it."""

from datetime import datetime

import msgspec

from rps_core.game.families import Alias
from rps_core.promotion.ledger_entry import SWAP, LedgerEntry
from rps_core.promotion.policy import PromotionPlan


def ledger_entry(
    plan: PromotionPlan, newest: LedgerEntry | None, cycles_since_swap: int, cycle: int, now: datetime, source: str
) -> LedgerEntry:
    """Return the entry that records a plan, with its tickers.

    Args:
        plan: the decision.
        newest: the newest earlier decision of the family, if any.
        cycles_since_swap: number of entries of the family after its last swap.
        cycle: number of this decision in its family.
        now: the current time.
        source: what decided.
    """
    counts = plan.counts
    entry = LedgerEntry(
        model_type=plan.family,
        decision=plan.decision,
        created_at=now,
        z_statistic=plan.test.z,
        p_value=plan.test.p,
        production_wins=counts.production_wins,
        production_total_games=counts.production_games,
        b_wins=counts.b_wins,
        b_total_games=counts.b_games,
        reorder_applied=plan.reorder_applied,
        alias_rankings=plan.rankings,
        alias_accuracies=plan.accuracies,
        alias_assignments=plan.assignments,
        reason=plan.reason,
        source=source,
        cycle=cycle,
        comparison=plan.judged,
        open_comparison=plan.open_comparison,
    )
    return with_family_tickers(entry, newest, cycles_since_swap)


def next_cycle(newest: LedgerEntry | None) -> int:
    """Return the number of the decision that follows the newest one of a family."""
    return 1 if newest is None or newest.cycle is None else newest.cycle + 1


def with_family_tickers(entry: LedgerEntry, newest: LedgerEntry | None, cycles_since_swap: int) -> LedgerEntry:
    """Return an entry of this product with its tickers, which count over generations and comparisons.

    Args:
        entry: the decision; its own tickers are ignored.
        newest: the newest earlier decision of the family, if any.
        cycles_since_swap: number of entries of the family after its last swap.
    """
    swaps = entry.decision == SWAP
    return msgspec.structs.replace(
        entry,
        production_games_since_swap=0 if swaps else _ticker(entry, newest, "Production"),
        b_games_since_swap=0 if swaps else _ticker(entry, newest, "B"),
        promotion_cycles_since_swap=0 if swaps else cycles_since_swap + 1,
    )


def _ticker(entry: LedgerEntry, newest: LedgerEntry | None, side: Alias) -> int:
    """Return the games of a side since the last swap: those at the newest decision, and those that came since."""
    total = _total_games(entry)[side] or 0
    if newest is None:
        return total
    tickers = {"Production": newest.production_games_since_swap, "B": newest.b_games_since_swap}
    if entry.comparison is None or newest.comparison is None:
        # The newest decision is one of an earlier release, which may have counted the same games.
        return max(tickers[side] or 0, total)
    continues = newest.decision != SWAP and entry.comparison.started_at == newest.comparison.started_at
    before = (_total_games(newest)[side] or 0) if continues else 0
    # When people take over from scripted players, fewer games count than before.
    return (tickers[side] or 0) + max(total - before, 0)


def with_tickers(entry: LedgerEntry, last_swap: LedgerEntry | None, cycles_since_swap: int) -> LedgerEntry:
    """Return the report of another program with its tickers: decided games and cycles since the last swap.

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
