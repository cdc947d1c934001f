"""Asset training/features: the examples of all games, partitioned by the day on which a game was created."""

import warnings
from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import dagster as dg

from rps_assets.assets import keys
from rps_assets.assets.columns import features_lineage, features_schema
from rps_assets.assets.declaration import asset
from rps_assets.assets.event_batch import log_together
from rps_assets.metadata import links
from rps_assets.resources.typed import Datasets, Services, Store
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.settings import ServiceSettings

if TYPE_CHECKING:
    from rps_assets.datasets.feature_parts import FeatureFolder

DATA_VERSION_TAG = "dagster/data_version"


def build_features_asset(since: datetime) -> dg.AssetsDefinition:
    """Return the asset; its partitions are the days from `since` to today."""
    with warnings.catch_warnings():
        # Dagster marks the backfill policy as beta.
        warnings.simplefilter("ignore", category=dg.BetaWarning)
        return _declared(since.strftime("%Y-%m-%d"))


def _declared(first_day: str) -> dg.AssetsDefinition:
    @asset(
        keys.FEATURES,
        deps=[keys.ROUNDS],
        partitions_def=dg.DailyPartitionsDefinition(start_date=first_day, end_offset=1),
        backfill_policy=dg.BackfillPolicy.single_run(),
        kinds={"polars", "parquet"},
        tags={"layer": "features"},
        metadata={"dagster/column_schema": features_schema()},
        code_version=f"{CURRENT_CONTRACT.name}-{CURRENT_CONTRACT.version}",
        description="The examples of all games by the day on which the game was created, in Parquet parts that are "
        "only added to. Each training adds the games that ended since the last one, so nobody needs to materialise "
        "this asset. Materialise days to compute them again.",
    )
    def training_features(
        context: dg.AssetExecutionContext, service_settings: Services, gameplay_store: Store, datasets: Datasets
    ) -> Iterator[dg.MaterializeResult[None]]:
        from rps_assets.datasets.feature_tables import current_table
        from rps_assets.datasets.features import rebuild_days

        table, days = current_table(), context.partition_keys
        features = datasets.features(table.contract)
        rebuild_days(gameplay_store, features, table, days, datetime.now(UTC))
        yield dg.MaterializeResult()
        # Dagster's own events carry one data version for all days of a run; these come later and count.
        log_together(context, list(day_reports(features, days, service_settings)))

    return training_features


def day_reports(
    features: "FeatureFolder", days: Collection[str], services: ServiceSettings
) -> Iterator[dg.AssetMaterialization]:
    """Yield a materialisation of each day; its data version is the hash of the day's examples."""
    for day, (version, games, examples) in features.versions(features.index(), days).items():
        metadata: dict[str, Any] = {
            "dagster/row_count": examples,
            "games": games,
            "path": dg.MetadataValue.path(str(features)),
            "contract": f"{CURRENT_CONTRACT.name} version {CURRENT_CONTRACT.version}",
            "next": links.asset(services, keys.DATASET),
        }
        if day == max(days):
            # The same for all days, and as large as a thousand rounds.
            metadata["dagster/column_lineage"] = features_lineage()
        tags = {DATA_VERSION_TAG: version}
        yield dg.AssetMaterialization(keys.FEATURES, partition=day, metadata=metadata, tags=tags)
