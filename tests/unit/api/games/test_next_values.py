"""The reply to a round contains everything that a player needs for the next round."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from rps_api.app import create_app
from rps_core.game.players import session_code
from rps_core.game.scoring import MAX_ROUNDS, round_points
from rps_core.settings import load_settings

SESSION = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient[Litestar]]:
    with TestClient(create_app(load_settings(data_path=tmp_path), refresh_models=False)) as client:
        yield client


def start(client: TestClient[Litestar]) -> dict[str, Any]:
    return dict(client.post("/start_game", json={"policy": "logan", "session_id": SESSION}).raise_for_status().json())


def play(client: TestClient[Litestar], game_id: str, round_no: int) -> dict[str, Any]:
    body = {"game_id": game_id, "user_move": "rock", "round": round_no}
    return dict(client.post("/play", json=body).raise_for_status().json())


def test_a_reply_contains_the_values_of_the_next_round_until_the_game_is_over(client: TestClient[Litestar]) -> None:
    game_id = start(client)["game_id"]
    for round_no in range(1, MAX_ROUNDS + 1):
        reply = play(client, game_id, round_no)
        if reply["finished"]:
            assert reply["next_round_points"] is None
            return
        asked = client.get("/round_points", params={"game_id": game_id}).json()
        assert asked == {"round_no": round_no + 1, "round_points": reply["next_round_points"]}
        assert tuple(reply["next_round_points"].values()) == round_points(game_id, round_no + 1)
    raise AssertionError("no game lasts longer")


def test_a_repeated_play_gets_the_same_bytes_even_after_later_rounds(client: TestClient[Litestar]) -> None:
    game_id = start(client)["game_id"]
    body = {"game_id": game_id, "user_move": "rock", "round": 1}
    first = client.post("/play", json=body).content
    play(client, game_id, 2)
    assert client.post("/play", json=body).content == first


def test_the_reply_contains_the_session_code(client: TestClient[Litestar]) -> None:
    started = start(client)
    stats = client.get("/stats", params={"session_id": SESSION}).json()
    assert started["session_code"] == stats["session_code"] == session_code(SESSION) == "111"
    assert started["player_name"] == "Player-111"
