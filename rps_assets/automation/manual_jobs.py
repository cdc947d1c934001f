"""Jobs that promote and roll back by hand: thin shells around `rps_assets.promotion`.

They wait for their turn in the training pool, so that the registry keeps its single writer.
"""

from collections import defaultdict
from datetime import UTC, datetime
from typing import Any, NamedTuple

import dagster as dg
from sqlalchemy import Engine

from rps_assets.assets import keys
from rps_assets.assets.failures import permanent
from rps_assets.assets.models import load_job
from rps_assets.assets.serving import publish
from rps_assets.promotion.manual import (
    AliasMove,
    manual_entry,
    parse_alias_move,
    plan_moves,
    plan_rollback,
    require_reason,
)
from rps_assets.promotion.steps import apply_promotion, finish_pending
from rps_assets.serving.model_registry import REPLACES_TAG, ModelRegistry
from rps_core.api_client import ApiClient
from rps_core.cache import ModelCache
from rps_core.game.families import Alias, Family, parse_alias, parse_family
from rps_core.promotion.records import records_by_version
from rps_core.settings import Settings
from rps_core.store.analytics import version_performance
from rps_core.store.ledger import PromotionLedger


class Promoter(NamedTuple):
    """What a promotion by hand reaches."""

    registry: ModelRegistry
    cache: ModelCache
    api: ApiClient
    store: Engine
    settings: Settings
    context: dg.OpExecutionContext

    def apply(self, family: Family, changes: dict[Alias, str], reason: str, *, dry_run: bool) -> None:
        """Move aliases with everything that follows them, and say so; a dry run only says what would move.

        Raises:
            RpsError: nothing moved; the message says why.
        """
        held, log = self.registry.aliases(family), self.context.log
        said = ", ".join(f"{alias}: {held.get(alias, 'empty')} -> {version}" for alias, version in changes.items())
        for version in changes.values():
            self.registry.require_servable(family, version)
        if dry_run or not changes:
            log.info(f"{family}: {f'would move {said}' if changes else 'the slots hold that already'}; nothing moved")
            return
        with self.store.connect() as connection:
            rows = version_performance(connection)
        records = records_by_version(rows, family, self.settings.promotion.promotion_player_kinds)
        entry = manual_entry(family, held, changes, records, reason, datetime.now(UTC))
        entry_id = apply_promotion(
            self.registry, PromotionLedger(self.store), changes, entry, self._follow, log.warning
        )
        log.info(f"{family}: moved {said}; ledger entry {entry_id}")
        metadata = {"decision": entry.decision, "reason": entry.reason or "", "moved": said, "source": entry.source}
        self.context.log_event(dg.AssetMaterialization(keys.PROMOTIONS[family], metadata=metadata))

    def finish_pending(self, family: Family) -> None:
        """Finish what was killed halfway before anything else is moved."""
        ledger = PromotionLedger(self.store)
        finish_pending(self.registry, ledger, family, self._follow, self.context.log.warning)

    def _follow(self) -> None:
        publish(self.registry, self.cache, self.api, self.context.log.info)


class PromoteConfig(dg.Config):
    """What to promote by hand.

    Attributes:
        slots: `family@alias` changes places with Production, `family@alias:other` with another slot;
            `family@alias=version` fills a slot with a version.
        reason: why; it stands in the ledger.
        dry_run: say what would move, and move nothing.
    """

    slots: list[str]
    reason: str
    dry_run: bool = False


class RollbackConfig(dg.Config):
    """What to take back by hand.

    Attributes:
        family: xgboost, feedforward_nn or multinomial_logistic.
        reason: why; it stands in the ledger.
        dry_run: say what would move, and move nothing.
    """

    family: str
    reason: str
    dry_run: bool = False


class PromoteConfigurationConfig(dg.Config):
    """Which configuration to put into which slot.

    Attributes:
        configuration: one of the 36, like xgb_c05; its family is that of the slot.
        alias: Production, B, shadow1 or shadow2.
        reason: why; it stands in the ledger.
        dry_run: say what would happen, and train and move nothing.
    """

    configuration: str
    alias: str
    reason: str
    dry_run: bool = False


@dg.op(pool=keys.TRAINING_POOL, description="Moves the aliases that a person names, with cache, API and ledger.")
def promote_slots(
    context: dg.OpExecutionContext,
    config: PromoteConfig,
    settings: dg.ResourceParam[Settings],
    gameplay_store: dg.ResourceParam[Engine],
    model_registry: dg.ResourceParam[ModelRegistry],
    model_cache: dg.ResourceParam[ModelCache],
    api: dg.ResourceParam[ApiClient],
) -> None:
    """Read everything first, so that a mistake in the last slot moves nothing; then move family by family."""
    promoter = Promoter(model_registry, model_cache, api, gameplay_store, settings, context)
    with permanent():
        reason, by_family = require_reason(config.reason), defaultdict[Family, list[AliasMove]](list)
        for move in map(parse_alias_move, config.slots):
            by_family[move.family].append(move)
        if not config.dry_run:
            for family in by_family:
                promoter.finish_pending(family)
        planned = {family: plan_moves(moves, model_registry.aliases(family)) for family, moves in by_family.items()}
        for family, changes in planned.items():
            for version in changes.values():
                model_registry.require_servable(family, version)
        for family, changes in planned.items():
            promoter.apply(family, changes, reason, dry_run=config.dry_run)


