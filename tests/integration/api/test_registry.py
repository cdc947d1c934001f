"""A real MLflow server as the source of models while the cache is empty."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import httpx
import psutil
import pytest
from litestar.testing import TestClient

from rps_api.app import create_app
from rps_assets.serving.model_registry import ModelRegistry
from rps_core.cache import CacheEntry
from rps_core.game.families import FAMILIES, SLOTS
from rps_core.settings import load_settings
from tests.builders.models import TestRegistry
from tests.builders.ports import free_port
from tests.e2e.product import command_of
from tests.operations.world import MlflowServer

pytestmark = pytest.mark.integration

TOKEN = "operators-alone"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


class Registered(NamedTuple):
    """A server with a version in each slot, and the folder of its artifacts."""

    url: str
    artifacts: Path
    entries: list[CacheEntry]


@pytest.fixture(scope="module")
def registered(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Registered]:
    folder = tmp_path_factory.mktemp("mlflow")
    server = MlflowServer({"DATA_PATH": str(folder), "RPS_MLFLOW_PORT": str(free_port())})
    try:
        server.wait()
        entries = server.register(TestRegistry.in_folder(folder / "unused"))
        yield Registered(server.url, folder / "mlflow" / "artifacts", entries)
    finally:
        server.kill()


def client(tracking_uri: str, tmp_path: Path) -> TestClient[Any]:
    settings = load_settings(data_path=tmp_path, api_token=TOKEN, mlflow_tracking_uri_override=tracking_uri)
    return TestClient(create_app(settings, refresh_models=False))


def test_without_a_cache_models_come_from_the_server_and_nothing_imports_mlflow(
    registered: Registered, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with client(registered.url, tmp_path) as api:
        reply = api.post("/models/reload", headers=OPERATOR).json()
        assert (reply["success"], len(reply["reloaded"])) == (True, len(SLOTS))
        described = api.get("/models").json()
        served = {
            (family, alias): (model["version"], model["run_id"])
            for family in FAMILIES
            for alias, model in described[family]["aliases"].items()
        }
        assert served == {entry.slot: (entry.version, entry.run_id) for entry in registered.entries}
        assert described["xgboost"]["usage"]["last_source"] == "registry"


# Registers a model as a training does, then loads it as a stranger does: by name, in an empty folder.
REGISTER_AND_LOAD = """
import sys
import mlflow, msgspec, numpy as np
from rps_assets.serving.model_registry import ModelRegistry
from rps_assets.serving.run_writer import Submission
from tests.builders.bundles import manifest
from tests.builders.models import reading_features
from rps_core.bundle.codec import sha256_hex

