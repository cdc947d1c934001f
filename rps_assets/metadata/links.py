"""Links that materialisations show, each to a page: MLflow, the game, the observatory, other assets."""

from typing import Literal, TypeAlias

import dagster as dg

from rps_core.settings import ServiceSettings

# Headings of the observatory, by id.
ObservatoryPart: TypeAlias = Literal["ledger-title", "slots-title"]

# MLflow's page starts as a tool for language models unless the address says otherwise.
_MODEL_TRAINING = "workflowType=machine_learning"


def mlflow_run(services: ServiceSettings, experiment_id: str, run_id: str) -> dg.MetadataValue:
    """Link a run in MLflow's UI; plain text if MLflow is a database without a server."""
    return _mlflow(services, f"experiments/{experiment_id}/runs/{run_id}", f"run {run_id}")


def mlflow_version(services: ServiceSettings, registered_name: str, version: str) -> dg.MetadataValue:
    """Link a registered version in MLflow's UI; plain text if MLflow is a database without a server."""
    return _mlflow(services, f"models/{registered_name}/versions/{version}", f"{registered_name} v{version}")


def game(services: ServiceSettings) -> dg.MetadataValue:
    """Link the game's page."""
    return dg.MetadataValue.url(f"{services.api_link_url}/")


def observatory(services: ServiceSettings, part: ObservatoryPart) -> dg.MetadataValue:
    """Link a part of the observatory."""
    return dg.MetadataValue.url(f"{services.api_link_url}/observatory#{part}")


def asset(services: ServiceSettings, key: dg.AssetKey) -> dg.MetadataValue:
    """Link an asset's page in Dagster's UI."""
    return dg.MetadataValue.url(f"{services.dagster_link_url}/assets/{'/'.join(key.path)}")


def _mlflow(services: ServiceSettings, fragment: str, plain_text: str) -> dg.MetadataValue:
    if services.mlflow_link_url.startswith(("http://", "https://")):
        return dg.MetadataValue.url(f"{services.mlflow_link_url}/#/{fragment}?{_MODEL_TRAINING}")
    return dg.MetadataValue.text(plain_text)
