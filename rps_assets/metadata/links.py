"""Links that materialisations show: MLflow runs and versions, the API, other assets."""

import dagster as dg

from rps_core.settings import ServiceSettings

# MLflow's page starts as a tool for language models unless the address says otherwise.
_MODEL_TRAINING = "workflowType=machine_learning"


def mlflow_run(services: ServiceSettings, experiment_id: str, run_id: str) -> dg.MetadataValue:
    """Link a run in MLflow's UI; plain text if MLflow is a database without a server."""
    return _mlflow(services, f"experiments/{experiment_id}/runs/{run_id}", f"run {run_id}")


def mlflow_version(services: ServiceSettings, registered_name: str, version: str) -> dg.MetadataValue:
    """Link a registered version in MLflow's UI; plain text if MLflow is a database without a server."""
    return _mlflow(services, f"models/{registered_name}/versions/{version}", f"{registered_name} v{version}")


def api(services: ServiceSettings, path: str) -> dg.MetadataValue:
    """Link an endpoint of the API."""
    return dg.MetadataValue.url(f"{services.api_link_url}{path}")


def asset(services: ServiceSettings, key: dg.AssetKey) -> dg.MetadataValue:
    """Link an asset's page in Dagster's UI."""
    return dg.MetadataValue.url(f"{services.dagster_link_url}/assets/{'/'.join(key.path)}")


def _mlflow(services: ServiceSettings, fragment: str, plain_text: str) -> dg.MetadataValue:
    if services.mlflow_link_url.startswith(("http://", "https://")):
        return dg.MetadataValue.url(f"{services.mlflow_link_url}/#/{fragment}?{_MODEL_TRAINING}")
    return dg.MetadataValue.text(plain_text)
