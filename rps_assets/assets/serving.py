"""Assets serving/model_cache and serving/served_models: the cache and the API follow the registry."""

from typing import Any

import dagster as dg
from dagster import DagsterLogManager

from rps_assets.assets import keys
from rps_assets.assets.declaration import asset
from rps_assets.assets.freshness import DAILY
from rps_assets.metadata import links
from rps_assets.resources.typed import Api, Cache, Registry, Services
from rps_assets.serving.model_registry import ModelRegistry
from rps_assets.serving.publication import ServingMismatch, mirror_registry, serve_registry
from rps_core.api_client import ApiClient, ApiError
from rps_core.cache import CacheEntry, ModelCache
from rps_core.errors import CacheError
from rps_core.settings import ServiceSettings


class SyncConfig(dg.Config):
    """Options of a synchronisation.

    Attributes:
        force: upload every aliased run again, also those whose files in the cache are correct.
    """

    force: bool = False


@asset(
    keys.MODEL_CACHE,
    deps=[*keys.MODELS.values(), *keys.PROMOTIONS.values()],
    # Promotions by hand publish too: of two writers, one would delete what the other has just uploaded.
    pool=keys.TRAINING_POOL,
    kinds={"onnx", "s3"},
    description="A mirror of the registry's twelve aliased versions on a file system or bucket. It holds the bundle of "
    "each run, its alias markers, and the index that the API reads. The index is swapped last.",
)
def model_cache(
    context: dg.AssetExecutionContext,
    config: SyncConfig,
    service_settings: Services,
    model_registry: Registry,
    model_cache: Cache,
) -> dg.MaterializeResult[None]:
    """Make the cache hold exactly the registry's aliased versions."""
    metadata = mirror(model_registry, model_cache, service_settings, context.log, force=config.force)
    return dg.MaterializeResult(metadata=metadata)


@asset(
    keys.SERVED_MODELS,
    deps=[keys.MODEL_CACHE],
    kinds={"http"},
    freshness_policy=DAILY,
    description="The versions that the running API serves. The API is asked to reload, then compared with the registry "
    "slot by slot.",
)
def served_models(
    context: dg.AssetExecutionContext, service_settings: Services, model_registry: Registry, api: Api
) -> dg.MaterializeResult[None]:
    """Make the API reload, and verify what it serves."""
    return dg.MaterializeResult(metadata=serve(model_registry, api, service_settings, context.log))


def mirror(
    registry: ModelRegistry, cache: ModelCache, services: ServiceSettings, log: DagsterLogManager, *, force: bool
) -> dict[str, Any]:
    """Mirror the registry into the cache and return the metadata of serving/model_cache.

    Raises:
        Failure: the cache could not be synchronised.
    """
    try:
        entries, empty_slots, report = mirror_registry(registry, cache, log.info, force=force)
    except CacheError as error:
        raise dg.Failure(f"the model cache could not be synchronised: {error}") from error
    for problem in empty_slots:
        log.warning(problem)
    return {
        "dagster/row_count": len(entries),
        "slots": slots_table(entries),
        "empty_slots": dg.MetadataValue.md("\n".join(f"- {problem}" for problem in empty_slots) or "none"),
        "uploaded_runs": len(report.uploaded),
        "deleted_runs": len(report.deleted),
        "markers_written": len(report.markers_written),
        "markers_deleted": len(report.markers_deleted),
        "index_changed": report.index_changed,
        "cache": str(cache),
        "next": links.asset(services, keys.SERVED_MODELS),
    }


def serve(registry: ModelRegistry, api: ApiClient, services: ServiceSettings, log: DagsterLogManager) -> dict[str, Any]:
    """Make the API serve the registry's versions and return the metadata of serving/served_models.

    Raises:
        Failure: the API does not answer, refuses, or serves other versions.
    """
    try:
        entries = serve_registry(registry, api)
    except ApiError as error:
        raise dg.Failure(f"the API could not load the models: {error}") from error
    except ServingMismatch as error:
        raise dg.Failure(str(error), metadata={"differences": error.differences}) from error
    log.info(f"the API serves the registry's version in each of {len(entries)} slots")
    return {
        "dagster/row_count": len(entries),
        "slots": slots_table(entries),
        "play": links.game(services),
        "models": links.observatory(services, "slots-title"),
    }


def slots_table(entries: list[CacheEntry]) -> dg.MetadataValue:
    """Return a table of slots with version, run and hash of the model."""
    columns: Any = [dg.TableColumn(name) for name in ("slot", "version", "run", "model_sha256")]
    return dg.MetadataValue.table(
        records=[
            dg.TableRecord(
                {
                    "slot": str(entry.slot),
                    "version": entry.version,
                    "run": entry.run_id,
                    "model_sha256": entry.model_sha256[:16],
                }
            )
            for entry in sorted(entries)
        ],
        schema=dg.TableSchema(columns=columns),
    )
