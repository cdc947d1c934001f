"""MLflow's registry asked over its REST interface: which version fills which slot. Reads only; Dagster alone writes."""

import os
from typing import Any

import httpx

from rps_cli.operations.findings import NotApplicable
from rps_core.errors import RpsError
from rps_core.game.families import ALIASES, FAMILIES, REGISTERED_NAMES, ModelIdentity, Slot

TIMEOUT_SECONDS = 20.0


class RegistryFault(RpsError):
    """MLflow does not answer, or answers something else than was asked for."""


def registered(tracking_uri: str) -> dict[Slot, ModelIdentity]:
    """Return what the registry's aliases name; a slot without an alias is left out.

    Raises:
        NotApplicable: the registry is no server.
        RegistryFault: no answer, or a refusal.
    """
    require_server(tracking_uri)
    held: dict[Slot, ModelIdentity] = {}
    with httpx.Client(timeout=TIMEOUT_SECONDS, auth=_credentials()) as client:
        for family in FAMILIES:
            name = REGISTERED_NAMES[family]
            model = _inside(_ask(client, tracking_uri, "registered-models/get", name=name), "registered_model")
            versions = {one["alias"]: str(one["version"]) for one in model.get("aliases", ())}
            for alias in ALIASES:
                if alias in versions:
                    asked = {"name": name, "version": versions[alias]}
                    found = _inside(_ask(client, tracking_uri, "model-versions/get", **asked), "model_version")
                    held[Slot(family, alias)] = ModelIdentity(versions[alias], str(found.get("run_id", "")))
    return held


def require_server(tracking_uri: str) -> None:
    """Make sure that the registry can be asked over HTTP.

    Raises:
        NotApplicable: it is a file or a database.
    """
    if not tracking_uri.startswith(("http://", "https://")):
        raise NotApplicable("MLFLOW_TRACKING_URI names no server that could be asked over HTTP")


def answering(tracking_uri: str) -> str:
    """Return a sentence about a server that answers.

    Raises:
        NotApplicable: the registry is no server.
        RegistryFault: no answer, or a refusal.
    """
    require_server(tracking_uri)
    with httpx.Client(timeout=TIMEOUT_SECONDS, auth=_credentials()) as client:
        found = _ask(client, tracking_uri, "registered-models/search", max_results="100")
    return f"MLflow at {shown(tracking_uri)} answers, {len(found.get('registered_models', ()))} registered models"


def shown(uri: str) -> str:
    """Return an address as it may be shown: without a user and a password."""
    scheme, separator, rest = uri.partition("://")
    host, slash, path = rest.partition("/")
    return f"{scheme}{separator}{host.rpartition('@')[2]}{slash}{path}"


def _ask(client: httpx.Client, tracking_uri: str, what: str, **parameters: str) -> dict[str, Any]:
    try:
        response = client.get(f"{tracking_uri.rstrip('/')}/api/2.0/mlflow/{what}", params=parameters)
        if response.status_code == httpx.codes.NOT_FOUND and "RESOURCE_DOES_NOT_EXIST" in response.text:
            return {}
        answer = response.raise_for_status().json()
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        # The text of httpx names the whole address, with a password in it.
        status = error.response.status_code if isinstance(error, httpx.HTTPStatusError) else type(error).__name__
        raise RegistryFault(
            f"MLflow at {shown(tracking_uri)} gave no good answer to {what} ({status}); is it running, and is "
            "MLFLOW_TRACKING_URI its address?"
        ) from error
    return answer if isinstance(answer, dict) else {}


def _inside(answer: dict[str, Any], name: str) -> dict[str, Any]:
    inside = answer.get(name)
    return inside if isinstance(inside, dict) else {}


def _credentials() -> httpx.BasicAuth | None:
    # MLflow's own variables, as its clients read them.
    user, password = os.environ.get("MLFLOW_TRACKING_USERNAME"), os.environ.get("MLFLOW_TRACKING_PASSWORD")
    return httpx.BasicAuth(user, password) if user and password else None
