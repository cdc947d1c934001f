"""The application in a process of its own, on a free port, which tests may kill and start again."""

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
    """The real application under granian; its folder and its port survive a restart."""

    def __init__(self, data_path: Path, **environment: str) -> None:
        self.data_path = data_path
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._environment = environment
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> "GameServer":
        """Start it and wait until it answers."""
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
        """Kill it with its workers, in the middle of whatever it does."""
        if self._process is not None:
            # It may have failed to start, and be gone.
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def get(self, path: str) -> Any:
        """Ask the API, past the browser."""
        return httpx.get(self.url + path, timeout=10).raise_for_status().json()

    def post(self, path: str, body: dict[str, Any]) -> Any:
        """Tell the API, past the browser."""
        return httpx.post(self.url + path, json=body, timeout=10).raise_for_status().json()

    def rounds_of(self, game_id: str) -> list[dict[str, Any]]:
        """Return the rounds that are stored."""
        rounds: list[dict[str, Any]] = self.get(f"/games/{game_id}")["rounds"]
        return rounds

    def _answers(self) -> bool:
        try:
            return httpx.get(self.url + "/healthz", timeout=1).status_code == 200
        except httpx.TransportError:
            return False


_COMMAND = (sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--host", "127.0.0.1")
