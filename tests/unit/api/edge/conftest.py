"""The application on a real store, called from another machine."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any, NamedTuple

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from rps_api.app import create_app
from rps_core.settings import load_settings
from tests.builders.models import TestRegistry
from tests.builders.peers import Peer, requested_from

TOKEN = "operators-alone"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


class Table(NamedTuple):
    """A running application; `client` sends requests from the address in `peer`."""

    client: TestClient[Litestar]
    peer: Peer

    def start(self, **body: Any) -> dict[str, Any]:
        return dict(self.client.post("/start_game", json=body).raise_for_status().json())

    def play(self, game_id: str, move: str = "rock") -> dict[str, Any]:
        return dict(self.client.post("/play", json={"game_id": game_id, "user_move": move}).raise_for_status().json())


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Table]]:
    """Start the application with some settings and, if `models` is set, with twelve models."""
    with ExitStack() as stack:

        def served(
            *, models: bool = False, folder: str = "data", random: Random | None = None, **settings: Any
        ) -> Table:
            configured = load_settings(data_path=tmp_path / folder, **settings)
            if models:
                TestRegistry.in_folder(tmp_path / folder / "model_cache").fill_all()
            app = create_app(configured, refresh_models=models, random=random)
            peer = requested_from(app)
            return Table(stack.enter_context(TestClient(app)), peer)

        yield served
