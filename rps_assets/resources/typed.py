"""The types of the resources, as parameters of assets, checks, sensors and ops."""

from typing import TYPE_CHECKING, Any, TypeAlias

import dagster as dg
from sqlalchemy import Engine

from rps_assets.serving.model_registry import ModelRegistry
from rps_core.api_client import ApiClient
from rps_core.cache import ModelCache
from rps_core.object_folder import ObjectFolder
from rps_core.settings import (
    OperationsSettings,
    PromotionSettings,
    RetentionSettings,
    ServiceSettings,
    Settings,
    TrainingSettings,
)

if TYPE_CHECKING:
    from rps_assets.datasets.dataset_folder import DatasetFolder

    Datasets: TypeAlias = DatasetFolder
else:
    # Dagster evaluates annotations, and DatasetFolder imports Polars, which must not load with the code location.
    Datasets = dg.ResourceParam[Any]

Api: TypeAlias = dg.ResourceParam[ApiClient]
Cache: TypeAlias = dg.ResourceParam[ModelCache]
Evidence: TypeAlias = dg.ResourceParam[ObjectFolder]
Operations: TypeAlias = dg.ResourceParam[OperationsSettings]
Promotion: TypeAlias = dg.ResourceParam[PromotionSettings]
Registry: TypeAlias = dg.ResourceParam[ModelRegistry]
Retention: TypeAlias = dg.ResourceParam[RetentionSettings]
Services: TypeAlias = dg.ResourceParam[ServiceSettings]
AllSettings: TypeAlias = dg.ResourceParam[Settings]
Store: TypeAlias = dg.ResourceParam[Engine]
Training: TypeAlias = dg.ResourceParam[TrainingSettings]
