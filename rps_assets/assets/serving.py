"""Assets serving/model_cache and serving/served_models: what the registry says is what is served."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import dagster as dg

from rps_assets.assets import keys
from rps_assets.assets.freshness import DAILY
from rps_assets.metadata import links
from rps_assets.serving.model_registry import ModelRegistry, RegisteredVersion
from rps_core.api_client import ApiClient, ApiError
from rps_core.cache import CacheEntry, ModelCache, SyncReport
from rps_core.errors import CacheError
from rps_core.game.families import SLOTS, Slot
from rps_core.served_set import models_by_slot, slot_differences
from rps_core.settings import Settings

VERIFY_ATTEMPTS = 10
VERIFY_PAUSE_SECONDS = 1.0


class SyncConfig(dg.Config):
    """Options of a synchronisation.

    Attributes:
        force: write also the runs that the cache holds with the promised bytes.
    """

    force: bool = False


@dg.asset(
    key=keys.MODEL_CACHE,
    deps=[*keys.MODELS.values(), *keys.PROMOTIONS.values()],
    # Promotions write the cache too; of two writers one would delete what the other has just uploaded.
    pool=keys.TRAINING_POOL,
    group_name="serving",
    owners=keys.OWNERS,
    kinds={"onnx", "s3"},
    code_version="1",
    description="Mirror of the registry's twelve aliased versions on a file system or bucket: the bundle of each run, "
    "its alias markers, and the index that the API reads, swapped last.",
)
def model_cache(
    context: dg.AssetExecutionContext,
    config: SyncConfig,
    settings: dg.ResourceParam[Settings],
    model_registry: dg.ResourceParam[ModelRegistry],
    model_cache: dg.ResourceParam[ModelCache],
) -> dg.MaterializeResult[None]:
    """Make the cache hold exactly the registry's aliased versions."""
    versions = model_registry.aliased_versions()
    entries, problems = servable_entries(versions)
    for problem in problems:
        context.log.warning(problem)
    try:
        report = model_cache.synchronise(
            entries, model_registry.download_model, datetime.now(UTC), context.log.info, force=config.force
        )
    except CacheError as error:
        raise dg.Failure(f"the model cache could not be synchronised: {error}") from error
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(entries),
            "slots": slots_table(entries),
            "empty_slots": dg.MetadataValue.md("\n".join(f"- {problem}" for problem in problems) or "none"),
            "uploaded_runs": len(report.uploaded),
            "deleted_runs": len(report.deleted),
            "markers_written": len(report.markers_written),
            "markers_deleted": len(report.markers_deleted),
            "index_changed": report.index_changed,
            "cache": str(model_cache),
            "next": links.asset(settings, keys.SERVED_MODELS),
        }
    )


def servable_entries(versions: Mapping[Slot, RegisteredVersion]) -> tuple[list[CacheEntry], list[str]]:
    """Return the cache entries of the filled slots, and a sentence for each slot that stays empty."""
    entries, problems = [], []
    for slot in SLOTS:
        version = versions.get(slot)
        entry = version.cache_entry(slot.alias) if version else None
        if version is None:
            problems.append(f"{slot}: the registry has no version at this alias")
        elif entry is None:
            problems.append(f"{slot}: version {version.version} was not registered by this product, it has no bundle")
        else:
            entries.append(entry)
    return entries, problems


@dg.asset(
    key=keys.SERVED_MODELS,
    deps=[keys.MODEL_CACHE],
    group_name="serving",
    owners=keys.OWNERS,
    kinds={"http"},
    code_version="1",
    freshness_policy=DAILY,
    description="What the running API plays with: asked to reload, then compared slot by slot with the registry.",
)
def served_models(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    model_registry: dg.ResourceParam[ModelRegistry],
    api: dg.ResourceParam[ApiClient],
) -> dg.MaterializeResult[None]:
    """Ask the API to reload and verify what it serves."""
    entries, _ = servable_entries(model_registry.aliased_versions())
    try:
        api.reload_models()
        differences = wait_until_served(entries, api, time.sleep)
    except ApiError as error:
        raise dg.Failure(f"the API could not take over the models: {error}") from error
    if differences:
        raise dg.Failure(
            f"the API serves something else in {len(differences)} slots: {'; '.join(differences)}",
            metadata={"differences": differences},
        )
    context.log.info(f"the API serves the registry's version in each of {len(entries)} slots")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": len(entries),
            "slots": slots_table(entries),
            "play": links.api(settings, "/"),
            "models": links.api(settings, "/models"),
        }
    )


def publish(registry: ModelRegistry, cache: ModelCache, api: ApiClient, log: Callable[[str], None]) -> SyncReport:
    """Make cache and API serve what the registry's aliases name, and verify it; return what the cache did.

    Raises:
        CacheError: the cache cannot be written.
        ApiError: the API does not answer, or still serves something else after some seconds.
    """
    entries, _ = servable_entries(registry.aliased_versions())
    report = cache.synchronise(entries, registry.download_model, datetime.now(UTC), log)
    api.reload_models()
    differences = wait_until_served(entries, api, time.sleep)
    if differences:
        raise ApiError(f"the API serves something else in {len(differences)} slots: {'; '.join(differences)}")
    return report


def wait_until_served(entries: list[CacheEntry], api: ApiClient, sleep: Callable[[float], None]) -> list[str]:
    """Return how the API differs from `entries` after it had some seconds to load them; nothing if it does not."""
    differences: list[str] = []
    for attempt in range(VERIFY_ATTEMPTS):
        if attempt:
            sleep(VERIFY_PAUSE_SECONDS)
        differences = slot_differences(models_by_slot(entries), api.served_models(), "the API")
        if not differences:
            break
    return differences


def slots_table(entries: list[CacheEntry]) -> dg.MetadataValue:
    """Return a table of slots with version, run and hash of the graph."""
    columns: Any = [dg.TableColumn(name) for name in ("slot", "version", "run", "model_sha256")]
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord(
                {"slot": str(e.slot), "version": e.version, "run": e.run_id, "model_sha256": e.model_sha256[:16]}
            )
            for e in sorted(entries)
        ],
        schema=dg.TableSchema(columns=columns),
    )
