"""A decided promotion applied: intent, aliases, ledger. All of it or nothing, also when it is killed in between.

The intent is written to the registry before the first alias moves and removed after the ledger has the entry; whoever
finds one finishes it. Deciding is `rps_core.promotion`.
"""

from collections.abc import Callable

import msgspec

from rps_assets.resources.model_registry import ModelRegistry
from rps_core.families import Alias, Family
from rps_core.promotion.policy import PromotionPlan
from rps_core.store.ledger import LedgerEntry, PromotionLedger


class PendingPromotion(msgspec.Struct, frozen=True, kw_only=True):
    """An intent: the slots that move, before and after, and the ledger entry that records it."""

    before: dict[Alias, str]
    after: dict[Alias, str]
    entry: LedgerEntry


def apply_promotion(registry: ModelRegistry, ledger: PromotionLedger, plan: PromotionPlan, entry: LedgerEntry) -> int:
    """Move the aliases of a plan and append its entry; return the entry's id.

    A failure in between puts the aliases back and is raised again.
    """
    if not plan.changes:
        return ledger.append(entry)
    held = registry.aliases(plan.family)
    pending = PendingPromotion(
        before={alias: held[alias] for alias in plan.changes}, after=dict(plan.changes), entry=entry
    )
    registry.begin_promotion(plan.family, msgspec.json.encode(pending).decode())
    try:
        registry.move_aliases(plan.family, plan.changes)
        entry_id = ledger.append(entry)
    except Exception:
        registry.move_aliases(plan.family, pending.before)
        registry.end_promotion(plan.family)
        raise
    registry.end_promotion(plan.family)
    return entry_id


def finish_pending(
    registry: ModelRegistry, ledger: PromotionLedger, family: Family, log: Callable[[str], None]
) -> PendingPromotion | None:
    """Finish the promotion of a family that was killed halfway; return it, or None where there was none."""
    text = registry.pending_promotion(family)
    if text is None:
        return None
    pending = msgspec.json.decode(text, type=PendingPromotion)
    held = registry.aliases(family)
    foreign = {
        alias for alias, version in pending.after.items() if held.get(alias) not in {version, pending.before[alias]}
    }
    if foreign:
        log(f"{family}: an unfinished promotion is dropped, because {', '.join(sorted(foreign))} moved on since")
    else:
        registry.move_aliases(family, pending.after)
        if not _is_recorded(ledger, pending.entry):
            ledger.append(pending.entry)
        log(f"{family}: finished a promotion that was interrupted: {pending.after}")
    registry.end_promotion(family)
    return None if foreign else pending


def _is_recorded(ledger: PromotionLedger, entry: LedgerEntry) -> bool:
    since = ledger.history(family=entry.model_type, since=entry.created_at, limit=100)
    return any(found.created_at == entry.created_at for found in since)
