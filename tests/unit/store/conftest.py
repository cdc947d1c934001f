"""Real gameplay databases: SQLite in a folder, and PostgreSQL if it is installed."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine

from rps_core.store import open_engine, upgrade_store
from tests.builders.databases import make_empty


@pytest.fixture(params=["sqlite", "postgresql"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """A migrated, empty database of each supported kind."""
    url = f"sqlite:///{tmp_path}/rps.db" if request.param == "sqlite" else request.getfixturevalue("postgres_url")
    engine = open_engine(url)
    upgrade_store(engine)
    yield engine
    if request.param == "postgresql":
        make_empty(engine)
    engine.dispose()
