"""Publishing models: the cache mirrors the registry's aliases, then the API loads the cache."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from rps_assets.serving.model_registry import ModelRegistry, RegisteredVersion
from rps_core.api_client import ApiClient
from rps_core.cache import CacheEntry, ModelCache, SyncReport
from rps_core.errors import RpsError
from rps_core.game.families import SLOTS, Slot
from rps_core.served_set import models_by_slot, slot_differences

VERIFY_ATTEMPTS = 10
VERIFY_PAUSE_SECONDS = 1.0


class ServingMismatch(RpsError):
    """The API reloaded its models but serves other versions than the registry.

    Attributes:
        differences: one sentence per slot.
    """

    def __init__(self, differences: list[str]) -> None:
        super().__init__(f"the API serves other versions in {len(differences)} slots: {'; '.join(differences)}")
        self.differences = differences


class Mirrored(NamedTuple):
    """Result of mirroring the registry: the filled slots, a sentence per empty slot, and what the cache changed."""

    entries: list[CacheEntry]
    empty_slots: list[str]
    report: SyncReport


def mirror_registry(
    registry: ModelRegistry, cache: ModelCache, log: Callable[[str], None], *, force: bool = False
) -> Mirrored:
    """Make the cache hold exactly the versions that the registry's aliases name.

    Args:
        registry: holds the aliases and the models.
        cache: is brought up to date.
        log: receives one sentence per action.
        force: also upload runs whose files in the cache are already correct.

    Raises:
        CacheError: the cache cannot be written, or a downloaded model is not the registered one.
    """
    entries, empty_slots = servable_entries(registry.aliased_versions())
    report = cache.synchronise(entries, registry.download_model, datetime.now(UTC), log, force=force)
    return Mirrored(entries, empty_slots, report)


def serve_registry(registry: ModelRegistry, api: ApiClient) -> list[CacheEntry]:
    """Make the API reload the cache, check that it serves the registry's versions, and return them.

    Raises:
        ApiError: the API does not answer or refuses.
        ServingMismatch: the API still serves other versions after `VERIFY_ATTEMPTS` looks.
    """
    entries, _ = servable_entries(registry.aliased_versions())
    api.reload_models()
    differences = wait_until_served(entries, api, time.sleep)
    if differences:
        raise ServingMismatch(differences)
    return entries


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


def wait_until_served(entries: list[CacheEntry], api: ApiClient, sleep: Callable[[float], None]) -> list[str]:
    """Give the API some seconds to load `entries`; return how it still differs, an empty list if it does not."""
    differences: list[str] = []
    for attempt in range(VERIFY_ATTEMPTS):
        if attempt:
            sleep(VERIFY_PAUSE_SECONDS)
        differences = slot_differences(models_by_slot(entries), api.served_models(), "the API")
        if not differences:
            break
    return differences
