"""SIGTERM ends `rps api` at any moment, also as the first process of a container."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from tests.builders.ports import free_port

pytestmark = pytest.mark.integration
# A process that ignores the signal never ends.
PATIENCE_SECONDS = 60
# Makes the server the first process of a namespace, like a container.
CONTAINER = ("unshare", "--user", "--map-root-user", "--pid", "--fork", "--kill-child")


def is_possible(command: tuple[str, ...]) -> bool:
    try:
        return subprocess.run([*command, "true"], capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    ("written", "seconds"),
    # While it migrates, becomes Granian, starts its worker, imports the application, and serves.
    [("rps.db", 0.0), ("rps.db", 0.5), ("Spawning worker", 0.0), ("Spawning worker", 0.7), ("Started worker", 0.0)],
)
def test_the_api_ends_whenever_it_is_asked_to(written: str, seconds: float, tmp_path: Path) -> None:
    wrapper = CONTAINER if is_possible(CONTAINER) else ()
    log = tmp_path / "log"
    (tmp_path / "data").mkdir()
    environment = os.environ | {"DATA_PATH": str(tmp_path / "data"), "RPS_API_PORT": str(free_port())}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*wrapper, sys.executable, "-m", "rps_cli", "api"], env=environment, stdout=output, stderr=output
        )
    try:
        wait_for(lambda: (tmp_path / "data" / written).exists() or written in log.read_text(), log)
        time.sleep(seconds)
        (server,) = psutil.Process(process.pid).children() if wrapper else [psutil.Process(process.pid)]
        workers = server.children(recursive=True)
        server.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_SECONDS) == 0, log.read_text()
        psutil.wait_procs(workers, timeout=PATIENCE_SECONDS)
        assert not any(worker.is_running() for worker in workers)
    finally:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool], log: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < until, log.read_text()
        time.sleep(0.01)
