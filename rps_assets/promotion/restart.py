"""Start a family's comparison again, with a ledger entry that says why."""

from datetime import UTC, datetime

from sqlalchemy import Engine

from rps_assets.promotion.by_hand_plans import manual_entry
from rps_assets.promotion.cycle import slot_contents
from rps_assets.serving.model_registry import ModelRegistry
from rps_core.game.families import Family
from rps_core.promotion.rules import PromotionRules
from rps_core.promotion.standing import Standing
from rps_core.store.ledger import PromotionLedger


def restart_comparison(
    registry: ModelRegistry, store: Engine, family: Family, rules: PromotionRules, reason: str
) -> int:
    """Let the counts of a family start at zero now, and return the id of the ledger entry.

    A change of the configuration in Production or B does this by itself. This function is for changes that keep the
    names of the configurations, such as a new feature contract.
    """
    ledger = PromotionLedger(store)
    fresh = Standing(slot_contents(registry, family), None, is_new=True, counts={}, accuracies={})
    newest, cycles = ledger.newest_decision(family), ledger.cycles_since_swap(family)
    return ledger.append(manual_entry(family, fresh, {}, newest, cycles, rules, reason, datetime.now(UTC)))
