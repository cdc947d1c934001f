"""Applying the promotions that a person asks for; `requests` reads them and `by_hand_plans` plans them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

from sqlalchemy import Engine

from rps_assets.promotion.by_hand_plans import HISTORY_LIMIT, AliasMove, manual_entry, plan_moves, plan_rollback
from rps_assets.promotion.cycle import slot_content, slot_contents
from rps_assets.promotion.requests import plan_promotion, read_promotion
from rps_assets.promotion.steps import Log, apply_promotion, finish_pending
from rps_assets.serving.model_registry import ModelRegistry
from rps_core.game.families import Alias, Family, Slot
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.promotion.rules import rules_of
from rps_core.registry_server import REPLACES_TAG
from rps_core.settings import PromotionSettings
from rps_core.store.ledger import PromotionLedger
from rps_core.store.promotion_standing import read_standing


class AppliedMove(NamedTuple):
    """Aliases of one family that moved: the ledger entry, and old and new version of each alias as text."""

    entry: LedgerEntry
    moved: str


@dataclass(frozen=True, kw_only=True)
class ManualPromoter:
    """Moves aliases and writes the ledger for a person; with `dry_run` it only logs what would move."""

    registry: ModelRegistry
    store: Engine
    settings: PromotionSettings
    log: Log
    warn: Log
    dry_run: bool

    def promote(self, slots: Sequence[str], reason: str) -> list[AppliedMove]:
        """Move the slots, family by family; everything is checked before the first alias moves.

        Args:
            slots: texts that `parse_alias_move` reads.
            reason: is written to the ledger.

        Raises:
            RpsError: the request cannot be carried out; the message says why.
        """
        wanted = read_promotion(slots, reason)
        for family in wanted.moves:
            self.finish_pending(family)
        held = {family: self.registry.aliases(family) for family in wanted.moves}
        planned = plan_promotion(wanted.moves, held, self.registry.tags_of)
        applied = [self._apply(family, changes, wanted.reason) for family, changes in planned.items()]
        return [move for move in applied if move]

    def roll_back(self, family: Family, reason: str) -> list[AppliedMove]:
        """Put the slots of a family back to what they held before its last promotion or training.

        Raises:
            RpsError: neither the ledger nor the versions say what to go back to.
        """
        self.finish_pending(family)
        held = self.registry.aliases(family)
        tags = {alias: self.registry.version(family, version).tags for alias, version in held.items()}
        replaced = {alias: tag[REPLACES_TAG] for alias, tag in tags.items() if tag.get(REPLACES_TAG)}
        history = PromotionLedger(self.store).history(family=family, limit=HISTORY_LIMIT)
        changes = plan_rollback(family, held, history, replaced)
        applied = self._apply(family, changes, f"rollback: {reason}")
        return [applied] if applied else []

    def fill(self, slot: Slot, version: str, reason: str) -> list[AppliedMove]:
        """Put a version into a slot.

        Raises:
            RpsError: the version cannot be served.
        """
        changes = plan_moves([AliasMove(slot.family, slot.alias, version)], self.registry.aliases(slot.family))
        applied = self._apply(slot.family, changes, reason)
        return [applied] if applied else []

    def finish_pending(self, family: Family) -> None:
        """Finish a promotion of the family that was killed halfway, so that the next one starts from a sound state."""
        if not self.dry_run:
            finish_pending(self.registry, PromotionLedger(self.store), family, self.warn)

    def _apply(self, family: Family, changes: dict[Alias, str], reason: str) -> AppliedMove | None:
        held = self.registry.aliases(family)
        moved = ", ".join(f"{alias}: {held.get(alias, 'empty')} -> {version}" for alias, version in changes.items())
        for version in changes.values():
            self.registry.require_servable(family, version)
        if not changes:
            self.log(f"{family}: the slots already hold these versions; nothing moved")
            return None
        if self.dry_run:
            self.log(f"{family}: would move {moved}; nothing moved")
            return None
        ledger, now, rules = PromotionLedger(self.store), datetime.now(UTC), rules_of(self.settings)
        before, newest = slot_contents(self.registry, family), ledger.newest_decision(family)
        standing = read_standing(self.store, family, before, newest, rules, now)
        moved_in = {alias: slot_content(self.registry.version(family, version)) for alias, version in changes.items()}
        cycles = ledger.cycles_since_swap(family)
        entry = manual_entry(family, standing, moved_in, newest, cycles, rules, reason, now)
        entry_id = apply_promotion(self.registry, ledger, changes, entry)
        self.log(f"{family}: moved {moved}; ledger entry {entry_id}")
        return AppliedMove(entry, moved)
