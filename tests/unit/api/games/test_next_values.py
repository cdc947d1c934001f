"""The reply to a round contains everything that a player needs for the next round."""

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from litestar import Litestar
from litestar.testing import TestClient

from rps_api.app import create_app
from rps_core.game.players import session_code
from rps_core.game.scoring import MAX_ROUNDS, round_points
from rps_core.game.value_keys import commitment, value_fault
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
    values = []
    for round_no in range(1, MAX_ROUNDS + 1):
        reply = play(client, game_id, round_no)
        values.append(tuple(reply["round_points"].values()))
        if reply["finished"]:
            assert reply["next_round_points"] is None
            assert values == [round_points(reply["value_key"], number) for number in range(1, round_no + 1)]
            return
        asked = client.get("/round_points", params={"game_id": game_id}).json()
        assert asked == {"round_no": round_no + 1, "round_points": reply["next_round_points"]}
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


def test_the_values_were_fixed_before_the_first_move(client: TestClient[Litestar]) -> None:
    started = start(client)
    game_id, reply = started["game_id"], {"finished": False}
    for round_no in range(1, MAX_ROUNDS + 1):
        view = client.get(f"/games/{game_id}").json()
        assert (view["value_key"], view["value_key_sha256"]) == (None, started["value_key_sha256"])
        reply = play(client, game_id, round_no)
        if reply["finished"]:
            break
        assert reply["value_key"] is None
    key = client.get(f"/games/{game_id}").json()["value_key"]
    assert key == reply["value_key"] != game_id
    printed = subprocess.run(["sha256sum"], input=key, check=True, capture_output=True, text=True).stdout
    assert printed.split()[0] == started["value_key_sha256"]


def test_two_games_have_different_keys(client: TestClient[Litestar]) -> None:
    assert start(client)["value_key_sha256"] != start(client)["value_key_sha256"]


def test_with_public_values_the_id_is_the_key_as_in_older_games(tmp_path: Path) -> None:
    settings = load_settings(data_path=tmp_path, round_values="public")
    with TestClient(create_app(settings, refresh_models=False)) as client:
        started = start(client)
        assert tuple(started["round_points"].values()) == round_points(started["game_id"], 1)
        assert started["value_key_sha256"] == commitment(started["game_id"])


@pytest.mark.parametrize(
    ("key", "committed", "fault"),
    [
        ("k", None, None),
        ("k", commitment("k"), None),
        ("k", commitment("other"), "is not the"),
        ("j", commitment("j"), "round 1 was played with"),
    ],
)
def test_a_key_that_does_not_belong_to_the_game_is_found(key: str, committed: str | None, fault: str | None) -> None:
    found = value_fault(key, committed, [round_points("k", number) for number in range(1, 6)])
    assert found is None if fault is None else fault in str(found)
