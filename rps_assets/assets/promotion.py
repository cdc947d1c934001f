"""Assets promotion/performance and promotion/{brian,forrest,logan}: the evidence, and one decision per family.

`rps_core.promotion` decides and `rps_assets.promotion` applies. serving/model_cache and serving/served_models then
publish all moved aliases at once (decision 0005). The families are independent of each other.
"""

from collections.abc import Sequence
from typing import Any

import dagster as dg
from sqlalchemy import Engine

from rps_assets.assets import keys
from rps_assets.assets.declaration import asset
from rps_assets.assets.failures import permanent
from rps_assets.metadata import links
from rps_assets.metadata.figures import decimals, readable
from rps_assets.metadata.plots import inline
from rps_assets.metadata.tables import notes, table
from rps_assets.promotion.cycle import Cycle, run_cycle, write_evidence
from rps_assets.promotion.evidence_curve import evidence_curve
from rps_assets.promotion.win_rates import newest_first, win_rates_plot
from rps_assets.resources.typed import Evidence, Promotion, Registry, Services, Store
from rps_core.game.families import FAMILIES, Family
from rps_core.game.opponents import opponent_of
from rps_core.promotion.forecast import COURSE_ENTRIES, course_of, forecast, pairs_a_day
from rps_core.promotion.ledger_entry import SWAP, LedgerEntry
from rps_core.promotion.reasons import forecast_sentence, race_sentence
from rps_core.promotion.records import VersionPerformance
from rps_core.promotion.rules import PromotionRules, rules_of
from rps_core.settings import ServiceSettings
from rps_core.store.analytics.comparisons import JudgedGames, judged_games
from rps_core.store.analytics.losses import PredictionLoss, mean_losses, newest_losses
from rps_core.store.analytics.versions import version_performance
from rps_core.store.ledger import Overtaken, PromotionLedger

SHOWN_ROWS = 60
# Versions whose games a swap lists: 25 trainings of both sides.
LISTED_VERSIONS = 50


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
    "it predicted the move. Promotions add this up over the versions of a configuration.",
)
def performance(gameplay_store: Store, promotion_evidence: Evidence) -> dg.MaterializeResult[None]:
    """Query the store and save the result as evidence."""
    with gameplay_store.connect() as connection:
        rows, losses = version_performance(connection), newest_losses(connection)
    write_evidence(promotion_evidence, rows)
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(rows),
            "games": sum(row.games for row in rows),
            "predictions": sum(row.predictions for row in rows),
            "performance": _performance_table(rows, losses),
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
        code_version="3",
        tags={"family": family},
        description=f"Decides by pairs of games whether B's configuration takes Production's place for "
        f"{opponent.display_name}, and how the challengers rank. Reads the evidence now; it adds up over retrainings. "
        "Moves the aliases in the registry and writes the ledger; the serving assets follow.",
    )
    def promotion(
        context: dg.AssetExecutionContext,
        config: PromotionConfig,
        promotion_settings: Promotion,
        service_settings: Services,
        gameplay_store: Store,
        model_registry: Registry,
    ) -> dg.MaterializeResult[None]:
        rules = rules_of(promotion_settings)
        with permanent(Overtaken):
            cycle = run_cycle(
                family, model_registry, gameplay_store, rules, context.log.warning, dry_run=config.dry_run
            )
        context.log.info(f"{family}: {cycle.plan.decision}: {cycle.plan.reason}")
        if cycle.plan.decision == SWAP and not config.dry_run:
            context.log_event(swap_event(cycle))
        history = _history(PromotionLedger(gameplay_store), cycle.entry)
        metadata = promotion_metadata(cycle, history, rules, service_settings, dry_run=config.dry_run)
        metadata |= _games_of_swap(cycle, gameplay_store, service_settings)
        return dg.MaterializeResult(metadata=metadata)

    return promotion


def build_promotion_assets() -> list[dg.AssetsDefinition]:
    """Return the promotion assets of all families."""
    return [build_promotion_asset(family) for family in FAMILIES]


def swap_event(cycle: Cycle) -> dg.AssetObservation:
    """Return the event that Dagster shows for a swap, with the slots before and after."""
    moved = [slot for slot in cycle.plan.assignments if slot.changed]
    judged = cycle.plan.judged
    return dg.AssetObservation(
        keys.PROMOTIONS[cycle.plan.family],
        description=f"{judged.b if judged else 'B'} took Production's place",
        metadata={
            "before": ", ".join(f"{slot.alias} v{slot.previous_version}" for slot in moved),
            "after": ", ".join(f"{slot.alias} v{slot.version}" for slot in moved),
            "reason": notes(cycle.plan.reason),
        },
    )


