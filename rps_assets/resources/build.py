"""Which resource opens what. Tests and tools replace any of them by key with a plain object.

Each resource is a plain object made from the settings, and the settings come from the environment: values that are
shown in Dagster's UI would include secrets.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import Engine

from rps_assets.serving.model_registry import ModelRegistry
from rps_core.api_client import ApiClient
from rps_core.cache import ModelCache
from rps_core.object_folder import ObjectFolder
from rps_core.settings import Settings
from rps_core.store import open_engine, upgrade_store

if TYPE_CHECKING:
    from rps_assets.datasets.dataset_folder import DatasetFolder

_migrated: set[str] = set()


def build_resources(settings: Settings) -> dict[str, Any]:
    """Return every resource of the code location by key."""
    return {
        "settings": settings,
        "service_settings": settings.services,
        "training_settings": settings.training,
        "promotion_settings": settings.promotion,
        "operations_settings": settings.operations,
        "gameplay_store": dg.ResourceDefinition(
            lambda _: opened_store(settings), description="The gameplay database, at the newest schema."
        ),
        "datasets": _opened(lambda: dataset_folder(settings), "The folder of training datasets."),
        "model_registry": _opened(
            lambda: ModelRegistry(settings.services.mlflow_tracking_uri), "MLflow: runs and aliases."
        ),
        "model_cache": _opened(
            lambda: ModelCache.open(settings.storage.cache_url, settings.storage.cache_storage_options),
            "The cache the API reads.",
        ),
        "promotion_evidence": _opened(
            lambda: data_folder(settings, "promotion"), "The folder of the evidence that promotions rest on."
        ),
        "api": _opened(lambda: api_client(settings), "The HTTP API."),
    }


@contextmanager
def opened_store(settings: Settings) -> Iterator[Engine]:
    """Open an engine on the gameplay database for one step or tick."""
    engine = open_engine(settings.storage.database_url, sqlite_synchronous=settings.storage.sqlite_synchronous)
    try:
        if settings.storage.database_url not in _migrated:
            upgrade_store(engine)
            _migrated.add(settings.storage.database_url)
        yield engine
    finally:
        engine.dispose()


def dataset_folder(settings: Settings) -> "DatasetFolder":
    """Open the folder of training datasets."""
    # Imported here: the code location must load without Polars.
    from rps_assets.datasets.dataset_folder import DatasetFolder

    return DatasetFolder(data_folder(settings, "datasets"))


def data_folder(settings: Settings, name: str) -> ObjectFolder:
    """Open a folder below the data folder, which every run of every machine sees."""
    return ObjectFolder.open(f"{settings.storage.data_url}/{name}", settings.storage.data_storage_options)


def api_client(settings: Settings) -> ApiClient:
    """Return a client of the API with the operators' token, if one is configured."""
    return ApiClient(
        settings.services.api_base_url, settings.http.api_token.get_secret_value() if settings.http.api_token else None
    )


def _opened(open_it: Callable[[], Any], description: str) -> dg.ResourceDefinition:
    return dg.ResourceDefinition(lambda _: open_it(), description=description)
