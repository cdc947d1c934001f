"""Checks of promotions: the ledger compared with the registry."""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from rps_assets.assets import keys
from rps_assets.checks.results import check_result
from rps_assets.promotion.by_hand_plans import HISTORY_LIMIT
from rps_assets.resources.typed import Registry, Store
from rps_core.game.families import FAMILIES, Family, version_number
from rps_core.game.opponents import opponent_of
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.registry_server import REPLACES_TAG
from rps_core.store.ledger import PromotionLedger


def build_promotion_checks(family: Family) -> list[dg.AssetChecksDefinition]:
    """Return the checks of one family's promotion asset."""
    name = opponent_of(family).policy

    @dg.asset_check(
        asset=keys.PROMOTIONS[family],
        name=f"{name}_ledger_agrees_with_the_registry",
        description="Each slot holds the version of the ledger's last move, or one from a later training. No promotion "
        "is unfinished.",
    )
    def ledger_agrees_with_the_registry(gameplay_store: Store, model_registry: Registry) -> dg.AssetCheckResult:
        held = {str(alias): version for alias, version in model_registry.aliases(family).items()}
        history = PromotionLedger(gameplay_store).history(family=family, limit=HISTORY_LIMIT)
        replaced = {
            version: model_registry.version(family, version).tags.get(REPLACES_TAG) for version in held.values()
        }
        expected = {**expected_versions(history, held, replaced), "unfinished": None}
        found = {**held, "unfinished": model_registry.pending_promotion(family)}
        differing = [name for name in expected if expected[name] != found[name]]
        return check_result(
            expected == found,
            sentence="Each slot holds the version of the ledger or of a later training, and no promotion is unfinished."
            if not differing
            else f"The registry differs from the ledger in {', '.join(differing)}.",
            expected=expected,
            found=found,
            severity=dg.AssetCheckSeverity.WARN,
        )

    return [ledger_agrees_with_the_registry]


def expected_versions(
    history: Sequence[LedgerEntry], held: Mapping[str, str], replaced: Mapping[str, str | None]
) -> dict[str, Any]:
    """Return the version that each filled slot should hold.

    Args:
        history: ledger entries of the family, newest first.
        held: version in each filled slot.
        replaced: for each version in a slot, the version that its training replaced.
    """
    expected: dict[str, Any] = {}
    for alias, version in held.items():
        written = next(
            (
                slot.version
                for entry in history
                for slot in entry.alias_assignments
                if slot.alias == alias and slot.changed
            ),
            None,
        )
        # A slot that the ledger never moved, or that was trained since, holds the version of its training. Version
        # numbers grow, so only somebody else can have put a version there that is older than the ledger's.
        trained_since = (
            written is not None
            and replaced.get(version) is not None
            and version_number(version) > version_number(written) >= 0
        )
        expected[alias] = version if written is None or trained_since else written
    return expected


PROMOTION_CHECKS = [check for family in FAMILIES for check in build_promotion_checks(family)]
