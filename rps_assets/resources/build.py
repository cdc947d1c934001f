"""Which resource opens what. Tests and tools replace any of them by key with a plain object."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import dagster as dg
from sqlalchemy import Engine

from rps_assets.resources.api_client import ApiClient
from rps_assets.resources.model_registry import ModelRegistry
from rps_core.cache import ModelCache
from rps_core.object_folder import ObjectFolder
from rps_core.settings import Settings
from rps_core.store import open_engine, upgrade_store

if TYPE_CHECKING:
    from rps_assets.datasets import DatasetFolder

# Dagster's resource classes are Any to mypy, because pydantic builds them: hence the ignores below.
_migrated: set[str] = set()


class GameplayStoreResource(dg.ConfigurableResourceFactory[Engine]):  # type: ignore[misc]
    """The gameplay database, at the newest schema."""

    settings: dg.ResourceDependency[Settings]

    @contextmanager
    def yield_resource(self, context: dg.InitResourceContext) -> Iterator[Engine]:  # noqa: ARG002 - Dagster's signature
        """Open an engine for one step or tick."""
        engine = open_engine(self.settings.database_url, sqlite_synchronous=self.settings.sqlite_synchronous)
        try:
            if self.settings.database_url not in _migrated:
                upgrade_store(engine)
                _migrated.add(self.settings.database_url)
            yield engine
        finally:
            engine.dispose()


class DatasetFolderResource(dg.ConfigurableResourceFactory[Any]):  # type: ignore[misc]
    """The folder of training datasets."""

    settings: dg.ResourceDependency[Settings]

    def create_resource(self, context: dg.InitResourceContext) -> "DatasetFolder":  # noqa: ARG002 - Dagster's signature
        """Open the folder."""
        # Imported here: the code location must load without Polars.
        from rps_assets.datasets import DatasetFolder

        return DatasetFolder(data_folder(self.settings, "datasets"))


class ModelRegistryResource(dg.ConfigurableResourceFactory[ModelRegistry]):  # type: ignore[misc]
    """The MLflow registry."""

    settings: dg.ResourceDependency[Settings]

    def create_resource(self, context: dg.InitResourceContext) -> ModelRegistry:  # noqa: ARG002 - Dagster's signature
        """Name the server; nothing is asked yet."""
        return ModelRegistry(self.settings.mlflow_tracking_uri)


class ModelCacheResource(dg.ConfigurableResourceFactory[ModelCache]):  # type: ignore[misc]
    """The model cache that the API reads."""

    settings: dg.ResourceDependency[Settings]

    def create_resource(self, context: dg.InitResourceContext) -> ModelCache:  # noqa: ARG002 - Dagster's signature
        """Open the folder or bucket; nothing is read yet."""
        return ModelCache.open(self.settings.cache_url, self.settings.cache_storage_options)


class ApiResource(dg.ConfigurableResourceFactory[ApiClient]):  # type: ignore[misc]
    """The API."""

    settings: dg.ResourceDependency[Settings]

    def create_resource(self, context: dg.InitResourceContext) -> ApiClient:  # noqa: ARG002 - Dagster's signature
        """Name the server; nothing is asked yet."""
        token = self.settings.api_token
        return ApiClient(self.settings.api_base_url, token.get_secret_value() if token else None)


class EvidenceFolderResource(dg.ConfigurableResourceFactory[ObjectFolder]):  # type: ignore[misc]
    """The folder of the evidence that promotions rest on."""

    settings: dg.ResourceDependency[Settings]

    def create_resource(self, context: dg.InitResourceContext) -> ObjectFolder:  # noqa: ARG002 - Dagster's signature
        """Open the folder."""
        return data_folder(self.settings, "promotion")


def data_folder(settings: Settings, name: str) -> ObjectFolder:
    """Open a folder below the data folder."""
    return ObjectFolder.open(f"file://{(settings.data_path / name).absolute()}")


def build_resources(settings: Settings) -> dict[str, Any]:
    """Return every resource of the code location by key."""
    return {
        "settings": settings,
        "gameplay_store": GameplayStoreResource(settings=settings),
        "datasets": DatasetFolderResource(settings=settings),
        "model_registry": ModelRegistryResource(settings=settings),
        "model_cache": ModelCacheResource(settings=settings),
        "promotion_evidence": EvidenceFolderResource(settings=settings),
        "api": ApiResource(settings=settings),
    }
