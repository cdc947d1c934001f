"""Jobs that promote and roll back by hand: aliases and ledger first, then cache and API.

They wait in the training pool, so that the registry and the cache have a single writer.
"""

from collections.abc import Iterable, Iterator

import dagster as dg
from sqlalchemy import Engine

from rps_assets.assets import keys
from rps_assets.assets.failures import permanent
from rps_assets.assets.models import load_job, slot_metadata
from rps_assets.assets.serving import mirror, serve
from rps_assets.metadata.tables import notes
from rps_assets.promotion.by_hand import AppliedMove, ManualPromoter
from rps_assets.promotion.requests import read_configuration, read_rollback
from rps_assets.resources.typed import Api, Cache, Datasets, Promotion, Registry, Services, Store, Training
from rps_assets.serving.model_registry import ModelRegistry
from rps_core.game.families import Slot
from rps_core.settings import PromotionSettings


class PromoteConfig(dg.Config):
    """What to promote by hand.

    Attributes:
        slots: `family@alias` changes places with Production, `family@alias:other` with another slot;
            `family@alias=version` fills a slot with a version.
        reason: why; written to the ledger.
        dry_run: log what would move, and move nothing.
    """

    slots: list[str]
    reason: str
    dry_run: bool = False


class RollbackConfig(dg.Config):
    """What to roll back by hand.

    Attributes:
        family: xgboost, feedforward_nn or multinomial_logistic.
        reason: why; written to the ledger.
        dry_run: log what would move, and move nothing.
    """

    family: str
    reason: str
    dry_run: bool = False


class PromoteConfigurationConfig(dg.Config):
    """Which configuration to put into which slot.

    Attributes:
        configuration: id of a configuration, like xgb_c05; it belongs to the family of the slot.
        alias: Production, B, shadow1 or shadow2.
        reason: why; written to the ledger.
        dry_run: log what would happen, train nothing and move nothing.
    """

    configuration: str
    alias: str
    reason: str
    dry_run: bool = False


# No output, no publishing: Dagster skips the second op of the job after a dry run.
MOVED = dg.Out(dg.Nothing, is_required=False)


@dg.op(pool=keys.TRAINING_POOL, out=MOVED, description="Moves the aliases that a person names, and writes the ledger.")
def promote_slots(
    context: dg.OpExecutionContext,
    config: PromoteConfig,
    promotion_settings: Promotion,
    gameplay_store: Store,
    model_registry: Registry,
) -> Iterator[dg.Output[None]]:
    """Move the slots; a mistake in any of them moves none."""
    promoter = _promoter(context, model_registry, gameplay_store, promotion_settings, dry_run=config.dry_run)
    with permanent():
        applied = promoter.promote(config.slots, config.reason)
    yield from _report(context, applied, dry_run=config.dry_run)


@dg.op(
    pool=keys.TRAINING_POOL,
    out=MOVED,
    description="Puts the slots of a family back to what they held before its last change.",
)
def roll_back_family(
    context: dg.OpExecutionContext,
    config: RollbackConfig,
    promotion_settings: Promotion,
    gameplay_store: Store,
    model_registry: Registry,
) -> Iterator[dg.Output[None]]:
    """Undo the newest ledger entry, or the newest training."""
    promoter = _promoter(context, model_registry, gameplay_store, promotion_settings, dry_run=config.dry_run)
    with permanent():
        family, reason = read_rollback(config.family, config.reason)
        applied = promoter.roll_back(family, reason)
    yield from _report(context, applied, dry_run=config.dry_run)


