"""Ids of running games and of sessions grant access, so other clients never see them."""

import json
import uuid
from collections.abc import Iterator

from tests.security.conftest import OPERATOR, Table

LISTS = ("/games?limit=500", "/export?format=json&limit=10000", "/export?format=csv&limit=10000", "/leaderboard",
         "/win_streaks", "/stats/global", "/observatory/state", "/metrics", "/health/metrics", "/health/detailed",
         "/readyz", "/models", "/models/ab_test/stats", "/stats/player/Mira", "/stats/policy/forrest",
         "/bot_win_rates")  # fmt: skip


def started(table: Table, **body: str) -> dict[str, str]:
    game: dict[str, str] = table.client.post("/start_game", json=body).raise_for_status().json()
    return game


def ids(count: int, table: Table) -> Iterator[str]:
    for _ in range(count):
        game = started(table)
        yield game["game_id"]
        yield game["session_id"]


def test_ids_of_games_and_sessions_cannot_be_guessed(table: Table) -> None:
    found = list(ids(50, table))
    assert len(set(found)) == 100
    assert {uuid.UUID(text).version for text in found} == {7}
    # Besides the time: 74 random bits, each of which is set in about half of the ids.
    bits = [sum(uuid.UUID(text).int >> place & 1 for text in found) for place in range(80)]
    assert sum(10 < count < 90 for count in bits) == 74


def test_the_id_of_a_running_game_is_not_public(table: Table) -> None:
    mine = started(table, user_name="Mira", bot_policy="forrest", session_id="a-session-of-mine")
    for _ in range(5):
        table.client.post("/play", json={"game_id": mine["game_id"], "user_move": "rock"}).raise_for_status()
    for path in LISTS:
        answer = table.client.get(path).text
        assert mine["game_id"] not in answer, path
        assert "a-session-of-mine" not in answer, path
    listed = table.client.get("/games?limit=1").json()["games"][0]
    assert listed["game_id"].startswith("running-")
    assert listed["rounds"] == 5


def test_the_public_name_of_a_running_game_cannot_be_used_as_its_id(table: Table) -> None:
    started(table)
    name = table.client.get("/games?limit=1").json()["games"][0]["game_id"]
    for path in (f"/games/{name}", f"/recent?game_id={name}", f"/round_points?game_id={name}"):
        assert table.client.get(path).status_code == 404
    assert table.client.post("/play", json={"game_id": name, "user_move": "rock"}).status_code == 404


def test_rounds_of_one_running_game_stay_together_in_an_export(table: Table) -> None:
    game_id = started(table)["game_id"]
    for _ in range(3):
        table.client.post("/play", json={"game_id": game_id, "user_move": "rock"}).raise_for_status()
    rows = table.client.get("/export?limit=3").json()["data"]
    assert len({row["game_id"] for row in rows}) == 1
    assert table.client.get("/games?limit=1").json()["games"][0]["game_id"] == rows[0]["game_id"]


def test_a_finished_game_has_a_public_id_and_can_be_read_but_not_changed(table: Table) -> None:
    game_id = table.finished_game()
    assert game_id in table.client.get("/games").text
    assert table.client.get(f"/games/{game_id}").status_code == 200
    assert table.client.post("/play", json={"game_id": game_id, "user_move": "rock"}).status_code == 409


def test_operators_see_game_and_session_ids(table: Table) -> None:
    mine = started(table, session_id="a-session-for-operators")
    game = table.client.get("/games?include_sessions=true&limit=1", headers=OPERATOR).json()["games"][0]
    assert (game["game_id"], game["session_id"]) == (mine["game_id"], "a-session-for-operators")


def test_answers_about_a_game_do_not_reveal_its_session(table: Table) -> None:
    game_id = table.finished_game("a-session-that-played")
    for path in (f"/games/{game_id}", f"/recent?game_id={game_id}", f"/stats?game_id={game_id}",
                 f"/games/{game_id}/rounds/4/explanation"):  # fmt: skip
        assert "a-session-that-played" not in json.dumps(table.client.get(path).json())