@dg.op(pool=keys.TRAINING_POOL, description="Puts the slots of a family back to what they held before its last change.")
def roll_back_family(
    context: dg.OpExecutionContext,
    config: RollbackConfig,
    settings: dg.ResourceParam[Settings],
    gameplay_store: dg.ResourceParam[Engine],
    model_registry: dg.ResourceParam[ModelRegistry],
    model_cache: dg.ResourceParam[ModelCache],
    api: dg.ResourceParam[ApiClient],
) -> None:
    """Take back the newest ledger entry, or the newest training."""
    promoter = Promoter(model_registry, model_cache, api, gameplay_store, settings, context)
    with permanent():
        reason, family = require_reason(config.reason), parse_family(config.family)
        if not config.dry_run:
            promoter.finish_pending(family)
        held = model_registry.aliases(family)
        tags = {alias: model_registry.version(family, version).tags for alias, version in held.items()}
        replaced = {alias: tag[REPLACES_TAG] for alias, tag in tags.items() if tag.get(REPLACES_TAG)}
        history = PromotionLedger(gameplay_store).history(family=family, limit=500)
        changes = plan_rollback(family, held, history, replaced)
        promoter.apply(family, changes, f"rollback: {reason}", dry_run=config.dry_run)


@dg.op(pool=keys.TRAINING_POOL, description="Trains a configuration on the newest dataset and puts it into a slot.")
def promote_trained_configuration(
    context: dg.OpExecutionContext,
    config: PromoteConfigurationConfig,
    settings: dg.ResourceParam[Settings],
    gameplay_store: dg.ResourceParam[Engine],
    datasets: dg.ResourceParam[Any],
    model_registry: dg.ResourceParam[ModelRegistry],
    model_cache: dg.ResourceParam[ModelCache],
    api: dg.ResourceParam[ApiClient],
) -> None:
    """Train, or take the equal version there is; then move the alias. The next trainings keep the configuration."""
    from rps_assets.training.model_runs import obtain_version
    from rps_assets.training.parameters import configuration

    promoter = Promoter(model_registry, model_cache, api, gameplay_store, settings, context)
    with permanent():
        reason, alias = require_reason(config.reason), parse_alias(config.alias)
        chosen = configuration(config.configuration)
        if config.dry_run:
            held = model_registry.aliases(chosen.family).get(alias, "empty")
            context.log.info(f"{chosen.family}@{alias}: would train {chosen.id} for version {held}; nothing moved")
            return
        promoter.finish_pending(chosen.family)
        job = load_job(context, settings, datasets, force=False)
        outcome = obtain_version(model_registry, job, alias, chosen, context.log.info)
        changes = plan_moves(
            [AliasMove(chosen.family, alias, outcome.version.version)], model_registry.aliases(chosen.family)
        )
        promoter.apply(chosen.family, changes, f"configuration {chosen.id}: {reason}", dry_run=False)


# What the launchpad begins with: a dry run, and the reason left for the person to write.
_PROMOTE_FIRST = {"slots": ["xgboost@B"], "reason": "", "dry_run": True}
_ROLL_BACK_FIRST = {"family": "xgboost", "reason": "", "dry_run": True}
_CONFIGURE_FIRST = {"configuration": "xgb_c05", "alias": "B", "reason": "", "dry_run": True}


@dg.job(
    config={"ops": {"promote_slots": {"config": _PROMOTE_FIRST}}},
    description="Promote by hand: let slots change places with Production, or fill them with named versions.",
)
def promote_by_hand() -> None:
    """Run the one op."""
    promote_slots()


@dg.job(
    config={"ops": {"roll_back_family": {"config": _ROLL_BACK_FIRST}}},
    description="Roll back by hand: put a family's slots to what they held before its last change.",
)
def roll_back_by_hand() -> None:
    """Run the one op."""
    roll_back_family()


@dg.job(
    config={"ops": {"promote_trained_configuration": {"config": _CONFIGURE_FIRST}}},
    description="Put a configuration into a slot: train it on the newest dataset, register it, move the alias.",
)
def promote_configuration() -> None:
    """Run the one op."""
    promote_trained_configuration()


MANUAL_JOBS = [promote_by_hand, roll_back_by_hand, promote_configuration]