@dg.op(
    pool=keys.TRAINING_POOL,
    out=MOVED,
    description="Trains a configuration on the newest dataset and puts it into a slot.",
)
def promote_trained_configuration(
    context: dg.OpExecutionContext,
    config: PromoteConfigurationConfig,
    training_settings: Training,
    service_settings: Services,
    promotion_settings: Promotion,
    gameplay_store: Store,
    datasets: Datasets,
    model_registry: Registry,
) -> Iterator[dg.Output[None]]:
    """Train, or reuse an equal version, then move the alias. Later trainings of the slot keep the configuration."""
    from rps_assets.training.model_runs import obtain_version

    promoter = _promoter(context, model_registry, gameplay_store, promotion_settings, dry_run=config.dry_run)
    with permanent():
        chosen, alias, reason = read_configuration(config.configuration, config.alias, config.reason)
        if config.dry_run:
            held = model_registry.aliases(chosen.family).get(alias, "empty")
            context.log.info(f"{chosen.family}@{alias}: would train {chosen.id} for version {held}; nothing moved")
            return
        promoter.finish_pending(chosen.family)
        job = load_job(context, training_settings, service_settings, datasets, force=False)
        outcome = obtain_version(model_registry, job, alias, chosen, context.log.info)
        slot, version = Slot(chosen.family, alias), outcome.version.version
        trained = slot_metadata(outcome, job.info, service_settings, model_registry.experiment_id)
        context.log_event(dg.AssetMaterialization(keys.MODELS[slot.family], metadata=trained, partition=alias))
        applied = promoter.fill(slot, version, f"configuration {chosen.id}: {reason}")
    yield from _report(context, applied, dry_run=False)


@dg.op(
    ins={"moved": dg.In(dg.Nothing)},
    pool=keys.TRAINING_POOL,
    description="Mirrors the registry into the cache, lets the API load it, and verifies what the API serves.",
)
def publish_models(
    context: dg.OpExecutionContext, service_settings: Services, model_registry: Registry, model_cache: Cache, api: Api
) -> None:
    """Do what serving/model_cache and serving/served_models do, and record both as materialised."""
    cached = mirror(model_registry, model_cache, service_settings, context.log, force=False)
    context.log_event(dg.AssetMaterialization(keys.MODEL_CACHE, metadata=cached))
    served = serve(model_registry, api, service_settings, context.log)
    context.log_event(dg.AssetMaterialization(keys.SERVED_MODELS, metadata=served))


def _promoter(
    context: dg.OpExecutionContext,
    registry: ModelRegistry,
    store: Engine,
    settings: PromotionSettings,
    *,
    dry_run: bool,
) -> ManualPromoter:
    return ManualPromoter(
        registry=registry,
        store=store,
        settings=settings,
        log=context.log.info,
        warn=context.log.warning,
        dry_run=dry_run,
    )


def _report(
    context: dg.OpExecutionContext, applied: Iterable[AppliedMove], *, dry_run: bool
) -> Iterator[dg.Output[None]]:
    for entry, moved in applied:
        metadata = {
            "decision": entry.decision,
            "reason": notes(entry.reason or ""),
            "moved": moved,
            "source": entry.source,
        }
        context.log_event(dg.AssetMaterialization(keys.PROMOTIONS[entry.model_type], metadata=metadata))
    if not dry_run:
        yield dg.Output(None)


# The launchpad starts with a dry run and an empty reason, which the person must fill in.
_PROMOTE_FIRST = {"slots": ["xgboost@B"], "reason": "", "dry_run": True}
_ROLL_BACK_FIRST = {"family": "xgboost", "reason": "", "dry_run": True}
_CONFIGURE_FIRST = {"configuration": "xgb_c05", "alias": "B", "reason": "", "dry_run": True}


@dg.job(
    config={"ops": {"promote_slots": {"config": _PROMOTE_FIRST}}},
    description="Promotes by hand: slots change places with Production or another slot, or get a named version. The "
    "cache and the API follow.",
)
def promote_by_hand() -> None:
    """Move, then publish."""
    publish_models(promote_slots())


@dg.job(
    config={"ops": {"roll_back_family": {"config": _ROLL_BACK_FIRST}}},
    description="Rolls back by hand: puts a family's slots back to what they held before its last change. The cache "
    "and the API follow.",
)
def roll_back_by_hand() -> None:
    """Move, then publish."""
    publish_models(roll_back_family())


@dg.job(
    config={"ops": {"promote_trained_configuration": {"config": _CONFIGURE_FIRST}}},
    description="Puts a configuration into a slot: trains it on the newest dataset, registers it and moves the alias. "
    "The cache and the API follow.",
)
def promote_configuration() -> None:
    """Train and move, then publish."""
    publish_models(promote_trained_configuration())


MANUAL_JOBS = [promote_by_hand, roll_back_by_hand, promote_configuration]
