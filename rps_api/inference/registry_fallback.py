"""The MLflow registry as a source of models while the cache has no index.

It is used only if MLFLOW_TRACKING_URI is set. MLflow is imported on first use: the API image does not contain it.
"""

import os
import tempfile
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rps_api.errors import NotConfigured
from rps_core.addresses import public_address
from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, Bundle, decode_bundle
from rps_core.cache import MODEL_FOLDER, CacheEntry, CacheIndex
from rps_core.errors import CacheError
from rps_core.features.contract import FeatureContract
from rps_core.game.families import ALIASES, FAMILIES, REGISTERED_NAMES, Alias, Family
from rps_core.settings import ServiceSettings

# A registry that is down must be noticed within seconds; MLflow waits for minutes by default.
_CLIENT_DEFAULTS = {
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
}


class Registry:
    """The aliased versions of one MLflow registry; a `ModelSource`."""

    def __init__(self, tracking_uri: str, environment: Mapping[str, str] | None = None) -> None:
        self._tracking_uri = tracking_uri
        self._environment = environment or {}
        self._cached_client: Any = None

    def read_index(self) -> CacheIndex:
        """Return the models that the registry's aliases name, as a cache index.

        Raises:
            NotConfigured: MLflow is not installed.
            CacheError: the registry does not answer.
        """
        found = [self._entry(family, alias, version) for family in FAMILIES for alias, version in self._held(family)]
        return CacheIndex(written_at=datetime.now(UTC), entries=tuple(entry for entry in found if entry is not None))

    def read_bundle(self, entry: CacheEntry, contract: FeatureContract) -> Bundle:
        """Download and check the bundle of one entry.

        Raises:
            CacheError: the registry does not answer, or the run has no model.
            BundleError: the bytes do not match the version's digests, or the contract differs.
        """
        with tempfile.TemporaryDirectory(prefix="rps-model-") as folder:
            path = self._ask(
                "fetch the model", lambda client: client.download_artifacts(entry.run_id, MODEL_FOLDER, folder)
            )
            try:
                manifest, graph = ((Path(path) / name).read_bytes() for name in (MANIFEST_FILE, MODEL_FILE))
            except OSError as error:
                raise CacheError(f"run {entry.run_id} has no readable model bundle: {error}") from error
        return decode_bundle(manifest, graph, contract)

    def _held(self, family: Family) -> list[tuple[Alias, str]]:
        registered = self._ask(
            "read the aliases", lambda client: client.search_registered_models(f"name='{REGISTERED_NAMES[family]}'")
        )
        aliases = registered[0].aliases if registered else {}
        return [(alias, str(aliases[alias])) for alias in ALIASES if alias in aliases]

    def _entry(self, family: Family, alias: Alias, version: str) -> CacheEntry | None:
        name = REGISTERED_NAMES[family]
        found = self._ask("read a version", lambda client: client.get_model_version(name, version))
        if not {"manifest_sha256", "model_sha256"} <= set(found.tags):
            return None
        return CacheEntry(
            family=family,
            alias=alias,
            registered_name=name,
            version=version,
            run_id=str(found.run_id),
            manifest_sha256=found.tags["manifest_sha256"],
            model_sha256=found.tags["model_sha256"],
        )

    def _ask(self, action: str, call: Callable[[Any], Any]) -> Any:
        client = self._client()
        try:
            return call(client)
        except Exception as error:
            # MLflow raises its own errors, those of its HTTP client and those of each artifact store.
            raise CacheError(
                f"cannot {action} in the registry {public_address(self._tracking_uri)}: {error}"
            ) from error

    def _client(self) -> Any:
        if self._cached_client is None:
            for name, value in _CLIENT_DEFAULTS.items():
                os.environ.setdefault(name, value)
            os.environ.update(self._environment)
            try:
                from mlflow import MlflowClient
            except ImportError as error:
                raise NotConfigured("MLflow is not installed; install rps-quest[assets]") from error
            self._cached_client = MlflowClient(tracking_uri=self._tracking_uri, registry_uri=self._tracking_uri)
        return self._cached_client


def configured_registry(services: ServiceSettings) -> Registry | None:
    """Return the registry of MLFLOW_TRACKING_URI, or None if the variable is not set."""
    if services.mlflow_tracking_uri_override is None:
        return None
    return Registry(services.mlflow_tracking_uri, services.mlflow_environment)
