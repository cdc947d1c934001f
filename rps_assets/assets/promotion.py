"""Assets promotion/performance and promotion/{brian,forrest,logan}: the evidence, and one decision per family.

`rps_core.promotion` decides and `rps_assets.promotion` applies. serving/model_cache and serving/served_models then
publish all moved aliases at once (decision 0005). The families are independent of each other.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg

from rps_assets.assets import keys
from rps_assets.assets.declaration import asset
from rps_assets.assets.failures import permanent
from rps_assets.metadata import links
from rps_assets.metadata.figures import readable
from rps_assets.metadata.plots import inline
from rps_assets.metadata.tables import table
from rps_assets.promotion.cycle import Cycle, EvidenceUnreadable, run_cycle, write_evidence
from rps_assets.promotion.win_rates import newest_first, win_rates_plot
from rps_assets.resources.typed import Evidence, Promotion, Registry, Services, Store
from rps_core.game.families import FAMILIES, Family
from rps_core.game.opponents import opponent_of
from rps_core.promotion.policy import PromotionPlan
from rps_core.promotion.records import VersionPerformance
from rps_core.promotion.rules import PromotionRules, rules_of
from rps_core.settings import ServiceSettings
from rps_core.store.analytics.versions import version_performance
from rps_core.store.ledger import PromotionLedger

SHOWN_ROWS = 60


class PromotionConfig(dg.Config):
    """Options of a promotion cycle.

    Attributes:
        dry_run: decide and show the decision, but move no alias and write no ledger entry.
    """

    dry_run: bool = False


@asset(
    keys.PERFORMANCE,
    deps=[keys.ROUNDS, *keys.MODELS.values()],
    kinds={"sql"},
    description="What each model version achieved in play, by kind of player: games won, lost and tied, and how often "
    "it predicted the move. This is the evidence for every promotion.",
)
def performance(gameplay_store: Store, promotion_evidence: Evidence) -> dg.MaterializeResult[None]:
    """Query the store and save the result as evidence."""
    with gameplay_store.connect() as connection:
        rows = version_performance(connection)
    write_evidence(promotion_evidence, rows)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(rows),
            "games": sum(row.games for row in rows),
            "predictions": sum(row.predictions for row in rows),
            "performance": _performance_table(rows),
            "win_rates": inline("win rates", win_rates_plot(rows)),
        }
    )


def build_promotion_asset(family: Family) -> dg.AssetsDefinition:
    """Return the promotion asset of one family."""
    opponent = opponent_of(family)

    @asset(
        keys.PROMOTIONS[family],
        deps=[keys.PERFORMANCE, keys.MODELS[family]],
        # The pool of the trainings: two writers of aliases would undo each other's moves.
        pool=keys.TRAINING_POOL,
        kinds={"mlflow", "sql"},
        code_version="2",
        tags={"family": family},
        description=f"Decides by the record of each version whether B takes Production's place for "
        f"{opponent.display_name}, and how the challengers rank. Moves the aliases in the registry and writes the "
        "ledger; the serving assets follow.",
    )
    def promotion(
        context: dg.AssetExecutionContext,
        config: PromotionConfig,
        promotion_settings: Promotion,
        service_settings: Services,
        gameplay_store: Store,
        promotion_evidence: Evidence,
        model_registry: Registry,
    ) -> dg.MaterializeResult[None]:
        ledger, rules = PromotionLedger(gameplay_store), rules_of(promotion_settings)
        with permanent(EvidenceUnreadable):
            cycle = run_cycle(
                family,
                model_registry,
                ledger,
                promotion_evidence,
                rules,
                context.log.warning,
                dry_run=config.dry_run,
            )
        context.log.info(f"{family}: {cycle.plan.decision}: {cycle.plan.reason}")
        metadata = promotion_metadata(cycle, rules, service_settings, dry_run=config.dry_run)
        return dg.MaterializeResult(metadata=metadata)

    return promotion


def build_promotion_assets() -> list[dg.AssetsDefinition]:
    """Return the promotion assets of all families."""
    return [build_promotion_asset(family) for family in FAMILIES]


def promotion_metadata(
    cycle: Cycle, rules: PromotionRules, services: ServiceSettings, *, dry_run: bool
) -> dict[str, Any]:
    """Return the metadata of a promotion cycle."""
    plan, entry = cycle
    return {
        "decision": plan.decision,
        "reason": plan.reason,
        "policy": rules.policy,
        "dry_run": dry_run,
        "applied": bool(plan.changes) and not dry_run,
        "z": readable(plan.test.z) if plan.test.z is not None else "not available",
        "p": readable(plan.test.p) if plan.test.p is not None else "not available",
        "production_games_since_swap": entry.production_games_since_swap or 0,
        "b_games_since_swap": entry.b_games_since_swap or 0,
        "promotion_cycles_since_swap": entry.promotion_cycles_since_swap or 0,
        "slots": _slots_table(plan),
        "history": links.api(services, f"/internal/promotion/history?model_type={plan.family}"),
        "next": links.asset(services, keys.MODEL_CACHE),
    }


def _slots_table(plan: PromotionPlan) -> dg.MetadataValue:
    rows = [
        (slot.alias, slot.version, slot.previous_version, "yes" if slot.changed else "no") for slot in plan.assignments
    ]
    return table(("slot", "version", "was", "moved"), rows)


def _performance_table(rows: Sequence[VersionPerformance]) -> dg.MetadataValue:
    header = ("family", "version", "players", "games", "won", "lost", "tied", "predictions", "correct")
    # The versions in the slots are among the newest; a page of old ones would hide them.
    return table(header, newest_first(rows)[:SHOWN_ROWS])
