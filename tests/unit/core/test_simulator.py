"""The simulator: its plans, and games against a real HTTP server that sometimes fails."""

import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from random import Random
from typing import Any

import pytest

from rps_core.game.moves import MOVES
from rps_core.game.opponents import POLICIES
from rps_core.game.scoring import play_round, round_points
from rps_core.game.value_keys import commitment
from rps_core.simulation import simulator
from rps_core.simulation.scripted_players import SCRIPTED_PLAYERS
from rps_core.simulation.simulator import (
    PlannedGame,
    PlayOptions,
    SimulationError,
    choose_move,
    plan_games,
    play_games,
    read_round,
)

POINTS = round_points("g", 1)


def test_every_player_meets_every_opponent_before_any_pair_meets_again() -> None:
    plan = plan_games(48, seed=1)
    pairs = {(player, policy) for player in SCRIPTED_PLAYERS for policy in POLICIES}
    assert {(game.player, game.policy) for game in plan[:24]} == pairs
    assert set(Counter((game.player, game.policy) for game in plan).values()) == {2}
    assert [game.number for game in plan] == list(range(48))


def test_a_plan_repeats_with_its_seed_and_differs_with_another() -> None:
    assert plan_games(30, seed=5) == plan_games(30, seed=5)
    assert plan_games(30, seed=5) != plan_games(30, seed=6)
    assert plan_games(10, seed=5) == plan_games(30, seed=5)[:10]


@pytest.mark.parametrize("count", [0, -3])
def test_a_plan_without_games_is_empty(count: int) -> None:
    assert plan_games(count, seed=1) == []


def test_the_error_for_an_unknown_player_lists_the_known_players() -> None:
    with pytest.raises(SimulationError, match=r"'zed'; choose one of ace, .*, random"):
        choose_move("zed", [], POINTS, Random(1))


def test_the_random_player_plays_every_move() -> None:
    random = Random(3)
    assert {choose_move("random", [], POINTS, random) for _ in range(50)} == set(MOVES)


def reply(**changes: Any) -> dict[str, Any]:
    complete = {"round": 1, "user_move": "rock", "bot_move": "paper", "user_score": 0.0, "bot_score": 1.5}
    return {**complete, "round_points": dict(zip(MOVES, POINTS, strict=True)), **changes}


@pytest.mark.parametrize(
    "changes",
    [{"round": 2}, {"user_move": "paper"}, {"round_points": {"rock": 9.0, "paper": 9.0, "scissors": 9.0}}],
)
def test_a_reply_that_contradicts_the_rules_is_refused(changes: dict[str, Any]) -> None:
    with pytest.raises(SimulationError, match="another version"):
        read_round(reply(**changes), 1, POINTS, "rock")


class Table:
    """Games by the real rules behind a real socket; `fault` can break the answer to a request."""

    def __init__(self) -> None:
        self.games: dict[str, dict[str, Any]] = {}
        self.requests: list[tuple[str, dict[str, Any]]] = []
        self.fault: Callable[[str, dict[str, Any]], str | None] = lambda path, body: None
        self.lock = threading.Lock()
        self.older = False
        self.shown_key: str | None = None

    def key_of(self, game_id: str) -> str:
        """The key of the values; older releases used the id."""
        return game_id if self.older else f"key-of-{game_id}"

    def answer(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        if path == "/start_game":
            game_id = f"game-{len(self.games)}"
            self.games[game_id] = {"rounds": [], "scores": (0.0, 0.0), "started": body}
            values = dict(zip(MOVES, round_points(self.key_of(game_id), 1), strict=True))
            committed = commitment(self.key_of(game_id))
            session_id = body.get("session_id") or f"session of {game_id}"
            started = {"game_id": game_id, "bot_model_alias": "B", "session_id": session_id, "round_points": values}
            return started if self.older else started | {"value_key_sha256": committed}
        game, round_no = self.games[body["game_id"]], body["round"]
        if round_no <= len(game["rounds"]):
            return dict(game["rounds"][round_no - 1])
        points = round_points(self.key_of(body["game_id"]), round_no)
        following = round_points(self.key_of(body["game_id"]), round_no + 1)
        bot_move = MOVES[round_no % 3]
        outcome = play_round(*game["scores"], body["user_move"], bot_move, points)
        game["scores"] = (outcome.user_score, outcome.bot_score)
        played = {
            "round": round_no,
            "user_move": body["user_move"],
            "bot_move": bot_move,
            "user_score": outcome.user_score,
            "bot_score": outcome.bot_score,
            "round_points": dict(zip(MOVES, points, strict=True)),
            "next_round_points": dict(zip(MOVES, following, strict=True)),
            "finished": outcome.finished,
            "winner": outcome.winner,
            "model_info": {"probability_source": "mlflow" if round_no > 3 else "gambit"},
        }
        if not self.older:
            played["value_key"] = (self.shown_key or self.key_of(body["game_id"])) if outcome.finished else None
        game["rounds"].append(played)
        return played


@pytest.fixture
def table() -> Iterator[tuple[Table, str]]:
    api = Table()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            with api.lock:
                fault = api.fault(self.path, body)
                api.requests.append((self.path, body))
                status, answer = 200, {} if fault == "lost before" else api.answer(self.path, body)
            if fault in {"lost before", "lost after"}:
                self.close_connection = True
                return
            if fault is not None:
                status, answer = int(fault), {"detail": f"fault {fault}"}
            payload = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(payload)))
            self.end_headers()
            self.wfile.write(payload)

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield api, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(autouse=True)
def _no_long_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(simulator, "RETRY_PAUSES_SECONDS", (0.0, 0.0, 0.0))


