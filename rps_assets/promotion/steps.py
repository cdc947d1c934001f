"""Applying a promotion: intent, aliases, ledger. Either all of it happens or nothing, even if the process is killed.

The intent is written to the registry before the first alias moves, and removed after the ledger has the entry. The next
run that finds an intent finishes it. Cache and API follow afterwards (`rps_assets.serving.publication`, decision 0005).
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from rps_assets.serving.model_registry import ModelRegistry
from rps_core.game.families import Alias, Family
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.store.ledger import PromotionLedger

Log: TypeAlias = Callable[[str], None]


class PendingPromotion(msgspec.Struct, frozen=True, kw_only=True):
    """The stored intent: version of each moving slot before (None if empty) and after, and the ledger entry."""

    before: dict[Alias, str | None]
    after: dict[Alias, str]
    entry: LedgerEntry


def apply_promotion(
    registry: ModelRegistry, ledger: PromotionLedger, changes: Mapping[Alias, str], entry: LedgerEntry
) -> int:
    """Move aliases, append the entry to the ledger, and return its id.

    An error in between puts the aliases back and is raised. The ledger takes each cycle of a family once, so that a run
    that was paused and given up decides nothing after the run that followed it.

    Raises:
        Overtaken: another run has decided this cycle meanwhile.
    """
    if not changes:
        return ledger.append(entry)
    family, finished = entry.model_type, ledger.require_undecided(entry)
    if finished is not None:
        return finished
    held = registry.aliases(family)
    pending = PendingPromotion(before={alias: held.get(alias) for alias in changes}, after=dict(changes), entry=entry)
    text = msgspec.json.encode(pending).decode()
    registry.begin_promotion(family, text)
    # A following run finishes or drops an intent that it finds; then it is too late to move aliases.
    is_mine = registry.pending_promotion(family) == text
    try:
        if is_mine:
            registry.move_aliases(family, pending.after)
        entry_id = ledger.append(entry)
    except Exception:
        _undo(registry, family, pending, text)
        raise
    if is_mine:
        registry.end_promotion(family)
    return entry_id


def _undo(registry: ModelRegistry, family: Family, pending: PendingPromotion, text: str) -> None:
    """Put back the aliases that still hold what this run wrote, and remove its intent; leave those of other runs."""
    held = registry.aliases(family)
    mine = {alias: pending.before[alias] for alias, version in pending.after.items() if held.get(alias) == version}
    if mine:
        registry.move_aliases(family, mine)
    if registry.pending_promotion(family) == text:
        registry.end_promotion(family)


def finish_pending(
    registry: ModelRegistry, ledger: PromotionLedger, family: Family, log: Log
) -> PendingPromotion | None:
    """Finish a promotion of the family that was killed halfway; return it, or None if there was none to finish."""
    text = registry.pending_promotion(family)
    if text is None:
        return None
    pending = msgspec.json.decode(text, type=PendingPromotion)
    held = registry.aliases(family)
    moved_since = {
        alias for alias, version in pending.after.items() if held.get(alias) not in {version, pending.before[alias]}
    }
    if moved_since:
        aliases = ", ".join(sorted(moved_since))
        log(f"{family}: dropped an unfinished promotion, because something else has moved {aliases} since")
    else:
        registry.move_aliases(family, pending.after)
        if not _is_recorded(ledger, pending.entry):
            ledger.append(pending.entry)
        log(f"{family}: finished a promotion that was interrupted: {pending.after}")
    registry.end_promotion(family)
    return None if moved_since else pending


def _is_recorded(ledger: PromotionLedger, entry: LedgerEntry) -> bool:
    since = ledger.history(family=entry.model_type, since=entry.created_at, limit=100)
    return any(found.created_at == entry.created_at for found in since)
