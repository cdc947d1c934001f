"""Deletion of old training runs and their versions in MLflow, except those that something still names."""

from collections.abc import Callable
from datetime import datetime, timedelta

import msgspec
from sqlalchemy import Engine, select

from rps_assets.promotion.steps import PendingPromotion
from rps_assets.serving.model_registry import ModelRegistry, OldRun
from rps_core.game.families import FAMILIES
from rps_core.registry_server import REPLACES_TAG
from rps_core.settings import RetentionSettings
from rps_core.store.ledger import PromotionLedger
from rps_core.store.schema import games


def delete_old_versions(
    registry: ModelRegistry, store: Engine, retention: RetentionSettings, now: datetime, log: Callable[[str], None]
) -> list[OldRun]:
    """Delete training runs with their versions and files; return them.

    A run stays while it is younger than the settings say, and while an alias, a game or the ledger names it or its
    version. The explanations of rounds do not need MLflow: the store keeps the manifest of each model that played.
    """
    if not retention.keep_versions_days:
        return []
    old = registry.old_training_runs(now - timedelta(days=retention.keep_versions_days))
    if not old:
        return []
    named = versions_named_by_registry(registry) | versions_named_by_store(store, retention, now)
    runs = runs_named_by_games(store)
    deleted = [run for run in old if run.run_id not in runs and named.isdisjoint(run.versions)]
    for run in deleted:
        registry.delete_training_run(run)
        log(f"deleted MLflow run {run.run_id} with {', '.join(f'{f} v{v}' for f, v in run.versions) or 'no version'}")
    return deleted


def versions_named_by_registry(registry: ModelRegistry) -> set[tuple[str, str]]:
    """Return the versions with an alias, those they replaced, and those of an unfinished promotion."""
    named = set[tuple[str, str]]()
    for slot, version in registry.aliased_versions().items():
        named |= {(slot.family, version.version), (slot.family, version.tags.get(REPLACES_TAG, ""))}
    for family in FAMILIES:
        text = registry.pending_promotion(family)
        if text is not None:
            pending = msgspec.json.decode(text, type=PendingPromotion)
            moved = [*pending.before.values(), *pending.after.values()]
            named |= {(family, version) for version in moved if version is not None}
    return named


def versions_named_by_store(store: Engine, retention: RetentionSettings, now: datetime) -> set[tuple[str, str]]:
    """Return the versions that games played with, and those that the ledger names."""
    days = retention.keep_listed_versions_days
    listed_since = now - timedelta(days=days) if days else None
    columns = (games.c.model_type, games.c.bot_model_version)
    with store.connect() as connection:
        # One walk along `ix_games_version`.
        played = {(family, version) for family, version in connection.execute(select(*columns).distinct())}
    return played | PromotionLedger(store).named_versions(listed_since)


def runs_named_by_games(store: Engine) -> set[str]:
    """Return the runs whose models played games."""
    with store.connect() as connection:
        return set(connection.execute(select(games.c.bot_model_run_id).distinct()).scalars()) - {None}
