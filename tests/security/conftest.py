"""The application, called from another machine; one for each test file."""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from rps_api.app import create_app
from rps_core.settings import load_settings
from tests.builders.models import TestRegistry
from tests.builders.peers import Peer, requested_from

TOKEN = "operators-alone"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
_QUICK = {"starts_per_minute": 0, "plays_per_minute": 0, "sqlite_synchronous": "NORMAL"}


class Table(NamedTuple):
    """A running application; `client` sends requests from the address in `peer`."""

    client: TestClient[Litestar]
    peer: Peer

    def finished_game(self, session_id: str | None = None) -> str:
        """Play a game to its end and return its id."""
        body = {} if session_id is None else {"session_id": session_id}
        game_id = str(self.client.post("/start_game", json=body).raise_for_status().json()["game_id"])
        finished = False
        while not finished:
            finished = self.client.post("/play", json={"game_id": game_id, "user_move": "rock"}).json()["finished"]
        return game_id


def opened(folder: Path, **settings: object) -> Iterator[Table]:
    TestRegistry.in_folder(folder / "model_cache").fill_all()
    app = create_app(load_settings(data_path=folder, **_QUICK | settings))
    peer = requested_from(app)
    with TestClient(app) as client:
        yield Table(client, peer)


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    """An application with a token."""
    yield from opened(tmp_path_factory.mktemp("with-token"), api_token=TOKEN)


@pytest.fixture(scope="module")
def tokenless(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Table]:
    """An application without a token."""
    yield from opened(tmp_path_factory.mktemp("without-token"))
