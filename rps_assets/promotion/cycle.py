"""One promotion cycle of a family: read the evidence, decide, apply."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from rps_assets.promotion.steps import Log, apply_promotion, finish_pending
from rps_assets.serving.model_registry import ModelRegistry
from rps_core.errors import RpsError
from rps_core.game.families import Family
from rps_core.object_folder import ObjectFolder
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.promotion.policy import PromotionPlan, plan_promotion
from rps_core.promotion.records import VersionPerformance, excluded_games, records_by_version
from rps_core.promotion.rules import PromotionRules
from rps_core.promotion.tickers import ledger_entry
from rps_core.store.ledger import PromotionLedger

PERFORMANCE_FILE = "performance.json"
MAX_PERFORMANCE_BYTES = 100_000_000
SOURCE = "dagster"


class EvidenceUnreadable(RpsError):
    """The evidence of promotions is missing or damaged."""


class Cycle(NamedTuple):
    """What a cycle decided, and its ledger entry."""

    plan: PromotionPlan
    entry: LedgerEntry


def write_evidence(folder: ObjectFolder, rows: Sequence[VersionPerformance]) -> None:
    """Store what each version achieved, as the evidence of the next cycles."""
    folder.write(PERFORMANCE_FILE, msgspec.json.format(msgspec.json.encode(rows)))


def read_evidence(folder: ObjectFolder) -> list[VersionPerformance]:
    """Return what each version achieved.

    Raises:
        EvidenceUnreadable: the file is missing or damaged.
    """
    try:
        return msgspec.json.decode(folder.read(PERFORMANCE_FILE, MAX_PERFORMANCE_BYTES), type=list[VersionPerformance])
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise EvidenceUnreadable(
            f"{folder}/{PERFORMANCE_FILE} cannot be read ({error}); materialise promotion/performance first"
        ) from error


def run_cycle(
    family: Family,
    registry: ModelRegistry,
    ledger: PromotionLedger,
    evidence: ObjectFolder,
    rules: PromotionRules,
    warn: Log,
    *,
    dry_run: bool,
) -> Cycle:
    """Finish an interrupted promotion, then decide and apply the next one; a dry run only decides.

    Raises:
        EvidenceUnreadable: promotion/performance was never materialised, or its file is damaged.
    """
    if not dry_run:
        finish_pending(registry, ledger, family, warn)
    plan = plan_from_evidence(family, registry, read_evidence(evidence), rules)
    last_swap, cycles = ledger.last_swap(family), ledger.cycles_since_swap(family)
    entry = ledger_entry(plan, last_swap, cycles, datetime.now(UTC), SOURCE)
    if not dry_run:
        apply_promotion(registry, ledger, plan.changes, entry)
    return Cycle(plan, entry)


def plan_from_evidence(
    family: Family, registry: ModelRegistry, rows: Sequence[VersionPerformance], rules: PromotionRules
) -> PromotionPlan:
    """Return the decision for the versions that the registry's aliases hold now."""
    held = registry.aliases(family)
    contestants = (held.get("Production"), held.get("B"))
    return plan_promotion(
        family,
        held,
        records_by_version(rows, family, rules.player_kinds),
        rules,
        excluded_games(rows, family, contestants, rules.player_kinds),
    )
