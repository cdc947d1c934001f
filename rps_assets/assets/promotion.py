"""Assets promotion/performance and promotion/{brian,forrest,logan}: evidence, and one decision a family.

Deciding is `rps_core.promotion`, applying `rps_assets.promotion.steps`; the families are independent of each other.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import dagster as dg
import msgspec
from sqlalchemy import Engine

from rps_assets.assets import keys
from rps_assets.assets.serving import publish
from rps_assets.metadata import links
from rps_assets.metadata.figures import readable
from rps_assets.metadata.plots import inline, intervals_plot, rate_interval
from rps_assets.promotion.steps import apply_promotion, finish_pending
from rps_assets.serving.model_registry import ModelRegistry
from rps_core.api_client import ApiClient
from rps_core.cache import ModelCache
from rps_core.game.families import FAMILIES, Family
from rps_core.game.opponents import opponent_of
from rps_core.markdown import markdown_table
from rps_core.object_folder import ObjectFolder
from rps_core.promotion.cycle import SWAP, ledger_entry
from rps_core.promotion.ledger_entry import LedgerEntry
from rps_core.promotion.policy import PromotionPlan, plan_promotion
from rps_core.promotion.records import VersionPerformance, games_left_out, records_by_version
from rps_core.promotion.rules import rules_of
from rps_core.settings import Settings
from rps_core.store.analytics import version_performance
from rps_core.store.ledger import PromotionLedger

PERFORMANCE_FILE = "performance.json"
SOURCE = "dagster"
SHOWN_VERSIONS = 8


class PromotionConfig(dg.Config):
    """Options of a promotion cycle.

    Attributes:
        dry_run: decide and show, but move no alias and write no ledger entry.
    """

    dry_run: bool = False


@dg.asset(
    key=keys.PERFORMANCE,
    deps=[keys.ROUNDS, *keys.MODELS.values()],
    group_name="promotion",
    owners=keys.OWNERS,
    kinds={"sql"},
    code_version="1",
    description="What each model version achieved in play: games it won, lost and tied, and how often it predicted the "
    "move, by kind of player. The evidence of every promotion.",
)
def performance(
    gameplay_store: dg.ResourceParam[Engine], promotion_evidence: dg.ResourceParam[ObjectFolder]
) -> dg.MaterializeResult[None]:
    """Query the store and keep the answer as evidence."""
    with gameplay_store.connect() as connection:
        rows = version_performance(connection)
    promotion_evidence.write(PERFORMANCE_FILE, msgspec.json.format(msgspec.json.encode(rows)))
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

    @dg.asset(
        key=keys.PROMOTIONS[family],
        deps=[keys.PERFORMANCE, keys.MODELS[family]],
        # The pool of the training: two writers of aliases would undo each other.
        pool=keys.TRAINING_POOL,
        group_name="promotion",
        owners=keys.OWNERS,
        kinds={"mlflow", "sql"},
        code_version="2",
        tags={"family": family},
        description=f"Whether B takes Production's place at {opponent.display_name}, and how the challengers rank: "
        "decided by the record of each version, applied in the registry, written to the ledger.",
    )
    def promotion(
        context: dg.AssetExecutionContext,
        config: PromotionConfig,
        settings: dg.ResourceParam[Settings],
        gameplay_store: dg.ResourceParam[Engine],
        promotion_evidence: dg.ResourceParam[ObjectFolder],
        model_registry: dg.ResourceParam[ModelRegistry],
        model_cache: dg.ResourceParam[ModelCache],
        api: dg.ResourceParam[ApiClient],
    ) -> dg.MaterializeResult[None]:
        def follow() -> None:
            publish(model_registry, model_cache, api, context.log.info)

        ledger = PromotionLedger(gameplay_store)
        if not config.dry_run:
            finish_pending(model_registry, ledger, family, follow, context.log.warning)
        plan = _plan(family, model_registry, promotion_evidence, settings)
        entry = _entry(plan, ledger)
        if not config.dry_run:
            apply_promotion(model_registry, ledger, plan.changes, entry, follow, context.log.warning)
        context.log.info(f"{family}: {plan.decision}: {plan.reason}")
        return dg.MaterializeResult(metadata=promotion_metadata(plan, entry, settings, dry_run=config.dry_run))

    return promotion


def build_promotion_assets() -> list[dg.AssetsDefinition]:
    """Return the promotion assets of all families."""
    return [build_promotion_asset(family) for family in FAMILIES]


def _plan(family: Family, registry: ModelRegistry, evidence: ObjectFolder, settings: Settings) -> PromotionPlan:
    try:
        rows = msgspec.json.decode(evidence.read(PERFORMANCE_FILE, 100_000_000), type=list[VersionPerformance])
    except (FileNotFoundError, msgspec.DecodeError) as error:
        raise dg.Failure(
            f"{evidence}/{PERFORMANCE_FILE} cannot be read ({error}); materialise promotion/performance first",
            allow_retries=False,
        ) from error
    rules, assigned = rules_of(settings), registry.aliases(family)
    contestants = (assigned.get("Production"), assigned.get("B"))
    return plan_promotion(
        family,
        assigned,
        records_by_version(rows, family, rules.player_kinds),
        rules,
        games_left_out(rows, family, contestants, rules.player_kinds),
    )


def _entry(plan: PromotionPlan, ledger: PromotionLedger) -> LedgerEntry:
    swaps = ledger.history(limit=1, family=plan.family, decision=SWAP)
    return ledger_entry(
        plan, swaps[0] if swaps else None, ledger.cycles_since_swap(plan.family), datetime.now(UTC), SOURCE
    )


def promotion_metadata(plan: PromotionPlan, entry: LedgerEntry, settings: Settings, *, dry_run: bool) -> dict[str, Any]:
    """Return what a promotion cycle is shown with."""
    return {
        "decision": plan.decision,
        "reason": plan.reason,
        "policy": settings.promotion.promotion_policy,
        "dry_run": dry_run,
        "applied": bool(plan.changes) and not dry_run,
        "z": readable(plan.test.z) if plan.test.z is not None else "not available",
        "p": readable(plan.test.p) if plan.test.p is not None else "not available",
        "production_games_since_swap": entry.production_games_since_swap or 0,
        "b_games_since_swap": entry.b_games_since_swap or 0,
        "promotion_cycles_since_swap": entry.promotion_cycles_since_swap or 0,
        "slots": _slots_table(plan),
        "history": links.api(settings, f"/internal/promotion/history?model_type={plan.family}"),
        "next": links.asset(settings, keys.MODEL_CACHE),
    }


def _slots_table(plan: PromotionPlan) -> dg.MetadataValue:
    rows = [
        (slot.alias, slot.version, slot.previous_version, "yes" if slot.changed else "no") for slot in plan.assignments
    ]
    return dg.MetadataValue.md(markdown_table(("slot", "version", "was", "moved"), rows))


def win_rates_plot(rows: Sequence[VersionPerformance]) -> bytes:
    """Draw the share of decided games that the newest versions won, over all players, with 95 % intervals."""
    won: dict[tuple[Family, str], int] = {}
    decided: dict[tuple[Family, str], int] = {}
    for row in rows:
        one = (row.family, row.version)
        won[one] = won.get(one, 0) + row.wins
        decided[one] = decided.get(one, 0) + row.wins + row.losses
    newest = sorted((one for one in decided if decided[one]), key=lambda one: (one[0], -_number(one[1])))
    shown = [one for family in FAMILIES for one in [each for each in newest if each[0] == family][:SHOWN_VERSIONS]]
    intervals = [rate_interval(f"{one[0]} v{one[1]} ({decided[one]})", won[one], decided[one]) for one in shown]
    return intervals_plot(intervals, "Decided games won", "won by the bot", 0.5)


def _number(version: str) -> int:
    # Imported games may name any version.
    return int(version) if version.isdigit() else -1


def _performance_table(rows: Sequence[VersionPerformance]) -> dg.MetadataValue:
    header = ("family", "version", "players", "games", "won", "lost", "tied", "predictions", "correct")
    newest_first = sorted(rows, key=lambda row: (row.family, -_number(row.version), row.player_kind))
    # The newest versions are those in the slots; a page of old ones hides them.
    return dg.MetadataValue.md(markdown_table(header, newest_first[:60]))
