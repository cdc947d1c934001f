"""The application in a separate process, which tests can kill and restart."""

import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx

from tests.builders.ports import free_port

REPOSITORY = Path(__file__).parents[2]
START_SECONDS = 60.0


class GameServer:
    """The application under Granian. Folder and port stay the same after a restart."""

    def __init__(self, data_path: Path, **environment: str) -> None:
        self.data_path = data_path
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "GameServer":
        """Start the server and wait until it answers."""
        self.data_path.mkdir(parents=True, exist_ok=True)
        with (self.data_path / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                [*_COMMAND, "--port", str(self.port), "rps_api.app:create_app"],
                cwd=REPOSITORY,
                env={**os.environ, "DATA_PATH": str(self.data_path), **self._environment},
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"the server did not start:\n{(self.data_path / 'server.log').read_text()}")
            time.sleep(0.05)
        return self

    def kill(self) -> None:
        """Kill the server and its workers at once."""
        if self._process is not None:
            # A server that failed to start has no process group.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def get(self, path: str) -> Any:
        """Send a GET request without the browser."""
        return httpx.get(self.url + path, timeout=10).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Send a POST request without the browser."""
        return httpx.post(self.url + path, json=body, timeout=10).raise_for_status().json()

    def rounds_of(self, game_id: str) -> list[dict[str, Any]]:
        """Return the stored rounds of a game."""
        rounds: list[dict[str, Any]] = self.get(f"/games/{game_id}")["rounds"]
        return rounds

    def _answers(self) -> bool:
        try:
            return httpx.get(self.url + "/healthz", timeout=1).status_code == 200
        except httpx.TransportError:
            return False


_COMMAND = (sys.executable, "-m", "rps_api.server", "--interface", "asgi", "--factory", "--host", "127.0.0.1")
