"""The clock jumps back and forth during play: games continue, and counters stay right."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import pytest
from litestar.testing import TestClient

from rps_api.app import create_app
from rps_core.game.families import Slot
from rps_core.game.moves import MOVES
from rps_core.game.opponents import POLICIES
from rps_core.settings import load_settings
from rps_core.store import open_engine
from tests.builders.models import TestRegistry, of_two_classes, reading_features
from tests.faults.checks import check_counters, check_predictions, check_store
from tests.faults.clients import Acknowledged

pytestmark = [pytest.mark.integration, pytest.mark.timeout(120)]
JUMPS = (timedelta(days=-400), timedelta(days=30), timedelta(seconds=-1), timedelta(hours=-2), timedelta(days=4000))
B = Slot("xgboost", "B")


class Clock:
    """A clock that stands still unless a test moves it."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 25, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def test_rounds_are_played_scored_and_counted_although_the_clock_jumps(tmp_path: Path) -> None:
    clock, random, acknowledged = Clock(), Random(1), list[Acknowledged]()
    TestRegistry.in_folder(tmp_path / "model_cache").fill_all()
    # Statistics ignore games from before this day; no jump may make a game that old.
    settings = load_settings(data_path=tmp_path, metrics_since=datetime(2020, 1, 1, tzinfo=UTC), starts_per_minute=0)
    engine = open_engine(settings.storage.database_url)
    with TestClient(create_app(settings, clock=clock)) as client:
        for number in range(15):
            started = client.post("/start_game", json={"player_name": "Nora", "policy": POLICIES[number % 3]})
            game, finished = started.raise_for_status().json()["game_id"], False
            while not finished:
                clock.now += random.choice(JUMPS) if datetime(2023, 1, 1, tzinfo=UTC) < clock.now else timedelta(900)
                clock.now = min(clock.now, datetime(2090, 1, 1, tzinfo=UTC))
                reply = client.post("/play", json={"game_id": game, "user_move": random.choice(MOVES)})
                acknowledged.append(Acknowledged.of(reply.raise_for_status().json()))
                finished = reply.json()["finished"]
        assert client.get("/readyz").json()["ready"]
        check_predictions(engine, check_store(engine, acknowledged))
        check_counters(engine, lambda: client.get("/metrics").text)
        for page in ("/stats/player/Nora", "/health/metrics", "/health/detailed", "/win_streaks"):
            assert client.get(page).status_code == 200, page
    engine.dispose()


def test_a_clock_that_was_set_back_does_not_delay_a_fixed_model(tmp_path: Path) -> None:
    clock, registry = Clock(), TestRegistry.in_folder(tmp_path / "model_cache")
    entries = registry.fill_all()
    with TestClient(create_app(load_settings(data_path=tmp_path), clock=clock, refresh_models=False)) as client:
        served = client.app.dependencies["served_models"].dependency()
        assert served.refresh().complete
        registry.synchronise([registry.version(B, 50, of_two_classes()) if e.slot == B else e for e in entries])
        assert list(served.refresh().failed) == [B]
        registry.synchronise([registry.version(B, 51, reading_features(5)) if e.slot == B else e for e in entries])
        assert served.refresh().loaded == ()
        clock.now -= timedelta(days=1)
        assert served.refresh().loaded == (B,)
