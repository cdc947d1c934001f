"""Types of resources that Dagster must not import while it loads the code location."""

from typing import TYPE_CHECKING, Any, TypeAlias

import dagster as dg

if TYPE_CHECKING:
    from rps_assets.datasets.dataset_folder import DatasetFolder

    Datasets: TypeAlias = DatasetFolder
else:
    # Dagster evaluates annotations, and DatasetFolder imports Polars.
    Datasets = dg.ResourceParam[Any]
