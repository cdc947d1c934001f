"""No library reports to anybody, whichever part of the product is imported first."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.builders.guard import network_guard


def run(script: str, environment: dict[str, str]) -> None:
    subprocess.run([sys.executable, "-c", script], env=environment, check=True, timeout=60)


@pytest.mark.parametrize("module", ["rps_api.inference.model", "rps_assets.training.onnx_export"])
def test_onnxruntime_leaves_no_device_id_whatever_is_imported_first(module: str, tmp_path: Path) -> None:
    with network_guard(tmp_path) as guard:
        run(f"import {module}", guard.environment)
        assert guard.attempts() == []


def test_without_the_variable_onnxruntime_leaves_one(tmp_path: Path) -> None:
    """The guard sees what the other tests say does not happen."""
    with network_guard(tmp_path) as guard:
        run("import onnxruntime", guard.environment)
        assert [Path(path).name for path in guard.attempts()] == ["deviceid"]


def test_the_guard_records_what_python_and_other_clients_ask_for(tmp_path: Path) -> None:
    with network_guard(tmp_path) as guard:
        script = "import contextlib, socket, urllib.request as web\n"
        script += "with contextlib.suppress(OSError): web.urlopen('http://telemetry.example/', timeout=5)\n"
        script += "with contextlib.suppress(OSError): socket.getaddrinfo('other.example', 443)\n"
        script += "with contextlib.suppress(OSError): socket.create_connection(('127.0.0.1', 9), timeout=1)\n"
        run(script, guard.environment)
        asked = [line.partition(" by ")[0].strip() for line in guard.attempts()]
    assert asked == ["proxy asked for GET http://telemetry.example/ HTTP/1.1", "socket.getaddrinfo other.example"]
