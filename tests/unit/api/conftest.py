"""The application on a real database and model cache; tests refresh the models themselves."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import Engine, Select, select

from rps_api.app import create_app
from rps_api.inference.served_models import ServedModels
from rps_core.settings import load_settings
from rps_core.store import GameStore
from rps_core.store.schema import games
from tests.builders.models import TestRegistry

TOKEN = "operators-alone"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
# No limit on starts and no wait for the disk; other tests cover power cuts.
_QUICK = {"api_token": TOKEN, "starts_per_minute": 0, "sqlite_synchronous": "NORMAL"}


class Table:
    """A running application with its registry, store and served models."""

    def __init__(self, client: TestClient[Litestar], registry: TestRegistry) -> None:
        self.client = client
        self.registry = registry

    @property
    def served(self) -> ServedModels:
        return self._provided("served_models")

    @property
    def engine(self) -> Engine:
        return self._provided("engine")

    @property
    def store(self) -> GameStore:
        return GameStore(self.engine)

    def start(self, **body: Any) -> dict[str, Any]:
        """Start a game; fail if it is refused."""
        return dict(self.client.post("/start_game", json=body).raise_for_status().json())

    def play(self, game_id: str, move: str = "rock", **body: Any) -> dict[str, Any]:
        """Play a round; fail if it is refused."""
        return dict(self.try_play(game_id, move, **body).raise_for_status().json())

    def try_play(self, game_id: str, move: str = "rock", key: str | None = None, **body: Any) -> httpx.Response:
        """Play a round and return the response, even an error."""
        headers = {} if key is None else {"Idempotency-Key": key}
        return self.client.post("/play", json={"game_id": game_id, "user_move": move, **body}, headers=headers)

    def play_rounds(self, game_id: str, count: int, move: str = "rock") -> dict[str, Any]:
        """Play several rounds and return the last answer."""
        return [self.play(game_id, move) for _ in range(count)][-1]

    def play_to_the_end(self, game_id: str, seed: int = 1) -> list[dict[str, Any]]:
        """Play random moves until the game is finished."""
        random, replies = Random(seed), []
        while not replies or not replies[-1]["finished"]:
            replies.append(self.play(game_id, random.choice(("rock", "paper", "scissors"))))
        return replies

    def game_row(self, game_id: str) -> Any:
        """Return the stored row of a game."""
        return self.row(select(games).where(games.c.id == game_id))

    def row(self, query: Select[Any]) -> Any:
        """Return the only row of a query."""
        with self.engine.connect() as connection:
            return connection.execute(query).one()

    def _provided(self, name: str) -> Any:
        return self.client.app.dependencies[name].dependency()  # type: ignore[union-attr, operator]


Start = Callable[..., Table]


@pytest.fixture
def open_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Start applications on one folder; a second start acts as a restart."""
    # A busy machine may need longer to start the thread that counts.
    monkeypatch.setattr("rps_api.analytics.service.TALLIES_WAIT_SECONDS", 60.0)
    with ExitStack() as stack:

        def opened(**settings: Any) -> Table:
            configured = load_settings(data_path=tmp_path, **_QUICK | settings)
            app = create_app(configured, random=Random(7), refresh_models=False)
            client = stack.enter_context(TestClient(app))
            return Table(client, TestRegistry.in_folder(tmp_path / "model_cache"))

        yield opened


@pytest.fixture
def table(open_table: Start) -> Table:
    """An application with a model in each of the twelve slots."""
    opened = open_table(ab_split_ratio=1.0, plays_per_minute=0)
    opened.registry.fill_all()
    opened.served.refresh()
    return opened


@pytest.fixture
def bare_table(open_table: Start) -> Table:
    """An application with an empty model cache."""
    return open_table(plays_per_minute=0)
