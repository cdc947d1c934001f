"""The baseline plays the same game: legal moves, features of the contract, replies that the players understand."""

import asyncio
from pathlib import Path
from random import Random
from typing import Any

import httpx
import numpy as np
import pandas as pd
import pytest

from benchmarks.baseline import app as baseline
from benchmarks.baseline.features import feature_frame
from benchmarks.baseline.models import load_predictors, model_path, save_network
from benchmarks.decision import game_under_way, rows_of
from rps_core.features.contract import CURRENT_CONTRACT
from rps_core.features.steps import steps_after
from rps_core.game.families import SLOTS, Slot
from rps_core.game.moves import MOVES
from rps_core.game.scoring import MAX_ROUNDS, play_round, round_points
from tests.builders.models import reading_features


class Expecting:
    """A predictor that always expects the same move."""

    def __init__(self, move: int) -> None:
        self._probabilities = [0.1, 0.1, 0.1]
        self._probabilities[move] = 0.8

    def probabilities(self, features: pd.DataFrame) -> list[list[float]]:
        assert list(features.columns) == list(CURRENT_CONTRACT.columns)
        return [self._probabilities] * len(features)


class Client:
    """Calls the application without a server."""

    def __init__(self, application: Any) -> None:
        self._transport = httpx.ASGITransport(app=application)

    def post(self, path: str, json: Any) -> httpx.Response:
        return asyncio.run(self._post(path, json))

    async def _post(self, path: str, json: Any) -> httpx.Response:
        async with httpx.AsyncClient(transport=self._transport, base_url="http://baseline") as client:
            return await client.post(path, json=json)


@pytest.fixture
def client(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Client:
    monkeypatch.setenv("BASELINE_FOLDER", str(tmp_path))
    monkeypatch.setattr(baseline, "load_predictors", lambda _: {slot: Expecting(0) for slot in SLOTS})
    return Client(baseline.create_app())


def test_a_game_follows_the_rules_to_its_end(client: Client) -> None:
    random = Random(3)
    game = client.post("/start_game", json={"player_name": "Nora", "policy": "forrest"}).json()
    user = bot = 0.0
    for round_no in range(1, MAX_ROUNDS + 1):
        move = random.choice(MOVES)
        reply = client.post("/play", json={"game_id": game["game_id"], "user_move": move})
        body = reply.json()
        assert body["bot_move"] in MOVES
        outcome = play_round(user, bot, move, body["bot_move"], round_points(game["game_id"], round_no))
        user, bot = outcome.user_score, outcome.bot_score
        assert (body["round"], body["user_score"], body["bot_score"]) == (round_no, user, bot)
        assert (b'"finished":true' in reply.content) is outcome.finished
        assert len(body["debug"]["predictions"]) == (0 if round_no < 4 else 4)
        if outcome.finished:
            break

    assert outcome.finished
    assert client.post("/play", json={"game_id": game["game_id"], "user_move": "rock"}).status_code == 409


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("/play", {"game_id": "unknown", "user_move": "rock"}, 404),
        ("/play", {"game_id": "unknown", "user_move": "well"}, 400),
        ("/play", {"user_move": "rock"}, 422),
        ("/start_game", {"policy": "unknown"}, 400),
    ],
)
def test_invalid_requests_are_refused(client: Client, path: str, body: dict[str, str], status: int) -> None:
    assert client.post(path, json=body).status_code == status


def test_single_and_batch_predictions_agree(client: Client) -> None:
    request = {"policy": "logan", "player_history": ["rock", "paper"], "bot_history": ["rock", "rock"]}
    single = client.post("/predict/", json=request).json()

    assert single["prediction"] == "rock"
    assert client.post("/predict/batch", json=[request] * 3).json()["results"] == [single] * 3


@pytest.mark.parametrize("rounds", [0, 1, 2, 3, 9])
def test_the_features_of_the_baseline_equal_those_of_the_contract(rounds: int) -> None:
    game = game_under_way("xgboost", rounds)
    points = round_points(game.id, game.next_round_no)

    frame = feature_frame(rows_of(game), points)

    expected = steps_after(game.rounds).row(points)
    assert frame.columns.tolist() == list(CURRENT_CONTRACT.columns)
    assert frame.iloc[0].tolist() == pytest.approx(expected, abs=1e-12)


@pytest.mark.filterwarnings("ignore::UserWarning", "ignore::DeprecationWarning", "ignore::FutureWarning")
def test_networks_and_trees_answer_through_their_usual_interfaces(tmp_path: Path) -> None:
    from xgboost import XGBClassifier

    generator = np.random.default_rng(1)
    trees = XGBClassifier(n_estimators=3, n_jobs=1).fit(
        generator.random((60, len(CURRENT_CONTRACT.columns))), np.arange(60) % 3
    )
    for slot in SLOTS:
        if slot.family == "xgboost":
            trees.save_model(model_path(tmp_path, slot))
        elif slot.alias == "Production":
            save_network(reading_features(), model_path(tmp_path, slot))
        else:
            model_path(tmp_path, slot).symlink_to(model_path(tmp_path, Slot(slot.family, "Production")))
    game = game_under_way("feedforward_nn")
    features = feature_frame(rows_of(game), round_points(game.id, game.next_round_no))

    predictors = load_predictors(tmp_path)

    assert set(predictors) == set(SLOTS)
    for family in ("xgboost", "feedforward_nn", "multinomial_logistic"):
        for probabilities in baseline.predict_all(predictors, family, features).values():
            assert sum(probabilities) == pytest.approx(1.0, abs=1e-5)
            assert min(probabilities) >= 0
