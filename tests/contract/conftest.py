"""The real application with twelve models and a few games, as an operator sees it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from rps_api.app import create_app
from rps_core.settings import load_settings
from tests.builders.models import TestRegistry

TOKEN = "operators-alone"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("contract")


@pytest.fixture(scope="module")
def app(folder: Path) -> Litestar:
    TestRegistry.in_folder(folder / "model_cache").fill_all()
    return create_app(load_settings(data_path=folder, api_token=TOKEN, starts_per_minute=0, plays_per_minute=0))


@pytest.fixture(scope="module")
def client(app: Litestar) -> Iterator[TestClient[Litestar]]:
    with TestClient(app) as running:
        yield running
