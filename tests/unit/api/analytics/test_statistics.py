"""The statistics endpoints, through the real application."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from litestar import Litestar
from litestar.testing import TestClient
from sqlalchemy import Engine, text

from rps_core.store import GameStore
from tests.builders.games import START, new_game, play_next, play_to_the_end
from tests.unit.api.analytics.conftest import OPERATOR

Start = Callable[..., TestClient[Litestar]]


def play_some(store: GameStore) -> None:
    for seed in range(6):
        play_to_the_end(store, new_game(f"game-{seed}"), seed=seed)
    play_to_the_end(store, new_game("ace", player_name="Ace", player_kind="scripted", session_id="ace"), seed=7)
    play_to_the_end(store, new_game("test", player_name="Tester", player_kind="test", session_id="test"), seed=8)


def test_every_endpoint_works_on_an_empty_store(start: Start) -> None:
    client = start()
    assert client.get("/leaderboard").json()["leaderboard"] == []
    assert client.get("/games").json() == {"games": [], "count": 0}
    found = client.get("/stats/global").json()
    assert (found["total_games"], found["total_rounds"], found["policy_performance"]) == (0, 0, [])
    assert client.get("/export").json() == {"count": 0, "format": "json", "data": []}
    assert client.get("/win_streaks").json()["players"] == []
    rates = client.get("/bot_win_rates").json()["bot_rates"]
    assert list(rates) == ["brian", "forrest", "logan"]
    assert rates["logan"]["bot_win_rate"] is None


def test_the_leaderboard_has_the_fields_of_the_original(start: Start, store: GameStore) -> None:
    play_some(store)
    found = start().get("/leaderboard", params={"limit": 5}).json()
    assert set(found) == {"leaderboard", "since", "limit", "filtered_out"}
    (mira,) = found["leaderboard"]
    assert set(mira) == {"player_name", "total_games", "wins", "losses", "ties", "win_rate", "rank"}
    assert mira["total_games"] == mira["wins"] + mira["losses"] + mira["ties"] == 6
    assert mira["win_rate"] == round(100 * mira["wins"] / 6, 2)
    assert found["limit"] == 5


def test_the_list_of_games_shows_sessions_only_to_operators(start: Start, store: GameStore) -> None:
    play_some(store)
    client = start()
    listed = client.get("/games", params={"limit": 3}).json()
    assert listed["count"] == 3
    assert {game["session_id"] for game in listed["games"]} == {None}
    refused = client.get("/games", params={"include_sessions": "true"})
    assert refused.status_code == 401
    assert "session-1" not in refused.text
    found = client.get("/games", params={"include_sessions": "true"}, headers=OPERATOR).json()
    assert {game["session_id"] for game in found["games"]} == {"session-1", "ace"}


def test_games_are_filtered_by_player_policy_and_difficulty(start: Start, store: GameStore) -> None:
    play_some(store)
    client = start()

    def count(**params: str) -> int:
        return int(client.get("/games", params=params).json()["count"])

    assert count(player_name="Ace") == 1
    assert count(policy="Forrest") == 7
    assert count(policy="brian") == 0
    assert count(difficulty_mode="standard") == count(difficulty_mode="normal") == 7
    assert count(difficulty_mode="easy") == count(easy_mode="true") == 0


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/games?difficulty_mode=hard", 400),
        ("/games?policy=nobody", 400),
        ("/games?limit=0", 422),
        ("/games?limit=501", 422),
        ("/games?limit=many", 422),
        ("/leaderboard?limit=-1", 422),
        ("/leaderboard?limit=101", 422),
        ("/win_streaks?limit=-3", 422),
        ("/win_streaks?opponent=nobody", 400),
        ("/bot_win_rates?easy_mode=perhaps", 422),
        ("/export?limit=10001", 422),
        ("/export?format=xml", 422),
        ("/export?before=0", 422),
        ("/stats", 400),
        ("/stats/policy/nobody", 404),
        ("/stats/player/nobody", 404),
    ],
)
def test_invalid_queries_are_rejected_with_a_sentence(start: Start, path: str, status: int) -> None:
    response = start().get(path)
    assert response.status_code == status
    assert len(response.json()["detail"]) > 10


def test_global_statistics_agree_with_the_rounds(start: Start, store: GameStore) -> None:
    play_some(store)
    store.write([new_game("running")])
    play_next(store, store.load_game("running"), "rock", "paper")
    rounds = [played for n in range(6) for played in store.load_game(f"game-{n}").rounds]
    rounds += [*store.load_game("ace").rounds, *store.load_game("running").rounds]
    found = start().get("/stats/global").json()
    assert found["total_games"] == 8
    assert found["total_rounds"] == len(rounds)
    assert {row["result"]: row["count"] for row in found["result_distribution"]} == {
        result: sum(played.result == result for played in rounds) for result in ("win", "lose", "draw")
    }
    (forrest,) = found["policy_performance"]
    assert forrest["total_games"] == 7 == forrest["bot_wins"] + forrest["player_wins"] + forrest["ties"]
    assert found["recent_activity"] == {"rounds_last_24h": len(rounds), "rounds_last_week": len(rounds)}


def test_one_opponent_has_finished_games_and_the_moves_of_the_bot(start: Start, store: GameStore) -> None:
    play_some(store)
    found = start().get("/stats/policy/forrest").json()
    rounds = [played for n in range(6) for played in store.load_game(f"game-{n}").rounds] + [
        *store.load_game("ace").rounds
    ]
    assert found["total_games"] == 7
    assert {row["move"]: row["count"] for row in found["move_distribution"]} == {
        move: sum(played.bot_move == move for played in rounds) for move in ("rock", "paper", "scissors")
    }
    assert found["difficulty_breakdown"][0]["total_games"] == 7
    assert found["total_rounds"] == len(rounds)


def test_an_opponent_filtered_by_difficulty_has_no_breakdown(start: Start, store: GameStore) -> None:
    play_some(store)
    client = start()
    found = client.get("/stats/policy/forrest", params={"easy_mode": "false"}).json()
    assert (found["easy_mode"], found["difficulty_breakdown"], found["total_games"]) == (False, [], 7)
    assert client.get("/stats/policy/forrest", params={"easy_mode": "true"}).status_code == 404


def test_one_player_has_games_rounds_and_moves(start: Start, store: GameStore) -> None:
    play_some(store)
    client = start()
    found = client.get("/stats/player/Mira").json()
    rounds = [played for n in range(6) for played in store.load_game(f"game-{n}").rounds]
    assert (found["total_games"], found["total_rounds"]) == (6, len(rounds))
    assert found["wins"] + found["losses"] + found["ties"] == 6
    assert {row["move"]: row["count"] for row in found["move_distribution"]} == {
        move: sum(played.user_move == move for played in rounds) for move in ("rock", "paper", "scissors")
    }
    assert client.get("/stats/player/Tester").status_code == 404


def test_names_with_spaces_and_punctuation_are_found(start: Start, store: GameStore) -> None:
    play_to_the_end(store, new_game(player_name="Zoë & 'Söhne' %"))
    found = start().get("/stats/player/Zo%C3%AB%20%26%20%27S%C3%B6hne%27%20%25").json()
    assert found["player_name"] == "Zoë & 'Söhne' %"


def test_rounds_of_a_session_and_of_a_game_are_counted(start: Start, store: GameStore) -> None:
    play_some(store)
    client = start()
    session = client.get("/stats", params={"session_id": "session-1"}).json()
    assert (session["scope"], session["games"]) == ("session", 6)
    game = client.get("/stats", params={"game_id": "game-2", "session_id": "session-1"}).json()
    stored = store.load_game("game-2")
    assert (game["scope"], game["user_score"], game["winner"]) == ("game", stored.user_score, stored.winner)
    assert game["wins"] + game["losses"] + game["draws"] == game["rounds"] == len(stored.rounds)


def test_the_statistics_of_a_test_game_are_zero(start: Start, store: GameStore) -> None:
    play_some(store)
    assert start().get("/stats", params={"game_id": "test"}).json() == {
        "scope": "game",
        "rounds": 0,
        "wins": 0,
        "losses": 0,
        "draws": 0,
        "user_score": 0.0,
        "bot_score": 0.0,
        "winner": None,
    }


def test_bot_rates_exclude_scripted_players_and_list_them(start: Start, store: GameStore) -> None:
    play_some(store)
    client = start()
    found = client.get("/bot_win_rates").json()
    forrest = found["bot_rates"]["forrest"]
    assert (forrest["human_games"], forrest["excluded_games"], forrest["total_games_tracked"]) == (6, 1, 7)
    assert found["exclusions"] == {"total_games": 1, "by_reason": {"legacy": 1}, "sample_names": {"legacy": ["Ace"]}}
    everybody = client.get("/bot_win_rates", params={"human_only": "false"}).json()
    assert everybody["bot_rates"]["forrest"]["human_games"] == 7


def test_streaks_have_the_fields_that_the_page_reads(start: Start, store: GameStore, engine: Engine) -> None:
    play_some(store)
    with engine.begin() as connection:
        connection.execute(text("UPDATE games SET winner = 'user' WHERE player_name = 'Mira'"))
    found = start().get("/win_streaks", params={"opponent": " Forrest ", "limit": 1}).json()
    assert found["filters"] == {"opponent": "forrest", "limit": 1, "easy_mode": False}
    assert found["players"][0] | {"last_win_date": None} == {
        "username": "Mira",
        "streak": 6,
        "current_streak": 6,
        "last_win_date": None,
        "total_games": 6,
    }
    assert found["players"][0]["last_win_date"].startswith("2026-11-01T12:")
    assert found["filtered_out"] == [{"player": "Ace", "reason": "legacy"}]


def test_games_before_the_window_never_count(start: Start, store: GameStore) -> None:
    play_some(store)
    client = start(metrics_since=START + timedelta(seconds=1))
    assert client.get("/games").json()["count"] == 0
    assert client.get("/stats/global").json()["total_rounds"] == 0
    assert client.get("/export").json()["count"] == 0
    assert client.get("/leaderboard").json()["since"] == "2026-11-01T12:00:01Z"


def test_a_heavy_answer_is_cached(start: Start, store: GameStore) -> None:
    play_some(store)
    client = start()
    before = client.get("/bot_win_rates").json()
    play_to_the_end(store, new_game("later"), seed=11)
    assert client.get("/bot_win_rates").json() == before
    assert client.get("/stats", params={"session_id": "session-1"}).json()["games"] == 7


def test_the_cache_of_answers_is_bounded(start: Start, store: GameStore) -> None:
    client = start()
    for limit in range(1, 101):
        assert client.get("/leaderboard", params={"limit": limit}).status_code == 200
        assert client.get("/win_streaks", params={"limit": limit}).status_code == 200
    statistics = client.app.dependencies["statistics"].dependency()  # type: ignore[union-attr]
    assert len(statistics._answers) <= 64
