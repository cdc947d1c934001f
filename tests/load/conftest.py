"""The real server on SQLite, and with two workers on PostgreSQL; with twelve models behind it."""

import re
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from rps_core.store import open_engine
from tests.browser.server import GameServer
from tests.builders.models import TestRegistry


class Stage(NamedTuple):
    """A running server and a second look at its store; `games` is how many of them fit the time of a test."""

    server: GameServer
    engine: Engine
    games: int

    @property
    def log(self) -> str:
        return (self.server.data_path / "server.log").read_text()


@pytest.fixture(params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stage]:
    with ExitStack() as stack:
        TestRegistry.in_folder(tmp_path / "model_cache").fill_all()
        url, workers, games = f"sqlite:///{tmp_path}/rps.db", "1", 500
        if request.param == "postgresql":
            url, workers, games = stack.enter_context(own_database(request)), "2", 150
        server = GameServer(tmp_path, RPS_DATABASE_URL=url, GRANIAN_WORKERS=workers)
        stack.callback(server.kill)
        engine = open_engine(url)
        stack.callback(engine.dispose)
        yield Stage(server.start(), engine, games)


@contextmanager
def own_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Create a database for one test on the session's PostgreSQL, and drop it afterwards."""
    url = make_url(request.getfixturevalue("postgres_url"))
    name = "load_" + re.sub(r"\W", "_", request.node.name.lower())[:40]
    administrator = create_engine(url, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield url.set(database=name).render_as_string(hide_password=False)
    with administrator.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    administrator.dispose()
