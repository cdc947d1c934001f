"""The product as a user runs it: `rps up` as a process on free ports, with its output read line by line."""

import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psutil

from rps_cli.up.leftovers import find_leftovers
from rps_core.game.families import REGISTERED_NAMES
from tests.builders.ports import free_ports

T = TypeVar("T")
COMMAND = (sys.executable, "-m", "rps_cli")
# Waits end as soon as their condition holds; a broken product fails a test after this time.
PATIENCE_SECONDS = 400.0


def product_environment(folder: Path, base: Mapping[str, str] = os.environ, **changes: str) -> dict[str, str]:
    """Return the environment of a product that keeps everything in `folder`."""
    api, dagster, mlflow = free_ports(3)
    inherited = {name: value for name, value in base.items() if not name.startswith(("RPS_", "MLFLOW_"))}
    return {
        **inherited,
        "DATA_PATH": str(folder / "data"),
        "DAGSTER_HOME": str(folder / "dagster_home"),
        "RPS_API_PORT": str(api),
        "RPS_DAGSTER_PORT": str(dagster),
        "RPS_MLFLOW_PORT": str(mlflow),
        # Few games for a quick test; training uses all of them instead of every fifth.
        "RPS_BOOTSTRAP_GAMES": "120",
        "TRAINING_SIMULATED_GAMES": "50",
        "TRAINING_LEGACY_GAME_STRIDE": "1",
        "MAX_USABLE_ROWS": "500",
        **changes,
    }


def run_cli(environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments], env=dict(environment), capture_output=True, text=True, timeout=120, check=False
    )


def wait_for(question: Callable[[], T | None], goal: str, seconds: float = PATIENCE_SECONDS) -> T:
    """Return the first answer that is not None; HTTP errors count as no answer yet."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            answer = question()
        except httpx.HTTPError:
            answer = None
        if answer is not None:
            return answer
        time.sleep(0.1)
    raise AssertionError(f"waited {seconds:.0f} s in vain for {goal}")


def command_of(process: psutil.Process) -> str:
    """Return the command of a process; empty if the process has ended."""
    try:
        return " ".join(process.cmdline())
    except psutil.Error:
        return ""


class Product:
    """One data folder, and the `rps up` that runs on it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self.environment = dict(environment)
        self.data = Path(environment["DATA_PATH"])
        self.api_url = f"http://127.0.0.1:{environment['RPS_API_PORT']}"
        self.dagster_url = f"http://127.0.0.1:{environment['RPS_DAGSTER_PORT']}"
        self.mlflow_url = f"http://127.0.0.1:{environment['RPS_MLFLOW_PORT']}"
        # One client, because each new one reads the certificates. No connection outlives a killed server.
        self.http = httpx.Client(timeout=30, limits=httpx.Limits(max_keepalive_connections=0))
        self.output: list[str] = []
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[str | None] = queue.Queue()

    @property
    def process(self) -> subprocess.Popen[str]:
        assert self._process is not None, "start() was not called"
        return self._process

    def start(self) -> None:
        self.output.clear()
        self._lines = queue.Queue()
        # Like a script in the background, which ignores SIGINT. The shell sets this up, because Python would have to
        # fork, which libraries of other tests forbid.
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", "trap '' INT; exec \"$@\"", "sh", *COMMAND, "up"],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        threading.Thread(target=self._read, args=(self._process, self._lines), daemon=True).start()

    @staticmethod
    def _read(process: subprocess.Popen[str], lines: "queue.Queue[str | None]") -> None:
        assert process.stdout is not None
        with process.stdout:
            for line in process.stdout:
                lines.put(line)
        lines.put(None)

    def wait_for_line(self, fragment: str, seconds: float = PATIENCE_SECONDS) -> str:
        """Read the output until a line contains `fragment`."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            try:
                line = self._lines.get(timeout=1.0)
            except queue.Empty:
                continue
            assert line is not None, f"`rps up` ended before {fragment!r}:\n{''.join(self.output)}"
            self.output.append(line)
            if fragment in line:
                return line
        raise AssertionError(f"waited in vain for {fragment!r}:\n{''.join(self.output)}")

    def wait_for_file(self, file: Path) -> None:
        wait_for(lambda: file.exists() or None, str(file), 30.0)

    def wait_for_end(self, seconds: float = 60.0) -> int:
        code = self.process.wait(seconds)
        while (line := self._lines.get(timeout=5.0)) is not None:
            self.output.append(line)
        return code

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.wait_for_end()

    def leftovers(self) -> list[psutil.Process]:
        return find_leftovers(self.data)

    def process_named(self, fragment: str) -> psutil.Process:
        """Return the oldest process of this product with `fragment` in its command."""
        found = [process for process in self.leftovers() if fragment in command_of(process)]
        return min(found, key=lambda process: process.create_time())

    def served(self) -> dict[str, dict[str, Any]]:
        """Return version and run of each slot that the API serves; slots are written ``family@alias``."""
        described = self.http.get(f"{self.api_url}/models").raise_for_status().json()
        return {
            f"{family}@{alias}": {"version": str(model["version"]), "run_id": model["run_id"]}
            for family, value in described.items()
            for alias, model in value["aliases"].items()
            if model
        }

    def registered(self) -> dict[str, dict[str, Any]]:
        """Return the same from MLflow's registry, over its REST interface."""
        slots, url = {}, f"{self.mlflow_url}/api/2.0/mlflow/registered-models"
        for family, name in REGISTERED_NAMES.items():
            model = self.http.get(f"{url}/get", params={"name": name}).raise_for_status().json()
            for held in model["registered_model"]["aliases"]:
                of_alias = {"name": name, "alias": held["alias"]}
                version = self.http.get(f"{url}/alias", params=of_alias).json()["model_version"]
                slots[f"{family}@{held['alias']}"] = {"version": version["version"], "run_id": version["run_id"]}
        return slots
