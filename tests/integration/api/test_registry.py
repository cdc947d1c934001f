"""A real MLflow registry as the source of models while the cache is empty."""

import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from rps_api.app import create_app
from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, encode_manifest
from rps_core.bundle.codec import sha256_hex
from rps_core.game.families import REGISTERED_NAMES
from rps_core.settings import load_settings
from tests.builders.bundles import manifest
from tests.builders.models import expecting

pytestmark = pytest.mark.integration

TOKEN = "operators-alone"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
NAME = REGISTERED_NAMES["xgboost"]


@pytest.fixture(scope="module")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registry in a database with two versions of one model, at Production and B."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        folder = tmp_path_factory.mktemp("mlflow")
        uri = f"sqlite:///{folder / 'mlflow.db'}"
        client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        experiment = client.create_experiment("rps-bot", artifact_location=f"file://{folder / 'artifacts'}")
        client.create_registered_model(NAME)
        for number, alias in enumerate(("Production", "B")):
            register(client, experiment, folder / f"model-{number}", expecting(number), alias)
    return uri


def register(client: Any, experiment: str, folder: Path, graph: bytes, alias: str) -> None:
    run_id = client.create_run(experiment).info.run_id
    described = encode_manifest(manifest(run_id=run_id, model_sha256=sha256_hex(graph)))
    folder.mkdir()
    (folder / MODEL_FILE).write_bytes(graph)
    (folder / MANIFEST_FILE).write_bytes(described)
    client.log_artifacts(run_id, str(folder), "model")
    tags = {"manifest_sha256": sha256_hex(described), "model_sha256": sha256_hex(graph)}
    version = client.create_model_version(NAME, source=f"runs:/{run_id}/model", run_id=run_id, tags=tags)
    client.set_registered_model_alias(NAME, alias, version.version)


@pytest.fixture
def client(tracking_uri: str, tmp_path: Path) -> TestClient[Any]:
    settings = load_settings(data_path=tmp_path, api_token=TOKEN, mlflow_tracking_uri_override=tracking_uri)
    return TestClient(create_app(settings, refresh_models=False))


def versions(client: TestClient[Any]) -> dict[str, str | None]:
    aliases = client.get("/models").json()["xgboost"]["aliases"]
    return {alias: held and held["version"] for alias, held in aliases.items()}


@pytest.mark.filterwarnings("ignore")
def test_without_a_cache_models_come_from_the_registry(client: TestClient[Any]) -> None:
    with client:
        reply = client.post("/models/reload", headers=OPERATOR).json()
        assert (reply["success"], sorted(reply["reloaded"])) == (True, ["xgboost@B", "xgboost@Production"])
        assert versions(client) == {"Production": "1", "B": "2", "shadow1": None, "shadow2": None}
        assert client.get("/models").json()["xgboost"]["usage"]["last_source"] == "registry"


def test_without_mlflow_the_answer_names_the_package_to_install(
    client: TestClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with client:
        reply = client.post("/models/reload", headers=OPERATOR).json()
        assert (reply["success"], "MLflow is not installed" in reply["message"]) == (False, True)
