"""Asset maintenance/retention: what was deleted because it is old, and what everything takes on disk."""

import os
from datetime import UTC, datetime, timedelta

import dagster as dg

from rps_assets.assets import keys
from rps_assets.assets.declaration import asset
from rps_assets.metadata.tables import table
from rps_assets.resources.typed import AllSettings, Cache, Datasets, Registry, Retention, Store
from rps_core.disk_use import disk_use
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.store.reports import DISK_USE_REPORT, Reports

NAMED_AT_MOST = 200


@asset(
    keys.RETENTION,
    kinds={"python"},
    # Versions are deleted while no training registers any and no promotion moves an alias.
    pool=keys.TRAINING_POOL,
    description="Deletes what is older than the settings of Retention say: Dagster runs with their events and logs, "
    "MLflow runs and versions that no alias, game or ledger entry names, and datasets. Experiments and everything "
    "that explains a stored round stay.",
)
def retention(
    context: dg.AssetExecutionContext,
    retention_settings: Retention,
    all_settings: AllSettings,
    gameplay_store: Store,
    datasets: Datasets,
    model_registry: Registry,
    model_cache: Cache,
) -> dg.MaterializeResult[None]:
    """Delete, measure, and report both."""
    # Dagster's storage modules take a tenth of a second to import, so the code location does not load them.
    from rps_assets.assets.run_retention import delete_old_reports, delete_old_runs
    from rps_assets.datasets.in_use import fingerprints_in_use
    from rps_assets.maintenance.versions import delete_old_versions

    now = datetime.now(UTC)
    before = disk_use(all_settings, os.environ)
    versions = delete_old_versions(model_registry, gameplay_store, retention_settings, now, context.log.info)
    in_use = fingerprints_in_use(model_cache, context.log.warning)
    pruned = [] if in_use is None else datasets.prune(in_use, CURRENT_CONTRACT, now)
    runs, reports = list[str](), 0
    if retention_settings.keep_runs_days:
        oldest = now - timedelta(days=retention_settings.keep_runs_days)
        runs = delete_old_runs(context.instance, oldest, context.log.info)
        reports = delete_old_reports(context.instance, oldest)
    after = disk_use(all_settings, os.environ)
    Reports(gameplay_store).write(DISK_USE_REPORT, {"bytes": after}, now)
    deleted = [("Dagster run", run) for run in runs] + [("dataset", name) for name in pruned]
    deleted += [("MLflow run", run.run_id) for run in versions]
    return dg.MaterializeResult(
        metadata={
            "deleted_runs": len(runs),
            "deleted_reports_of_rounds": reports,
            "deleted_mlflow_runs": len(versions),
            "deleted_versions": sum(len(run.versions) for run in versions),
            "deleted_datasets": len(pruned),
            "deleted": table(("kind", "name"), deleted[:NAMED_AT_MOST]),
            "disk_mb": table(
                ("part", "before", "after"),
                [(name, f"{before.get(name, 0) / 1e6:,.1f}", f"{size / 1e6:,.1f}") for name, size in after.items()],
            ),
        }
    )
