"""The real server on SQLite and on PostgreSQL with models behind it, and a table of how long it took to recover."""

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
    """A running server and a second look at its store; `games` is how many of them fit the time of a test."""

    server: GameServer
    engine: Engine
    games: int

    @property
    def log(self) -> str:
        return (self.server.data_path / "server.log").read_text()


OpenStage: TypeAlias = Callable[..., Stage]


@contextmanager
def staged(folder: Path, url: str | None = None, *, games: int = 0, **environment: str) -> Iterator[Stage]:
    """Start a server with twelve models on a store of its own; `environment` are its settings."""
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
    """Start a server as `staged` does, in the folder of the test."""
    with ExitStack() as stack:
        yield lambda *given, **named: stack.enter_context(staged(tmp_path, *given, **named))


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def stage(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """One worker on SQLite, two on PostgreSQL; shared by the tests of a module."""
    folder = tmp_path_factory.mktemp(request.param)
    with ExitStack() as stack:
        if request.param == "sqlite":
            yield stack.enter_context(staged(folder, games=400))
        else:
            url = stack.enter_context(own_database(request))
            yield stack.enter_context(staged(folder, url, games=150, GRANIAN_WORKERS="2"))


@contextmanager
def own_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Create a database for one module on the session's PostgreSQL, and drop it afterwards."""
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
    """Wait until all is well again, and note how long that took from now."""
    return recovery_of(lambda what, seconds: record_property(_PREFIX + what, seconds))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the product as a whole, which takes longest, so that the other worker does not end before it."""
    items.sort(key=lambda item: item.path != Path(__file__).with_name("test_product.py"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how long each recovery took."""
    took: dict[str, list[float]] = defaultdict(list)
    for report in terminalreporter.getreports("passed"):
        for name, seconds in report.user_properties:
            if report.when == "call" and name.startswith(_PREFIX):
                took[name.removeprefix(_PREFIX)].append(seconds)
    if took:
        terminalreporter.section("recovery times")
    for what, seconds in sorted(took.items()):
        times = f"{max(seconds):5.1f} s"
        if len(seconds) > 1:
            times += f" at most, {statistics.median(seconds):.1f} s in the middle of {len(seconds)}"
        terminalreporter.write_line(f"  {what:<60} {times}")
