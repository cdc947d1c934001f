"""The public API does not reveal the bot's next move: a client that uses all of it wins no more than others."""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import pytest

from rps_api.games import service
from rps_core.game.choice import choose_move
from rps_core.game.gambits import GAMBITS
from rps_core.game.moves import MOVES, Move, hunter
from rps_core.game.opponents import POLICIES
from rps_core.store import GameStore, open_engine
from tests.unit.api.edge.conftest import OPERATOR, TOKEN, Table

Serve = Callable[..., Table]
GAMES = 30


@pytest.fixture
def fresh(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Table]:
    """Start a service on an empty store with twelve models and a token.

    All services draw the same game ids, and so the same points, aliases and openings; only the clients differ.
    """

    def started(folder: str, **settings: Any) -> Table:
        ids = Random(17)
        monkeypatch.setattr(service, "new_id", lambda _now: str(UUID(int=ids.getrandbits(128), version=4)))
        return serve(
            models=True,
            folder=folder,
            random=Random(18),
            api_token=TOKEN,
            sqlite_synchronous="NORMAL",
            starts_per_minute=0,
            plays_per_minute=0,
            **settings,
        )

    return started


class Client:
    """A player that beats the predicted move if it can get a prediction, and plays at random otherwise."""

    def __init__(self, table: Table, headers: dict[str, str], *, asks: bool) -> None:
        self._table = table
        self._headers = headers
        self._asks = asks
        self.refusals: Counter[int] = Counter()

    def play_games(self, count: int) -> Counter[str]:
        return Counter(self._play_game(number) for number in range(count))

    def _play_game(self, number: int) -> str:
        random = Random(number)
        game = self._table.start(policy=("brian", "forrest", "logan")[number % 3])
        rounds: list[dict[str, Any]] = []
        points = game["round_points"]
        while True:
            drawn = random.choice(MOVES)
            predicted = self._predict(game, rounds, points) if self._asks else None
            reply = self._table.play(game["game_id"], drawn if predicted is None else hunter(predicted))
            if reply["finished"]:
                return str(reply["winner"])
            rounds.append(reply)
            points = self._table.client.get("/round_points", params={"game_id": game["game_id"]}).json()["round_points"]

    def _predict(self, game: dict[str, Any], rounds: list[dict[str, Any]], points: dict[str, float]) -> Move | None:
        if len(rounds) < 3:
            return self._predict_opening(game["game_id"], len(rounds))
        request = {
            "policy": game["policy"],
            "ab_assignment": game["bot_model_alias"],
            "player_history": [played["user_move"] for played in rounds],
            "bot_history": [played["bot_move"] for played in rounds],
            "history_values": [played["round_points"] for played in rounds],
            "round_values": points,
        }
        answer = self._table.client.post("/predict", json=request, headers=self._headers)
        if answer.status_code != 200:
            self.refusals[answer.status_code] += 1
            return None
        expected = answer.json()["probabilities"]
        last = rounds[-1]
        values = tuple(points[move] for move in MOVES)
        probabilities = tuple(expected[move] for move in MOVES)
        return choose_move(probabilities, values, last["bot_score"], last["user_score"])  # type: ignore[arg-type]

    def _predict_opening(self, game_id: str, played: int) -> Move | None:
        """Return the bot's next opening move if the export reveals the opening of a running game."""
        stored = self._table.client.get("/export", params={"limit": 1}, headers=self._headers).json()["data"]
        if not stored or stored[0]["game_id"] != game_id or not stored[0]["opening_seq"]:
            return None
        opening: list[Move] = json.loads(stored[0]["opening_seq"])
        return opening[played]


def test_a_client_that_asks_before_each_move_wins_no_more_than_one_that_does_not(
    fresh: Callable[..., Table],
) -> None:
    honest = Client(fresh("honest"), {}, asks=False).play_games(GAMES)
    asking = Client(fresh("asking"), {}, asks=True)
    assert asking.play_games(GAMES) == honest
    assert set(asking.refusals) == {401}
    assert asking.refusals[401] > GAMES, "the client sent no prediction requests"


