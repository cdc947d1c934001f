"""One promotion cycle of a family: read the evidence of now, decide, apply."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec
from sqlalchemy import Engine

from rps_assets.promotion.steps import Log, apply_promotion, finish_pending
from rps_assets.serving.model_registry import ModelRegistry, RegisteredVersion
from rps_core.game.families import Alias, Family
from rps_core.object_folder import ObjectFolder
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.promotion.policy import PromotionPlan, plan_promotion
from rps_core.promotion.records import VersionPerformance
from rps_core.promotion.rules import PromotionRules
from rps_core.promotion.standing import SlotContent
from rps_core.promotion.tickers import ledger_entry, next_cycle
from rps_core.store.ledger import PromotionLedger
from rps_core.store.promotion_standing import read_standing

PERFORMANCE_FILE = "performance.json"
SOURCE = "dagster"


class Cycle(NamedTuple):
    """What a cycle decided, its ledger entry, and the slots before it."""

    plan: PromotionPlan
    entry: LedgerEntry
    slots: Mapping[Alias, SlotContent]


def write_evidence(folder: ObjectFolder, rows: Sequence[VersionPerformance]) -> None:
    """Store what each version achieved, for people and other programs."""
    folder.write(PERFORMANCE_FILE, msgspec.json.format(msgspec.json.encode(rows)))


def run_cycle(
    family: Family, registry: ModelRegistry, store: Engine, rules: PromotionRules, warn: Log, *, dry_run: bool
) -> Cycle:
    """Finish an interrupted promotion, then decide and apply the next one; a dry run only decides.

    Raises:
        Overtaken: another run has decided this cycle meanwhile; nothing was written.
    """
    ledger = PromotionLedger(store)
    if not dry_run:
        finish_pending(registry, ledger, family, warn)
    newest, cycles = ledger.newest_decision(family), ledger.cycles_since_swap(family)
    held = slot_contents(registry, family)
    now = datetime.now(UTC)
    standing = read_standing(store, family, held, newest, rules, now)
    plan = plan_promotion(family, standing, rules, now)
    entry = ledger_entry(plan, newest, cycles, next_cycle(newest), now, SOURCE)
    if not dry_run:
        apply_promotion(registry, ledger, plan.changes, entry)
    return Cycle(plan, entry, held)


def slot_contents(registry: ModelRegistry, family: Family) -> dict[Alias, SlotContent]:
    """Return the content of each filled slot of a family."""
    return {
        alias: slot_content(registry.version(family, version)) for alias, version in registry.aliases(family).items()
    }


def slot_content(version: RegisteredVersion) -> SlotContent:
    """Return version, configuration and dataset; a version of other origin is a configuration of its own."""
    tags = version.tags
    configuration = tags.get("hyperparameter_config_id") or f"version {version.version}"
    return SlotContent(version.version, configuration, tags.get("dataset_fingerprint", ""))
