"""The MLflow registry as a source of models while the cache has no index.

It is used only if MLFLOW_TRACKING_URI is set. The server is read over HTTP: importing MLflow would take 130 MB for
good, and the API image does not contain it.
"""

from datetime import UTC, datetime

from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, Bundle
from rps_core.bundle.codec import MAX_MANIFEST_BYTES, MAX_MODEL_BYTES
from rps_core.cache import MODEL_FOLDER, CacheEntry, CacheIndex, decode_entry
from rps_core.errors import CacheError
from rps_core.game.families import REGISTERED_NAMES, ModelIdentity, Slot
from rps_core.registry_server import AliasedVersion, NotAServer, RegistryServer
from rps_core.settings import ServiceSettings

# A registry that is down must be noticed within seconds.
TIMEOUT_SECONDS = 10.0
_FILES = {
    f"{MODEL_FOLDER}/{MANIFEST_FILE}": MAX_MANIFEST_BYTES,
    f"{MODEL_FOLDER}/{MODEL_FILE}": MAX_MODEL_BYTES,
}


class Registry:
    """The aliased versions of one MLflow server; a `ModelSource`."""

    def __init__(self, server: RegistryServer) -> None:
        self._server = server

    def read_index(self) -> CacheIndex:
        """Return the models that the registry's aliases name, as a cache index.

        Raises:
            CacheError: the registry is not a server.
            RegistryFault: the server does not answer as expected.
        """
        try:
            found = [_entry(version) for version in self._server.aliased_versions()]
        except NotAServer as error:
            raise CacheError(
                f"the model cache has no index yet, and {error}, from which models could be loaded; run `rps sync` to "
                "fill the cache"
            ) from error
        return CacheIndex(written_at=datetime.now(UTC), entries=tuple(entry for entry in found if entry is not None))

    def identities(self) -> dict[Slot, ModelIdentity]:
        """Return the model that each alias names.

        Raises:
            RegistryFault: the registry is not a server, or does not answer as expected.
        """
        return {found.slot: ModelIdentity(found.version, found.run_id) for found in self._server.aliased_versions()}

    def read_bundle(self, entry: CacheEntry) -> Bundle:
        """Download and check the bundle of one entry.

        Raises:
            RegistryFault: the server does not answer, or the run has no model.
            BundleError: the bytes do not match the version's digests, or the contract is unknown.
        """
        manifest, graph = self._server.read_files(entry.run_id, _FILES)
        return decode_entry(entry, manifest, graph)


def _entry(found: AliasedVersion) -> CacheEntry | None:
    if not {"manifest_sha256", "model_sha256"} <= set(found.tags):
        return None
    return CacheEntry(
        family=found.slot.family,
        alias=found.slot.alias,
        registered_name=REGISTERED_NAMES[found.slot.family],
        version=found.version,
        run_id=found.run_id,
        manifest_sha256=found.tags["manifest_sha256"],
        model_sha256=found.tags["model_sha256"],
    )


def configured_registry(services: ServiceSettings) -> Registry | None:
    """Return the registry of MLFLOW_TRACKING_URI, or None if the variable is not set."""
    if services.mlflow_tracking_uri_override is None:
        return None
    server = RegistryServer(services.mlflow_tracking_uri, services.mlflow_credentials, timeout_seconds=TIMEOUT_SECONDS)
    return Registry(server)
