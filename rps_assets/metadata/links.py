"""Addresses that materialisations point at: MLflow runs and versions, the API, other assets."""

import dagster as dg

from rps_core.settings import Settings


def mlflow_run(settings: Settings, experiment_id: str, run_id: str) -> dg.MetadataValue:
    """Link a run in MLflow's UI; plain text where MLflow is a database without a server."""
    return _mlflow(settings, f"experiments/{experiment_id}/runs/{run_id}", f"run {run_id}")


def mlflow_version(settings: Settings, registered_name: str, version: str) -> dg.MetadataValue:
    """Link a registered version in MLflow's UI."""
    return _mlflow(settings, f"models/{registered_name}/versions/{version}", f"{registered_name} v{version}")


def api(settings: Settings, path: str) -> dg.MetadataValue:
    """Link an endpoint of the API."""
    return dg.MetadataValue.url(f"{settings.services.api_base_url}{path}")


def asset(settings: Settings, key: dg.AssetKey) -> dg.MetadataValue:
    """Link an asset's page in Dagster's UI."""
    return dg.MetadataValue.url(f"{settings.services.dagster_link_url}/assets/{'/'.join(key.path)}")


def _mlflow(settings: Settings, fragment: str, otherwise: str) -> dg.MetadataValue:
    if settings.services.mlflow_link_url.startswith(("http://", "https://")):
        return dg.MetadataValue.url(f"{settings.services.mlflow_link_url}/#/{fragment}")
    return dg.MetadataValue.text(otherwise)
