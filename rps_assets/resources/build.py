"""The resources of the code location. Tests and tools replace any of them by key with a plain object.

Each resource is a plain object made from the settings, and the settings come from the environment. Dagster's UI shows
the values of its own configuration, which would include secrets.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import URL, Engine

from rps_assets.serving.model_registry import ModelRegistry
from rps_core.api_client import ApiClient
from rps_core.cache import ModelCache
from rps_core.object_folder import ObjectFolder
from rps_core.settings import HttpSettings, RetentionSettings, ServiceSettings, Settings, StorageSettings
from rps_core.store import open_engine, upgrade_store

if TYPE_CHECKING:
    from rps_assets.datasets.dataset_folder import DatasetFolder

_migrated: set[URL] = set()


def build_resources(settings: Settings) -> dict[str, Any]:
    """Return every resource of the code location by key."""
    storage, services, http = settings.storage, settings.services, settings.http
    return {
        "service_settings": services,
        "training_settings": settings.training,
        "promotion_settings": settings.promotion,
        "operations_settings": settings.operations,
        "retention_settings": settings.retention,
        "all_settings": settings,
        "gameplay_store": dg.ResourceDefinition(
            lambda _: opened_store(storage), description="The gameplay database, migrated to the newest schema."
        ),
        "watched_store": dg.ResourceDefinition(
            lambda _: opened_engine(storage),
            description="The same for sensors, opened without connecting: a tick can skip while it does not answer.",
        ),
        "datasets": _opened(lambda: dataset_folder(storage, settings.retention), "The folder of training datasets."),
        "model_registry": _opened(
            lambda: ModelRegistry(services.mlflow_tracking_uri, credentials=services.mlflow_credentials),
            "MLflow: runs and aliases.",
        ),
        "model_cache": _opened(
            lambda: ModelCache.of(storage),
            "The model cache, which the API reads.",
        ),
        "promotion_evidence": _opened(
            lambda: data_folder(storage, "promotion"), "The folder of the evidence for promotions."
        ),
        "api": _opened(lambda: api_client(services, http), "The HTTP API."),
    }


@contextmanager
def opened_store(storage: StorageSettings) -> Iterator[Engine]:
    """Open an engine on the gameplay database for one step, and migrate the database if need be."""
    with opened_engine(storage) as engine:
        migrate_once(engine)
        yield engine


@contextmanager
def opened_engine(storage: StorageSettings) -> Iterator[Engine]:
    """Open an engine on the gameplay database for one step or tick, without connecting to it."""
    engine = open_engine(storage.database_url, **storage.engine_options)
    try:
        yield engine
    finally:
        engine.dispose()


def migrate_once(engine: Engine) -> None:
    """Upgrade a database unless this process has already done so.

    Raises:
        StoreError: the database cannot be used.
    """
    if engine.url not in _migrated:
        upgrade_store(engine)
        _migrated.add(engine.url)


def dataset_folder(storage: StorageSettings, retention: RetentionSettings) -> "DatasetFolder":
    """Open the folder of training datasets."""
    # Imported here, because the code location must load without Polars.
    from rps_assets.datasets.dataset_folder import DatasetFolder

    return DatasetFolder(data_folder(storage, "datasets"), retention.keep_datasets)


def data_folder(storage: StorageSettings, name: str) -> ObjectFolder:
    """Open a folder in the data folder, which runs on all machines share."""
    return ObjectFolder.open(f"{storage.data_url}/{name}", storage.data_storage_options)


def api_client(services: ServiceSettings, http: HttpSettings) -> ApiClient:
    """Return a client of the API with the operators' token, if one is configured."""
    return ApiClient(services.api_base_url, http.api_token.get_secret_value() if http.api_token else None)


def _opened(open_it: Callable[[], Any], description: str) -> dg.ResourceDefinition:
    return dg.ResourceDefinition(lambda _: open_it(), description=description)
