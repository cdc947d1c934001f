"""The registry as the checks see it: which version fills which slot."""

from rps_cli.operations.findings import NotApplicable
from rps_core.game.families import ModelIdentity, Slot
from rps_core.registry_server import NotAServer, RegistryServer
from rps_core.settings import ServiceSettings


def registered_models(services: ServiceSettings) -> dict[Slot, ModelIdentity]:
    """Return the model that the registry has at each alias, without the empty slots.

    Raises:
        NotApplicable: the registry is not a server.
        RegistryFault: no answer, or a refusal.
    """
    try:
        found = RegistryServer(services.mlflow_tracking_uri, services.mlflow_credentials).aliased_versions()
    except NotAServer as error:
        raise NotApplicable(str(error)) from error
    return {version.slot: ModelIdentity(version.version, version.run_id) for version in found}


def require_answer(services: ServiceSettings) -> str:
    """Return a sentence about a server that answers.

    Raises:
        NotApplicable: the registry is not a server.
        RegistryFault: no answer, or a refusal.
    """
    server = RegistryServer(services.mlflow_tracking_uri, services.mlflow_credentials)
    try:
        return f"MLflow at {server} answers, {server.count_models()} registered models"
    except NotAServer as error:
        raise NotApplicable(str(error)) from error