onnx = reading_features(1)
described = manifest(model_sha256=sha256_hex(onnx))
registry = ModelRegistry(sys.argv[1])
version = registry.log_and_register(Submission(
    family="xgboost", run_name="forrest@B xgb_c01", description="**Forrest**", onnx_bytes=onnx, parameters={},
    manifest_for=lambda run_id: msgspec.structs.replace(described, run_id=run_id), metrics={"test_accuracy": 0.4},
))
mlflow.set_tracking_uri(sys.argv[1])
model = mlflow.pyfunc.load_model(f"models:/rps_bot_xgboost/{version.version}")
columns = model.metadata.signature.inputs.inputs[0].shape[1]
print(version.version, version.run_id, model.predict(np.zeros((2, columns), np.float32))["probabilities"].sum())
"""


def test_a_registered_model_has_schema_and_logged_model_and_loads_by_name(
    registered: Registered, tmp_path: Path
) -> None:
    environment = {**os.environ, "HOME": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[3])}
    command = [sys.executable, "-c", REGISTER_AND_LOAD, registered.url]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr
    version, run_id, total = done.stdout.split()
    assert float(total) == pytest.approx(2, abs=1e-5)
    # MLflow's page of a version reads the schema here, its page of a run the logged models.
    question = {"path": "MLmodel", "name": "rps_bot_xgboost", "version": version}
    described = httpx.get(f"{registered.url}/model-versions/get-artifact", params=question, timeout=60)
    assert '"name": "features"' in described.text
    assert '"name": "probabilities"' in described.text
    api = f"{registered.url}/api/2.0/mlflow"
    run = httpx.get(f"{api}/runs/get", params={"run_id": run_id}, timeout=60).json()["run"]
    (output,) = run["outputs"]["model_outputs"]
    logged = httpx.get(f"{api}/logged-models/{output['model_id']}", timeout=60).json()["model"]["info"]
    assert (logged["status"], logged["model_type"]) == ("LOGGED_MODEL_READY", "xgboost")
    experiment = {"experiment_id": run["info"]["experiment_id"]}
    kinds = httpx.get(f"{api}/experiments/get", params=experiment, timeout=60).json()["experiment"]["tags"]
    assert {"key": "mlflow.experimentKind", "value": "custom_model_development"} in kinds


def test_sensors_read_the_server_without_mlflow(registered: Registered, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    found = ModelRegistry(registered.url).watch_aliased_versions()
    assert [found[entry.slot].cache_entry(entry.slot.alias) for entry in registered.entries] == registered.entries


def test_a_missing_or_changed_file_costs_only_its_slot(registered: Registered, tmp_path: Path) -> None:
    missing, changed = registered.entries[:2]
    folders = [registered.artifacts / "0" / entry.run_id / "artifacts" / "model" for entry in (missing, changed)]
    kept = [shutil.copytree(folder, tmp_path / folder.parts[-3]) for folder in folders]
    (folders[0] / "model.onnx").unlink()
    manifest = folders[1] / "manifest.json"
    manifest.write_bytes(manifest.read_bytes() + b"\n")
    try:
        with client(registered.url, tmp_path) as api:
            errors = api.post("/models/reload", headers=OPERATOR).json()["errors"]
    finally:
        for folder, copy in zip(folders, kept, strict=True):
            shutil.copytree(copy, folder, dirs_exist_ok=True)
    assert sorted(errors) == sorted([str(missing.slot), str(changed.slot)])
    assert f"model/model.onnx of run {missing.run_id}" in errors[str(missing.slot)]
    assert "is not the one that the index names" in errors[str(changed.slot)]


def test_a_reload_says_in_which_slots_the_registry_differs_from_the_cache_that_it_loaded(
    registered: Registered, tmp_path: Path
) -> None:
    cache = TestRegistry.in_folder(tmp_path / "model_cache")
    for entry in registered.entries:
        folder = registered.artifacts / "0" / entry.run_id / "artifacts" / "model"
        cache.runs[entry.run_id] = {file.name: file.read_bytes() for file in folder.iterdir()}
    cache.synchronise(registered.entries)
    with client(registered.url, tmp_path) as api:
        reply = api.post("/models/reload?sync_minio=true", headers=OPERATOR).json()
        assert (reply["success"], reply["registry_differences"]) == (True, []), reply
        assert reply["message"].endswith("the registry has the same")
        cache.synchronise(registered.entries[3:])
        reply = api.post("/models/reload", headers=OPERATOR).json()
    assert (reply["success"], len(reply["registry_differences"])) == (True, 3)
    assert reply["message"].endswith("the registry differs in 3 slots, so a sync is due: `rps sync`")
    assert reply["registry_differences"][0].endswith("the cache has nothing")


@pytest.mark.parametrize(
    ("tracking_uri", "said"),
    [
        ("sqlite:////data/mlflow.db", "sqlite:////data/mlflow.db is not the address of an MLflow server"),
        ("./mlruns", "./mlruns is not the address of an MLflow server"),
        ("http://me:s3cret@127.0.0.1:9", "MLflow at http://127.0.0.1:9 did not answer (ConnectError)"),
    ],
)
def test_a_registry_that_is_no_server_or_does_not_answer_is_named(tracking_uri: str, said: str, tmp_path: Path) -> None:
    with client(tracking_uri, tmp_path) as api:
        reply = api.post("/models/reload", headers=OPERATOR).json()
        assert (reply["success"], said in reply["message"], "s3cret" in reply["message"]) == (False, True, False), reply


def test_an_answer_of_another_program_is_named(registered: Registered, tmp_path: Path) -> None:
    with client(f"{registered.url}/health", tmp_path) as api:
        assert "did not answer (404)" in api.post("/models/reload", headers=OPERATOR).json()["message"]


def test_mlflow_is_one_process(registered: Registered) -> None:
    port = registered.url.rpartition(":")[2]
    assert len([process for process in psutil.process_iter() if f"--port {port}" in command_of(process)]) == 1
