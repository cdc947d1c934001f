"""Fixtures: the real server on SQLite and PostgreSQL, with models. The summary shows the recovery times."""

import re
import statistics
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple, TypeAlias

import pytest
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.engine import make_url

from rps_core.store import open_engine
from tests.browser.server import GameServer
from tests.builders.models import TestRegistry
from tests.faults.recovery import Recovered, recovery_of

_PREFIX = "recovery: "


class Stage(NamedTuple):
    """A running server, an engine on its store, and the number of games that a test can play."""

    server: GameServer
    engine: Engine
    games: int

    @property
    def log(self) -> str:
        return (self.server.data_path / "server.log").read_text()


OpenStage: TypeAlias = Callable[..., Stage]


@contextmanager
def staged(folder: Path, url: str | None = None, *, games: int = 0, **environment: str) -> Iterator[Stage]:
    """Start a server with twelve models and a new store; `environment` has its settings."""
    TestRegistry.in_folder(folder / "model_cache").fill_all()
    database = url or f"sqlite:///{folder}/rps.db"
    server = GameServer(folder, RPS_DATABASE_URL=database, **environment)
    engine = open_engine(database)
    try:
        yield Stage(server.start(), engine, games)
    finally:
        server.kill()
        engine.dispose()


@pytest.fixture
def open_stage(tmp_path: Path) -> Iterator[OpenStage]:
    """Return a function that starts a server in the folder of the test, like `staged`."""
    with ExitStack() as stack:
        yield lambda *args, **kwargs: stack.enter_context(staged(tmp_path, *args, **kwargs))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One worker on SQLite, two on PostgreSQL; the tests of a module share it."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield stack.enter_context(staged(folder, games=96))
        else:
            url = stack.enter_context(own_database(request))
            yield stack.enter_context(staged(folder, url, games=64, GRANIAN_WORKERS="2"))


@contextmanager
def own_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Create a database on the session's PostgreSQL, and drop it afterwards."""
    url = make_url(request.getfixturevalue("postgres_url"))
    name = "faults_" + re.sub(r"\W", "_", request.node.name.lower())[-40:]
    administrator = create_engine(url, isolation_level="AUTOCOMMIT")
    with administrator.connect() as connection:
        connection.execute(text(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)"))
        connection.execute(text(f"CREATE DATABASE {name}"))
    administrator.dispose()
    yield url.set(database=name).render_as_string(hide_password=False)
    with administrator.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    administrator.dispose()


@pytest.fixture
def recovered(record_property: Callable[[str, object], None]) -> Recovered:
    """Return a function that waits for a recovery and records its time."""
    return recovery_of(lambda event, seconds: record_property(_PREFIX + event, seconds))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Start with the whole product, whose tests take longest, so that the workers finish together."""
    items.sort(key=lambda item: item.path != Path(__file__).with_name("test_product.py"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the recovery times."""
    took: dict[str, list[float]] = defaultdict(list)
    for report in terminalreporter.getreports("passed"):
        for name, seconds in report.user_properties:
            if report.when == "call" and name.startswith(_PREFIX):
                took[name.removeprefix(_PREFIX)].append(seconds)
    if took:
        terminalreporter.section("recovery times")
    for event, seconds in sorted(took.items()):
        times = f"{max(seconds):5.1f} s"
        if len(seconds) > 1:
            times += f" at most, median {statistics.median(seconds):.1f} s of {len(seconds)}"
        terminalreporter.write_line(f"  {event:<60} {times}")
