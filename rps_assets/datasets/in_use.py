"""Datasets that must not be pruned, because they trained a cached model."""

from collections.abc import Callable

from rps_core.cache import ModelCache
from rps_core.errors import RpsError


def fingerprints_in_use(cache: ModelCache, warn: Callable[[str], None]) -> set[str] | None:
    """Return the fingerprints of the datasets that trained the cached models; None if the cache cannot be read."""
    try:
        index = cache.read_index()
        entries = index.entries if index else ()
        return {cache.read_bundle(entry).manifest.dataset.fingerprint for entry in entries}
    except RpsError as error:
        warn(f"no dataset is pruned, because the cache does not say which datasets trained its models: {error}")
        return None
