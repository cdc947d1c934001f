"""The retired easy mode: no game starts in it, and an easy game of the original continues as a normal one.

In easy mode, the original chose the worst of three expected values with probability 0.7. Here the bot plays its best
move, feature 50 shows the models that the game is easy, and statistics report easy games separately.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import Engine

from rps_cli.importers import import_original
from rps_core.features.contract import CONTRACT_V2
from tests.unit.api.analytics.conftest import OPERATOR
from tests.unit.cli.importers.original_database import add_game, add_rows, create_original, played_game

Start = Callable[..., TestClient[Litestar]]
ROUNDS_BEFORE = 4


@pytest.fixture
def client(engine: Engine, tmp_path: Path, start: Start) -> TestClient[Litestar]:
    """A store with a finished normal game of the original, and an easy one abandoned after four rounds."""
    original = create_original(tmp_path / "original.db")
    add_game(original, "normal", seed=2, bot_policy="brian")
    game, rounds = played_game("easy", bot_policy="brian_easy", easy_mode=1, winner=None, finished_ts=None)
    add_rows(original, "games", [game])
    add_rows(original, "events", rounds[:ROUNDS_BEFORE])
    import_original(engine, original)
    return start()


def played_on(client: TestClient[Litestar]) -> list[dict[str, Any]]:
    replies: list[dict[str, Any]] = []
    while not replies or not replies[-1]["finished"]:
        move = ("rock", "paper", "scissors")[len(replies) % 3]
        replies.append(client.post("/play", json={"game_id": "easy", "user_move": move}).raise_for_status().json())
    return replies


@pytest.mark.parametrize("mode", ["easy", " EASY "])
def test_no_game_starts_in_easy_mode(client: TestClient[Litestar], mode: str) -> None:
    reply = client.post("/start_game", json={"policy": "brian", "difficulty_mode": mode}).raise_for_status().json()
    assert reply["difficulty_mode"] == "normal"
    assert "coerced" in reply["message"]
    listed = client.get("/games?easy_mode=true&include_sessions=true", headers=OPERATOR).json()["games"]
    assert {game["game_id"] for game in listed} == {"easy"}


def test_an_easy_game_of_the_original_continues_with_the_best_moves(client: TestClient[Litestar]) -> None:
    replies = played_on(client)
    assert replies[0]["round"] == ROUNDS_BEFORE + 1
    for reply in replies:
        values = reply["debug"]["move_values"]
        assert values[reply["bot_move"]] == max(values.values())
        assert reply["model_info"]["difficulty_mode"] == "easy"
        assert dict(zip(CONTRACT_V2.columns, reply["debug"]["features"], strict=True))["easy_mode"] == 1.0
    assert replies[-1]["winner"] in {"user", "bot", "tie"}


def test_its_rounds_are_reported_as_easy(client: TestClient[Litestar]) -> None:
    rounds = ROUNDS_BEFORE + len(played_on(client))
    data = client.get("/export", params={"limit": 10_000}).json()["data"]
    assert {row["game_id"]: row["easy_mode"] for row in data} == {"easy": True, "normal": False}
    assert client.get("/stats/policy/brian", params={"easy_mode": "true"}).json()["total_rounds"] == rounds


def test_statistics_separate_easy_games(client: TestClient[Litestar]) -> None:
    played_on(client)
    for difficulty, game in (("easy", "easy"), ("standard", "normal"), ("normal", "normal")):
        listed = client.get("/games", params={"difficulty_mode": difficulty}).json()["games"]
        assert [row["game_id"] for row in listed] == [game]
    for easy in ("true", "false"):
        rates = client.get("/bot_win_rates", params={"easy_mode": easy}).json()["bot_rates"]
        assert rates["brian"]["human_games"] == 1
    found = client.get("/stats/policy/brian").json()["difficulty_breakdown"]
    assert {row["difficulty_mode"]: row["total_games"] for row in found} == {"easy": 1, "standard": 1}
    series = client.get("/metrics").text
    for difficulty in ("easy", "standard"):
        labels = f'difficulty="{difficulty}",model_type="feedforward_nn",policy="brian"'
        assert f"rps_games_total{{{labels}}} 1.0" in series


def test_an_abandoned_easy_game_does_not_count_in_rates(client: TestClient[Litestar]) -> None:
    rates = client.get("/bot_win_rates", params={"easy_mode": "true"}).json()["bot_rates"]
    assert rates["brian"]["human_games"] == 0
    assert rates["brian"]["bot_win_rate"] is None
    assert client.get("/games", params={"difficulty_mode": "easy"}).json()["games"][0]["rounds"] == ROUNDS_BEFORE
