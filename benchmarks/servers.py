"""Both systems as server processes on free ports: ours under granian, the baseline under uvicorn."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil

from benchmarks.stores import baseline_store_of, copy_of, store_of
from benchmarks.trained_models import baseline_models, fill_cache
from tests.builders.ports import free_port

REPOSITORY = Path(__file__).parents[1]
PATIENCE_SECONDS = 300.0
# Let Python keep compiled modules: a start that compiles every module takes three times as long.
_COMPILED = {
    "PYTHONDONTWRITEBYTECODE": "",
    "PYTHONPYCACHEPREFIX": str(Path(tempfile.gettempdir()) / "rps-benchmark-bytecode"),
}
POLL_SECONDS = 0.01


class Server:
    """A server process with its workers."""

    def __init__(self, command: tuple[str, ...], environment: Mapping[str, str], log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = log
        self.started_at = time.perf_counter()
        with log.open("ab") as output:
            self._process = subprocess.Popen(  # noqa: S603 - our own commands
                [sys.executable, "-m", *command, "--port", str(self.port)],
                cwd=REPOSITORY,
                env={**os.environ, **_COMPILED, **environment},
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def wait_until(self, is_ready: Callable[["Server"], bool]) -> float:
        """Poll until the server is ready; return the seconds since its process started.

        Raises:
            RuntimeError: the server ended, or was not ready within five minutes.
        """
        while not self._answers(is_ready):
            if self._process.poll() is not None or time.perf_counter() - self.started_at > PATIENCE_SECONDS:
                raise RuntimeError(f"the server did not become ready:\n{self.log.read_text()[-3000:]}")
            time.sleep(POLL_SECONDS)
        return time.perf_counter() - self.started_at

    @property
    def worker(self) -> psutil.Process:
        """The largest process of the server: its worker."""
        server = psutil.Process(self._process.pid)
        return max([server, *server.children(recursive=True)], key=lambda process: process.memory_info().rss)

    def resident_megabytes(self) -> float:
        """Return the resident memory of the worker."""
        return self.worker.memory_info().rss / 1_000_000

    def kill(self) -> None:
        """Kill the server and its workers."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _answers(self, is_ready: Callable[["Server"], bool]) -> bool:
        try:
            return is_ready(self)
        except httpx.TransportError:
            return False


def has_models(server: Server) -> bool:
    """Whether our API is ready and serves every slot."""
    response = httpx.get(f"{server.url}/readyz", timeout=60)
    return response.status_code == 200 and not response.json()["degraded"]


def has_totals(server: Server) -> bool:
    """Whether our API has its models and has settled the totals of the store, which it does once, in the background."""
    return has_models(server) and "rps_tallies_ready 1.0" in httpx.get(f"{server.url}/metrics", timeout=60).text


def is_healthy(server: Server) -> bool:
    """Whether the baseline answers; it loads its models first."""
    return httpx.get(f"{server.url}/healthz", timeout=60).status_code == 200


@contextmanager
def ours(
    folder: Path, stored_games: int, *, workers: int = 1, environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Serve our API with twelve models and `stored_games` games; the caller waits until it is ready."""
    copy_of(store_of(stored_games), folder / "rps.db")
    fill_cache(folder / "model_cache")
    command = ("granian", "--interface", "asgi", "--factory", "--host", "127.0.0.1", "--workers", str(workers))
    limits = {"RPS_STARTS_PER_MINUTE": "0", "RPS_PLAYS_PER_MINUTE": "0"}
    variables = {"DATA_PATH": str(folder), **limits, **(environment or {})}
    yield from _serving((*command, "rps_api.app:create_app"), variables, folder)


@contextmanager
def baseline(folder: Path, stored_games: int, *, workers: int = 1) -> Iterator[Server]:
    """Serve the baseline with the same models and games."""
    copy_of(baseline_store_of(stored_games), folder / "rps.db")
    (folder / "models").symlink_to(baseline_models())
    command = ("uvicorn", "--factory", "--log-level", "warning", "--workers", str(workers))
    # One thread per library: more are slower for one row and compete with the load generator.
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    variables = {"BASELINE_FOLDER": str(folder), "MLFLOW_DISABLE_TELEMETRY": "true", **threads}
    yield from _serving((*command, "benchmarks.baseline.app:create_app"), variables, folder)


def _serving(command: tuple[str, ...], environment: Mapping[str, str], folder: Path) -> Iterator[Server]:
    server = Server(command, environment, folder / "server.log")
    try:
        yield server
    finally:
        server.kill()
