"""The real application on a real store that already has games."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import Engine

from rps_api.app import create_app
from rps_core.settings import load_settings
from rps_core.store import GameStore, open_engine, upgrade_store
from tests.builders.games import START

TOKEN = "operators-alone"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(f"sqlite:///{tmp_path}/rps.db")
    upgrade_store(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def store(engine: Engine) -> GameStore:
    return GameStore(engine)


@pytest.fixture
def start(engine: Engine, tmp_path: Path) -> Iterator[Callable[..., TestClient[Litestar]]]:
    """Start the application an hour after the games; answers are cached for five seconds."""
    with ExitStack() as stack:

        def started(**settings: Any) -> TestClient[Litestar]:
            configured = load_settings(data_path=tmp_path, api_token=TOKEN, **settings)
            app = create_app(configured, engine=engine, clock=lambda: START + timedelta(hours=1), refresh_models=False)
            return stack.enter_context(TestClient(app))

        yield started
