"""A real MLflow server as the source of models while the cache is empty."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

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
        ("http://127.0.0.1:port", "did not answer (InvalidURL)"),
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
