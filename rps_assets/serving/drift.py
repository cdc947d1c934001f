"""Drift of what is served: where the cache and the API differ from the registry."""

from collections.abc import Iterable

from rps_assets.serving.model_registry import ModelRegistry
from rps_assets.serving.publication import servable_entries
from rps_core.api_client import ApiClient, ApiError
from rps_core.cache import CacheEntry, ModelCache
from rps_core.errors import CacheError
from rps_core.registry_server import RegistryFault
from rps_core.served_set import models_by_slot, slot_differences


def observe_drift(registry: ModelRegistry, cache: ModelCache, api: ApiClient) -> tuple[tuple[str, ...], str | None]:
    """Return how cache and API differ from the registry, and why registry or API cannot be asked (None if they can)."""
    try:
        entries, _ = servable_entries(registry.watch_aliased_versions())
    except RegistryFault as error:
        # MLflow starts last, and a restart takes it away for seconds.
        return (), str(error)
    drift = list(cache_differences(entries, cache))
    try:
        drift += slot_differences(models_by_slot(entries), api.served_models(), "the API")
    except ApiError as error:
        return tuple(drift), str(error)
    return tuple(drift), None


def cache_differences(entries: Iterable[CacheEntry], cache: ModelCache) -> list[str]:
    """Return one text for each slot whose entry in the cache index differs from the registry's."""
    try:
        index = cache.read_index()
    except CacheError as error:
        return [str(error)]
    wanted, held = set(entries), set(index.entries if index else ())
    return [f"cache {slot}" for slot in sorted({str(entry.slot) for entry in wanted ^ held})]
