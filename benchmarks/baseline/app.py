"""The baseline's endpoints. Run by `uvicorn --factory benchmarks.baseline.app:create_app`.

Usual: plain functions, which FastAPI runs in a pool of forty threads; pydantic models for requests; models loaded at
start and kept in the application; dictionaries as replies.
"""

import json
import os
import uuid
from pathlib import Path
from random import SystemRandom
from typing import Any

import pandas as pd
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from benchmarks.baseline import store
from benchmarks.baseline.features import feature_frame
from benchmarks.baseline.models import Predictor, load_predictors
from rps_core.game.choice import choose_move, most_probable, sanitize_probabilities
from rps_core.game.families import ALIASES, PLAYING_ALIASES, Family, Slot
from rps_core.game.gambits import draw_gambit, resolve_gambit
from rps_core.game.moves import MOVES
from rps_core.game.opponents import OPPONENTS
from rps_core.game.scoring import play_round, round_points


class StartGame(BaseModel):
    """A new game."""

    player_name: str = "Player"
    policy: str = "brian"
    session_id: str | None = None


class Play(BaseModel):
    """One move."""

    game_id: str
    user_move: str


class RoundValues(BaseModel):
    """The value of each move."""

    rock: float = 1.0
    paper: float = 1.0
    scissors: float = 1.0


class Predict(BaseModel):
    """A game so far, sent by a client."""

    policy: str
    player_history: list[str] = []
    bot_history: list[str] = []
    round_values: RoundValues = RoundValues()
    ab_assignment: str = "Production"


def create_app() -> FastAPI:
    """Build the application from `BASELINE_FOLDER`: the database `rps.db` and the folder `models` in it."""
    folder = Path(os.environ["BASELINE_FOLDER"])
    database = folder / "rps.db"
    store.create_schema(database)
    predictors = load_predictors(folder / "models")
    random = SystemRandom()
    app = FastAPI()

    @app.get("/healthz")
    def healthz() -> dict[str, bool]:
        return {"ok": True}

    @app.post("/start_game")
    def start_game(request: StartGame) -> dict[str, Any]:
        if request.policy not in OPPONENTS:
            raise HTTPException(400, f"unknown policy {request.policy}")
        game_id = str(uuid.uuid4())
        game = {
            "id": game_id,
            "session_id": request.session_id or str(uuid.uuid4()),
            "player_name": request.player_name,
            "policy": request.policy,
            "family": OPPONENTS[request.policy].family,
            "alias": random.choice(PLAYING_ALIASES),
            "opening": resolve_gambit(game_id, draw_gambit(random)),
        }
        with store.connected(database) as connection:
            store.insert_game(connection, game)
        points = dict(zip(MOVES, round_points(game_id, 1), strict=True))
        return {"game_id": game_id, "session_id": game["session_id"], "round_no": 1, "round_points": points}

    @app.post("/play")
    def play(request: Play) -> dict[str, Any]:
        if request.user_move not in MOVES:
            raise HTTPException(400, f"unknown move {request.user_move}")
        with store.connected(database) as connection:
            return _play(connection, predictors, request)

    @app.post("/predict/")
    def predict(request: Predict) -> dict[str, Any]:
        return _predict(predictors, request)

    @app.post("/predict/batch")
    def predict_batch(requests: list[Predict]) -> dict[str, Any]:
        return {"results": [_predict(predictors, request) for request in requests]}

    return app


def _play(connection: Any, predictors: dict[Slot, Predictor], request: Play) -> dict[str, Any]:
    game = store.find_game(connection, request.game_id)
    if game is None:
        raise HTTPException(404, "no such game")
    if game["winner"] is not None:
        raise HTTPException(409, "the game is finished")
    rounds = store.rounds_of(connection, request.game_id)
    round_no = len(rounds) + 1
    points = round_points(request.game_id, round_no)
    predictions: dict[str, list[float]] = {}
    if round_no <= len(game["opening"]):
        bot_move = game["opening"][round_no - 1]
    else:
        predictions = predict_all(predictors, game["family"], feature_frame(rounds, points))
        chosen_by = sanitize_probabilities(predictions[game["alias"]])
        bot_move = choose_move(chosen_by, points, game["bot_score"], game["user_score"])
    outcome = play_round(game["user_score"], game["bot_score"], request.user_move, bot_move, points)
    played = {
        "game_id": request.game_id,
        "round_no": round_no,
        "user_move": request.user_move,
        "bot_move": bot_move,
        **{f"{move}_pts": value for move, value in zip(MOVES, points, strict=True)},
        "user_score": outcome.user_score,
        "bot_score": outcome.bot_score,
        "predictions": json.dumps(predictions),
    }
    store.insert_round(connection, played, outcome.winner)
    return {
        "game_id": request.game_id,
        "round": round_no,
        "user_move": request.user_move,
        "bot_move": bot_move,
        "user_score": outcome.user_score,
        "bot_score": outcome.bot_score,
        "finished": outcome.finished,
        "winner": outcome.winner,
        "round_points": dict(zip(MOVES, points, strict=True)),
        "debug": {"predictions": predictions},
    }


def predict_all(predictors: dict[Slot, Predictor], family: Family, features: pd.DataFrame) -> dict[str, list[float]]:
    """Return the predictions of the four models of a family, computed one after the other."""
    return {alias: predictors[Slot(family, alias)].probabilities(features)[0] for alias in ALIASES}


def _predict(predictors: dict[Slot, Predictor], request: Predict) -> dict[str, Any]:
    points = request.round_values
    values = (points.rock, points.paper, points.scissors)
    user = bot = 0.0
    rounds: list[dict[str, Any]] = []
    for user_move, bot_move in zip(request.player_history, request.bot_history, strict=False):
        outcome = play_round(user, bot, user_move, bot_move, values)
        user, bot = outcome.user_score, outcome.bot_score
        rounds.append(
            {
                "user_move": user_move,
                "bot_move": bot_move,
                **{f"{move}_pts": value for move, value in zip(MOVES, values, strict=True)},
                "user_score": user,
                "bot_score": bot,
            }
        )
    slot = Slot(OPPONENTS[request.policy].family, request.ab_assignment)
    probabilities = predictors[slot].probabilities(feature_frame(rounds, values))[0]
    return {
        "prediction": most_probable(sanitize_probabilities(probabilities)),
        "probabilities": dict(zip(MOVES, probabilities, strict=True)),
        "policy": request.policy,
    }