def test_with_the_operators_token_the_same_client_wins_nearly_always(fresh: Callable[..., Table]) -> None:
    """Show that the test above can fail: the predictions do reveal the bot's move."""
    rules = ",".join(f"{policy}:expected_value" for policy in POLICIES)
    asking = Client(fresh("operator", choice_rules=rules), OPERATOR, asks=True)
    won = asking.play_games(GAMES)["user"]
    assert won >= 0.95 * GAMES
    assert not asking.refusals


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer guessed"}, {"Authorization": f"Basic {TOKEN}"}])
def test_every_prediction_endpoint_needs_the_token(fresh: Callable[..., Table], headers: dict[str, str]) -> None:
    table = fresh("data")
    for path in ("/predict", "/predict/batch", "/predict/context"):
        assert table.client.post(path, json={}, headers=headers).status_code == 401


def test_the_operator_can_make_predictions_public(serve: Serve) -> None:
    table = serve(models=True, api_token=TOKEN, public_predictions=True)
    assert table.client.post("/predict", json={"policy": "logan"}).status_code == 200


def test_a_running_game_reveals_its_opening_nowhere(fresh: Callable[..., Table]) -> None:
    table = fresh("data")
    game_id = table.start(policy="logan")["game_id"]
    table.play(game_id)
    answers = [
        table.client.get(path).text
        for path in (
            f"/games/{game_id}",
            f"/recent?game_id={game_id}",
            f"/games/{game_id}/rounds/1/explanation",
            "/games?limit=5",
            "/export?format=csv",
            "/export?format=json",
        )
    ]
    for name in (gambit.name for gambit in GAMBITS):
        assert not any(name in answer for answer in answers)
    assert '"opening_seq":null' in answers[-1]


def test_a_running_game_reveals_its_value_key_nowhere(
    serve: Serve, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The key gives away the values of the rounds to come, which is worth a game in a hundred."""
    captured = tmp_path / "captured"
    with caplog.at_level("DEBUG"):
        table = serve(models=True, api_token=TOKEN, capture_inference_dir=captured)
        started = table.start(policy="forrest")
        game_id = started["game_id"]
        replies = [started, *(table.play(game_id) for _ in range(4))]
        replies.append(table.client.post("/play", json={"game_id": game_id, "user_move": "lizard"}).json())
        read = [
            table.client.get(path, headers=headers).text
            for headers in ({}, OPERATOR)
            for path in every_page_that_reads(table, game_id)
        ]
        table.client.__exit__()
    key = GameStore(open_engine(f"sqlite:///{tmp_path / 'data' / 'rps.db'}")).load_game(game_id).value_key
    lines = [file.read_text() for file in captured.glob("*.jsonl")]
    seen = "".join([json.dumps(replies), *read, *lines, *capfd.readouterr(), caplog.text])
    assert key is not None
    assert lines
    assert game_id in seen
    assert key not in seen


def every_page_that_reads(table: Table, game_id: str) -> list[str]:
    """Every path of the API that a GET can read, of this game where one is named."""
    described = table.client.get("/openapi.json").json()["paths"]
    paths = [path for path, methods in described.items() if "get" in methods]
    named = [path.replace("{game_id}", game_id).replace("{round_no}", "4") for path in paths]
    return [*named, *(f"/{path}?game_id={game_id}" for path in ("recent", "round_points")), "/export?format=csv"]


def test_a_finished_game_reveals_its_opening(fresh: Callable[..., Table]) -> None:
    table = fresh("data")
    game_id, finished = table.start(policy="logan")["game_id"], False
    while not finished:
        finished = table.play(game_id)["finished"]
    (row,) = table.client.get("/export", params={"limit": 1}).json()["data"]
    assert row["opening_name"] == table.client.get(f"/games/{game_id}").json()["opening_name"]
    assert len(json.loads(row["opening_seq"])) == 3
