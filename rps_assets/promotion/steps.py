"""A decided promotion applied: intent, aliases, cache and API, ledger. All of it or nothing, also when it is killed.

The intent is written to the registry before the first alias moves and removed after the ledger has the entry; whoever
finds one finishes it. Deciding is `rps_core.promotion`, or a person (`rps_assets.promotion.manual`).
"""

from collections.abc import Callable, Mapping
from typing import TypeAlias

import msgspec

from rps_assets.serving.model_registry import ModelRegistry
from rps_core.game.families import Alias, Family
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.store.ledger import PromotionLedger

# Brings cache and API up to the registry, or raises.
Publish: TypeAlias = Callable[[], None]
Log: TypeAlias = Callable[[str], None]


class PendingPromotion(msgspec.Struct, frozen=True, kw_only=True):
    """An intent: the slots that move, before (None is an empty slot) and after, and the ledger entry for it."""

    before: dict[Alias, str | None]
    after: dict[Alias, str]
    entry: LedgerEntry


def apply_promotion(
    registry: ModelRegistry,
    ledger: PromotionLedger,
    changes: Mapping[Alias, str],
    entry: LedgerEntry,
    publish: Publish,
    log: Log,
) -> int:
    """Move aliases, let cache and API follow, and append the entry; return its id.

    A failure in between puts the aliases back, lets cache and API follow again, and is raised.
    """
    if not changes:
        return ledger.append(entry)
    family = entry.model_type
    held = registry.aliases(family)
    pending = PendingPromotion(before={alias: held.get(alias) for alias in changes}, after=dict(changes), entry=entry)
    registry.begin_promotion(family, msgspec.json.encode(pending).decode())
    try:
        registry.move_aliases(family, pending.after)
        publish()
        entry_id = ledger.append(entry)
    except Exception:
        _take_back(registry, pending, publish, log)
        raise
    registry.end_promotion(family)
    return entry_id


def _take_back(registry: ModelRegistry, pending: PendingPromotion, publish: Publish, log: Log) -> None:
    family = pending.entry.model_type
    registry.move_aliases(family, pending.before)
    registry.end_promotion(family)
    try:
        publish()
    except Exception as error:  # noqa: BLE001  # what failed first is raised; the sensor mends what is served
        log(f"{family}: the aliases are back, but cache and API could not follow: {error}")


def finish_pending(
    registry: ModelRegistry, ledger: PromotionLedger, family: Family, publish: Publish, log: Log
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
        publish()
        if not _is_recorded(ledger, pending.entry):
            ledger.append(pending.entry)
        log(f"{family}: finished a promotion that was interrupted: {pending.after}")
    registry.end_promotion(family)
    return None if foreign else pending


def _is_recorded(ledger: PromotionLedger, entry: LedgerEntry) -> bool:
    since = ledger.history(family=entry.model_type, since=entry.created_at, limit=100)
    return any(found.created_at == entry.created_at for found in since)
