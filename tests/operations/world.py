"""A product without Dagster: the real API, a real MLflow with twelve registered versions, and the cache.

Registered over MLflow's REST interface, so that no test process imports it.
"""

import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

import httpx
import msgspec
from typer.testing import CliRunner, Result

from rps_cli.app import app
from rps_cli.up.layout import plan_layout
from rps_cli.up.programs import MLFLOW, child_environment, plan_programs
from rps_core.bundle import MANIFEST_FILE, MODEL_FILE, encode_manifest
from rps_core.bundle.codec import decode_manifest, sha256_hex
from rps_core.cache import CacheEntry
from rps_core.game.families import REGISTERED_NAMES, SLOTS
from rps_core.settings import load_settings
from tests.browser.server import GameServer
from tests.builders.environment import configuring
from tests.builders.models import TestRegistry, reading_features
from tests.builders.ports import free_ports

TOKEN = "token-of-the-operators-in-tests"
# The imports alone take a minute on a machine under load.
START_SECONDS = 200.0
_runner = CliRunner()


def run(environment: Mapping[str, str], *arguments: str) -> Result:
    """Run a command in this process."""
    # Module fixtures run before the test fixtures that clear these variables.
    others: dict[str, str | None] = dict.fromkeys(configuring())
    return _runner.invoke(app, list(arguments), env={**others, "COLUMNS": "200", **environment})


class MlflowServer:
    """The MLflow that `rps up` would start on a data folder."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        settings = load_settings(
            data_path=Path(environment["DATA_PATH"]), mlflow_port=int(environment["RPS_MLFLOW_PORT"])
        )
        layout = plan_layout(settings.storage, environment)
        (layout.mlflow / "artifacts").mkdir(parents=True, exist_ok=True)
        command = next(
            program.command for program in plan_programs(settings.services, layout) if program.name == MLFLOW
        )
        self.url = settings.services.mlflow_tracking_uri
        self._log = layout.data / "mlflow.log"
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                env=child_environment(settings.services, settings.training, layout, os.environ),
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait(self) -> None:
        """Wait until the server answers."""
        deadline = time.monotonic() + START_SECONDS
        while True:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.url}/health", timeout=2).is_success:
                    return
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"MLflow did not start:\n{self._log.read_text()}")
            time.sleep(0.1)

    def kill(self) -> None:
        """Kill the server and its workers."""
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def register(self, registry: TestRegistry) -> list[CacheEntry]:
        """Register one version for each slot, with its artifacts, and return the entries that mirror them."""
        entries = []
        with httpx.Client(base_url=self.url, timeout=30) as client:
            for name in REGISTERED_NAMES.values():
                _post(client, "registered-models/create", name=name)
            for number, slot in enumerate(SLOTS, start=1):
                made = registry.version(slot, number, reading_features(number))
                info = _post(client, "runs/create", experiment_id="0", start_time=0)["run"]["info"]
                run_id = info["run_id"]
                files = dict(registry.runs.pop(made.run_id))
                files[MANIFEST_FILE] = encode_manifest(
                    msgspec.structs.replace(decode_manifest(files[MANIFEST_FILE]), run_id=run_id)
                )
                for file, data in files.items():
                    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{run_id}/artifacts/model/{file}"
                    client.put(path, content=data).raise_for_status()
                hashes = {
                    "manifest_sha256": sha256_hex(files[MANIFEST_FILE]),
                    "model_sha256": sha256_hex(files[MODEL_FILE]),
                }
                version = _post(
                    client,
                    "model-versions/create",
                    name=made.registered_name,
                    source=f"mlflow-artifacts:/0/{run_id}/artifacts/model",
                    run_id=run_id,
                    tags=[{"key": name, "value": value} for name, value in hashes.items()],
                )["model_version"]["version"]
                _post(client, "registered-models/alias", name=made.registered_name, alias=slot.alias, version=version)
                registry.runs[run_id] = files
                entries.append(msgspec.structs.replace(made, run_id=run_id, version=str(version), **hashes))
        return entries


def _post(client: httpx.Client, endpoint: str, **body: object) -> dict[str, dict[str, str]]:
    answer = client.post(f"/api/2.0/mlflow/{endpoint}", json=body)
    assert answer.is_success, answer.text
    reply: dict[str, dict[str, str]] = answer.json()
    return reply


class Product:
    """API, MLflow and cache on one data folder; `environment` has the variables that an operator would set."""

    def __init__(self, folder: Path) -> None:
        self.data = folder
        self.data.mkdir(parents=True, exist_ok=True)
        mlflow_port, dagster_port = free_ports(2)
        self.server = GameServer(
            folder,
            RPS_API_TOKEN=TOKEN,
            RPS_MLFLOW_PORT=str(mlflow_port),
            RPS_MODEL_REFRESH_SECONDS="0.5",
            ASSET_VERSION="release-7",
        )
        self.environment = {
            "DATA_PATH": str(folder),
            "RPS_API_PORT": str(self.server.port),
            "RPS_DAGSTER_PORT": str(dagster_port),
            "RPS_MLFLOW_PORT": str(mlflow_port),
            "RPS_API_TOKEN": TOKEN,
        }
        self.mlflow: MlflowServer | None = None

    def start_filled(self) -> "Product":
        """Start everything, with twelve registered models."""
        self.mlflow = MlflowServer(self.environment)
        # MLflow needs the longest; meanwhile the API starts without models.
        self.server.start()
        self.mlflow.wait()
        registry = TestRegistry.in_folder(self.data / "model_cache")
        registry.synchronise(self.mlflow.register(registry))
        assert self.run("reload").exit_code == 0
        return self

    def kill(self) -> None:
        """Kill all processes."""
        self.server.kill()
        if self.mlflow is not None:
            self.mlflow.kill()
            self.mlflow = None

    def run(self, *arguments: str) -> Result:
        """Run a command with this product's environment."""
        return run(self.environment, *arguments)