def test_games_are_played_to_their_end_and_reported(table: tuple[Table, str]) -> None:
    api, url = table
    seen: list[tuple[int, int]] = []
    plan = plan_games(24, seed=2)
    report = play_games(
        url, plan, seed=2, options=PlayOptions(progress=lambda done, total: seen.append((done, total)), concurrency=4)
    )
    assert [outcome.game for outcome in report.outcomes] == plan
    assert report.games_with("error") == report.games_with("timeout") == 0
    assert sum(counts.total() for counts in report.by_opponent.values()) == 24
    assert set(report.by_opponent) == set(POLICIES)
    assert report.by_alias == {"B": Counter(outcome.result for outcome in report.outcomes)}
    assert report.sources["gambit"] == 3 * 24
    assert seen == [(done, 24) for done in range(1, 25)]
    started = [body for path, body in api.requests if path == "/start_game"]
    assert {body["player_kind"] for body in started} == {"scripted"}
    assert {body["player_name"] for body in started} == {"Ace", "Bob", "Cal", "Dan", "Edd", "Fox", "Gus", "Hal"}
    assert all(path == "/start_game" or game_is_over(api, body["game_id"]) for path, body in api.requests)
    text = str(report)
    assert "against brian" in text
    assert "alias B" in text


def game_is_over(api: Table, game_id: str) -> bool:
    return bool(api.games[game_id]["rounds"][-1]["finished"])


def test_the_same_seed_draws_the_same_moves(table: tuple[Table, str]) -> None:
    api, url = table
    plan = [PlannedGame(0, "random", "brian")]
    for seed in (4, 4, 5):
        play_games(url, plan, seed=seed, options=PlayOptions(concurrency=1))
    first, repeated, other = (
        [body["user_move"] for path, body in api.requests if path == "/play" and body["game_id"] == f"game-{number}"]
        for number in range(3)
    )
    assert first[:8] == repeated[:8]
    assert first[:8] != other[:8]


def test_each_simulated_person_plays_its_games_in_one_session(table: tuple[Table, str]) -> None:
    api, url = table
    plan = plan_games(5, seed=1, players=["people"])
    options = PlayOptions(player_kind="simulated", games_each=3, concurrency=2)
    assert play_games(url, plan, seed=1, options=options).failed is False
    started = [game["started"] for game in api.games.values()]
    assert {body["player_kind"] for body in started} == {"simulated"}
    # Two people: the API names their sessions, and the games that follow come back to them.
    sessions = Counter(body.get("session_id") for body in started)
    assert sorted(sessions.values()) == [1, 2, 2]
    assert sessions[None] == 2


@pytest.mark.parametrize("fault", ["lost before", "lost after", "503"])
def test_a_round_whose_answer_is_lost_is_requested_again_and_counted_once(table: tuple[Table, str], fault: str) -> None:
    api, url = table
    broken: set[int] = set()

    def once_a_round(path: str, body: dict[str, Any]) -> str | None:
        if path == "/play" and body["round"] not in broken:
            broken.add(body["round"])
            return fault
        return None

    api.fault = once_a_round
    report = play_games(url, [PlannedGame(0, "ace", "brian")], seed=1)
    (outcome,) = report.outcomes
    assert outcome.result in {"user", "bot", "tie"}
    rounds = [played["round"] for played in api.games["game-0"]["rounds"]]
    assert rounds == list(range(1, outcome.rounds + 1))
    assert len([path for path, _ in api.requests if path == "/play"]) == 2 * outcome.rounds


def test_a_game_that_fails_is_an_error_with_its_message_and_the_others_continue(table: tuple[Table, str]) -> None:
    api, url = table
    api.fault = lambda path, body: "409" if body.get("game_id") == "game-1" else None
    report = play_games(url, plan_games(4, seed=3), seed=3, options=PlayOptions(concurrency=1))
    assert report.games_with("error") == 1
    assert report.problems == ('POST /play answered 409: {"detail": "fault 409"}',)
    assert "error: POST /play answered 409" in str(report)


@pytest.mark.parametrize(
    ("older", "shown_key", "problem"), [(False, None, ""), (True, None, ""), (False, "x", "not fixed")]
)
def test_the_values_of_a_finished_game_must_follow_from_the_key_of_its_start(
    table: tuple[Table, str], older: bool, shown_key: str | None, problem: str
) -> None:
    api, url = table
    api.older, api.shown_key = older, shown_key
    report = play_games(url, [PlannedGame(0, "ace", "brian")], seed=1)
    assert report.games_with("error") == bool(problem)
    assert problem in "".join(report.problems)


def test_a_server_that_never_ends_a_game_times_out(table: tuple[Table, str]) -> None:
    api, url = table
    answer = api.answer
    api.answer = lambda path, body: answer(path, body) | {"finished": False}  # type: ignore[method-assign]
    report = play_games(url, [PlannedGame(0, "bob", "logan")], seed=1)
    (outcome,) = report.outcomes
    assert (outcome.result, outcome.rounds) == ("timeout", 60)


def test_the_error_for_an_api_that_does_not_answer_names_its_address() -> None:
    report = play_games("http://127.0.0.1:9", [PlannedGame(0, "ace", "brian")], seed=1)
    assert report.games_with("error") == 1
    assert "the API at http://127.0.0.1:9 does not answer" in report.problems[0]
