"""MLflow's registry, read over its REST interface: which version fills which slot. Only Dagster writes to it."""

from typing import Any

import httpx

from rps_cli.operations.findings import NotApplicable
from rps_core.errors import RpsError
from rps_core.game.families import ALIASES, FAMILIES, REGISTERED_NAMES, ModelIdentity, Slot
from rps_core.settings import ServiceSettings

TIMEOUT_SECONDS = 20.0


class RegistryFault(RpsError):
    """MLflow gives no answer or refuses the request."""


def registered_models(services: ServiceSettings) -> dict[Slot, ModelIdentity]:
    """Return the model that the registry has at each alias, without the empty slots.

    Raises:
        NotApplicable: the registry is not a server.
        RegistryFault: no answer, or a refusal.
    """
    found: dict[Slot, ModelIdentity] = {}
    with _open_client(services) as client:
        for family in FAMILIES:
            name = REGISTERED_NAMES[family]
            model = _object(
                _ask(client, services.mlflow_tracking_uri, "registered-models/get", name=name), "registered_model"
            )
            versions = {entry["alias"]: str(entry["version"]) for entry in model.get("aliases", ())}
            for alias in ALIASES:
                if version := versions.get(alias):
                    answer = _ask(
                        client, services.mlflow_tracking_uri, "model-versions/get", name=name, version=version
                    )
                    run_id = str(_object(answer, "model_version").get("run_id", ""))
                    found[Slot(family, alias)] = ModelIdentity(version, run_id)
    return found


def require_answer(services: ServiceSettings) -> str:
    """Return a sentence about a server that answers.

    Raises:
        NotApplicable: the registry is not a server.
        RegistryFault: no answer, or a refusal.
    """
    with _open_client(services) as client:
        answer = _ask(client, services.mlflow_tracking_uri, "registered-models/search", max_results="100")
    models = len(answer.get("registered_models", ()))
    return f"MLflow at {services.mlflow_tracking_uri} answers, {models} registered models"


def _open_client(services: ServiceSettings) -> httpx.Client:
    if not services.mlflow_tracking_uri.startswith(("http://", "https://")):
        raise NotApplicable("MLFLOW_TRACKING_URI is not the address of an HTTP server")
    return httpx.Client(timeout=TIMEOUT_SECONDS, auth=services.mlflow_credentials)


def _ask(client: httpx.Client, tracking_uri: str, endpoint: str, **parameters: str) -> dict[str, Any]:
    try:
        response = client.get(f"{tracking_uri.rstrip('/')}/api/2.0/mlflow/{endpoint}", params=parameters)
        if response.status_code == httpx.codes.NOT_FOUND and "RESOURCE_DOES_NOT_EXIST" in response.text:
            return {}
        answer = response.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        fault = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else type(error).__name__
        raise RegistryFault(
            f"MLflow at {tracking_uri} did not answer {endpoint} ({fault}); check that it runs and "
            "that MLFLOW_TRACKING_URI is its address"
        ) from error
    return answer if isinstance(answer, dict) else {}


def _object(answer: dict[str, Any], name: str) -> dict[str, Any]:
    value = answer.get(name)
    return value if isinstance(value, dict) else {}
