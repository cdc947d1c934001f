"""A real MLflow registry behind the API: models where the cache has none, and aliases moved by hand."""

import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
from litestar.testing import TestClient

from rps_api.app import create_app
from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, encode_manifest
from rps_core.bundle.codec import sha256_hex
from rps_core.families import REGISTERED_NAMES
from rps_core.settings import load_settings
from tests.builders.bundles import manifest
from tests.builders.models import expecting

pytestmark = pytest.mark.integration

TOKEN = "operators-alone"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
NAME = REGISTERED_NAMES["xgboost"]


@pytest.fixture(scope="module")
def tracking_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A registry in a database, with two versions of one model at Production and B."""
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
    shown = client.get("/models").json()["xgboost"]["aliases"]
    return {alias: held and held["version"] for alias, held in shown.items()}


@pytest.mark.filterwarnings("ignore")
def test_without_a_cache_the_registry_is_asked(client: TestClient[Any]) -> None:
    with client:
        reply = client.post("/models/reload", headers=OPERATOR).json()
        assert (reply["success"], sorted(reply["reloaded"])) == (True, ["xgboost@B", "xgboost@Production"])
        assert versions(client) == {"Production": "1", "B": "2", "shadow1": None, "shadow2": None}
        assert client.get("/models").json()["xgboost"]["usage"]["last_source"] == "registry"


@pytest.mark.filterwarnings("ignore")
def test_a_promotion_by_hand_lets_two_aliases_change_places(client: TestClient[Any], tracking_uri: str) -> None:
    from mlflow import MlflowClient

    with client:
        promoted = client.post(f"/models/{NAME}/promote", headers=OPERATOR).raise_for_status().json()
        assert (promoted["version"], promoted["previous_production"], promoted["promoted_to"]) == (
            "2",
            "1",
            "Production",
        )
        client.post("/models/reload", headers=OPERATOR)
        assert versions(client)["Production"] == "2"
        demoted = client.post("/models/xgboost/demote", headers=OPERATOR).raise_for_status().json()
        assert (demoted["version"], demoted["current_stage"]) == ("2", "B")
        held = MlflowClient(tracking_uri, tracking_uri).get_registered_model(NAME).aliases
        assert (str(held["Production"]), str(held["B"])) == ("1", "2")


@pytest.mark.filterwarnings("ignore")
def test_an_alias_that_is_empty_or_itself_is_refused(client: TestClient[Any]) -> None:
    with client:
        empty = client.post(f"/models/{NAME}/promote?stage=shadow1", headers=OPERATOR)
        assert (empty.status_code, "nothing was moved" in empty.json()["detail"]) == (503, True)
        assert client.post(f"/models/{NAME}/promote?stage=B", headers=OPERATOR).status_code == 400
        assert client.post("/models/nobody/promote", headers=OPERATOR).status_code == 400


@pytest.mark.filterwarnings("ignore")
def test_a_promotion_under_way_is_not_disturbed(client: TestClient[Any], tracking_uri: str) -> None:
    from mlflow import MlflowClient

    registry = MlflowClient(tracking_uri, tracking_uri)
    registry.set_registered_model_tag(NAME, "rps.pending_promotion", "{}")
    try:
        with client:
            answer = client.post(f"/models/{NAME}/promote", headers=OPERATOR)
            assert (answer.status_code, "under way" in answer.json()["detail"]) == (409, True)
    finally:
        registry.delete_registered_model_tag(NAME, "rps.pending_promotion")


def test_without_mlflow_installed_the_answer_says_what_to_install(
    client: TestClient[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with client:
        answer = client.post(f"/models/{NAME}/promote", headers=OPERATOR)
        assert (answer.status_code, "MLflow is not installed" in answer.json()["detail"]) == (501, True)
        reply = client.post("/models/reload", headers=OPERATOR).json()
        assert (reply["success"], "MLflow is not installed" in reply["message"]) == (False, True)