def promotion_metadata(
    cycle: Cycle, history: Sequence[LedgerEntry], rules: PromotionRules, services: ServiceSettings, *, dry_run: bool
) -> dict[str, Any]:
    """Return the metadata of a promotion cycle."""
    plan, entry = cycle.plan, cycle.entry
    return {
        "decision": plan.decision,
        "reason": notes(plan.reason),
        "cycle": entry.cycle or 0,
        "policy": rules.policy,
        "dry_run": dry_run,
        "applied": bool(plan.changes) and not dry_run,
        **_comparison_metadata(cycle, history),
        "z": readable(plan.test.z) if plan.test.z is not None else "not available",
        "p": readable(plan.test.p) if plan.test.p is not None else "not available",
        "production_games_since_swap": entry.production_games_since_swap or 0,
        "b_games_since_swap": entry.b_games_since_swap or 0,
        "promotion_cycles_since_swap": entry.promotion_cycles_since_swap or 0,
        "slots": _slots_table(cycle),
        "history": links.observatory(services, "ledger-title"),
        "next": links.asset(services, keys.MODEL_CACHE),
    }


def _history(ledger: PromotionLedger, entry: LedgerEntry) -> list[LedgerEntry]:
    if entry.comparison is None:
        return []
    since = entry.comparison.started_at
    return ledger.history(family=entry.model_type, since=since, limit=COURSE_ENTRIES)


def _comparison_metadata(cycle: Cycle, history: Sequence[LedgerEntry]) -> dict[str, Any]:
    judged, progress, counts = cycle.plan.judged, cycle.plan.progress, cycle.plan.counts
    if judged is None:
        return {}
    course = course_of(history, judged, cycle.entry.created_at)
    expected = forecast(progress, pairs_a_day(course, judged.started_at), cycle.entry.created_at)
    return {
        "comparison": race_sentence(judged.production, judged.b, progress),
        "compared_since": dg.MetadataValue.timestamp(judged.started_at),
        "counted_players": judged.players,
        "games": f"{counts.production_games} of Production and {counts.b_games} of B",
        "generations": judged.generations,
        "pairs": judged.pairs,
        "pairs_only_b_won": judged.b_pairs,
        "pairs_only_production_won": judged.production_pairs,
        "still_needed": forecast_sentence(progress, expected) or "this policy has no forecast",
        "evidence": inline("evidence", evidence_curve(course, judged, progress.policy))
        if judged.pairs
        else "no pair of games yet",
    }


def _games_of_swap(cycle: Cycle, store: Engine, services: ServiceSettings) -> dict[str, Any]:
    """Return the games that a swap rests on, by version; empty for other decisions."""
    if cycle.plan.decision != SWAP or cycle.plan.judged is None:
        return {}
    with store.connect() as connection:
        found = judged_games(connection, cycle.plan.family, cycle.plan.judged, cycle.entry.created_at)
    return {
        "judged_games": sum(one.games for one in found),
        "games_by_version": games_table(found[:LISTED_VERSIONS], services),
    }


def games_table(found: Sequence[JudgedGames], services: ServiceSettings) -> dg.MetadataValue:
    """Return the versions that a swap judged, with their first and last game as links to the API."""

    def link(game: str) -> str:
        return f"[{game}]({services.api_link_url}/games/{game})"

    rows = [
        (
            one.side,
            one.version,
            one.configuration,
            one.dataset[:12],
            one.games,
            link(one.first_game),
            link(one.last_game),
        )
        for one in found
    ]
    return table(("side", "version", "configuration", "dataset", "games", "first game", "last game"), rows)


def _slots_table(cycle: Cycle) -> dg.MetadataValue:
    held = {content.version: content for content in cycle.slots.values()}
    rows = []
    for slot in cycle.plan.assignments:
        content = held[str(slot.version)]
        moved = "yes" if slot.changed else "no"
        rows.append(
            (slot.alias, content.version, content.configuration, content.generation[:12], slot.previous_version, moved)
        )
    return table(("slot", "version", "configuration", "dataset", "was", "moved"), rows)


def _performance_table(rows: Sequence[VersionPerformance], losses: Sequence[PredictionLoss]) -> dg.MetadataValue:
    header = ("family", "version", "players", "games", "won", "lost", "tied", "predictions", "correct")
    means = mean_losses(losses, lambda one: (one.predictor.model_type, one.predictor.model_version, one.player_kind))
    # The versions in the slots are among the newest; a page of old ones would hide them.
    shown = [(*row, decimals(means.get(row[:3]))) for row in newest_first(rows)[:SHOWN_ROWS]]
    return table((*header, "log loss, newest games"), shown)
