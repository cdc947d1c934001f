"""Games, rounds and predictions as rows of the tables, and back."""

import json
from collections.abc import Sequence
from itertools import chain
from typing import Any, cast

from sqlalchemy import Row

from rps_core.game.families import ALIASES, ModelIdentity
from rps_core.game.moves import MOVES, Move, round_result
from rps_core.game.scoring import PlayedRound, Points
from rps_core.store.games import (
    NO_MODEL_VERSION,
    GameRound,
    NewGame,
    NewRound,
    StoredGame,
    StoredPrediction,
    StoredRound,
)

_ROUND_POINTS = tuple(f"round_{move}_pts" for move in MOVES)
_LAGGED_POINTS = tuple(f"lag{lag}_{move}_pts" for lag in (1, 2, 3) for move in MOVES)
# What a round before the first counts as, as the columns' defaults say.
_NOT_PLAYED: Points = (1.0, 1.0, 1.0)

# The columns that a row fills; the others keep their defaults.
GAME_COLUMNS = (
    "id",
    "session_id",
    "bot_policy",
    "bot_model_version",
    "bot_model_run_id",
    "bot_model_alias",
    "model_type",
    "created_ts",
    "created_ts_utc",
    "start_ts",
    "opening_name",
    "opening_seq",
    "is_test",
    "player_name",
    "player_kind",
)
EVENT_COLUMNS = (
    "game_id",
    "ts",
    "created_ts_utc",
    "user_move",
    "bot_move",
    "result",
    "user_delta",
    "bot_delta",
    "user_score",
    "bot_score",
    "step_no",
    "probability_source",
    "idempotency_key",
    *_ROUND_POINTS,
    *_LAGGED_POINTS,
)
PREDICTION_COLUMNS = (
    "game_id",
    "step_no",
    "alias",
    "model_type",
    "model_version",
    "run_id",
    "p_rock",
    "p_paper",
    "p_scissors",
    "correct",
)


def game_values(game: NewGame) -> dict[str, Any]:
    """Return the row of a game at its start."""
    return {
        "id": game.id,
        "session_id": game.session_id,
        "bot_policy": game.policy,
        "bot_model_version": game.model.version if game.model else NO_MODEL_VERSION,
        "bot_model_run_id": game.model.run_id if game.model else None,
        "bot_model_alias": game.alias,
        "model_type": game.family,
        "created_ts": game.created_at,
        "created_ts_utc": game.created_at,
        "start_ts": game.created_at,
        "opening_name": game.opening_name,
        "opening_seq": json.dumps(game.opening),
        "is_test": int(game.player_kind == "test"),
        "player_name": game.player_name,
        "player_kind": game.player_kind,
    }


def new_scores(item: GameRound) -> dict[str, Any]:
    """Return what every round changes in its game, as parameters of the UPDATE."""
    outcome = item.new.outcome
    return {"game": item.game.id, "new_user_score": outcome.user_score, "new_bot_score": outcome.bot_score}


def new_state(item: GameRound) -> dict[str, Any]:
    """Return what only some rounds change in their game, as parameters of the UPDATE."""
    after = item.game.after(item.new)
    return {
        "new_winner": after.winner,
        "new_finished_ts": after.finished_at,
        "new_version": after.model.version if after.model else NO_MODEL_VERSION,
        "new_run_id": after.model.run_id if after.model else None,
        "new_switched": int(after.model_switched),
    }


def event_values(game_id: str, past: Sequence[Points], new: NewRound) -> dict[str, Any]:
    """Return the row of a round; `past` are the points of the rounds before it, in order."""
    values: dict[str, Any] = {
        "game_id": game_id,
        "ts": new.played_at,
        "created_ts_utc": new.played_at,
        "user_move": new.user_move,
        "bot_move": new.bot_move,
        "result": round_result(new.user_move, new.bot_move),
        "user_delta": new.outcome.user_delta,
        "bot_delta": new.outcome.bot_delta,
        "user_score": new.outcome.user_score,
        "bot_score": new.outcome.bot_score,
        "step_no": new.round_no,
        "probability_source": new.probability_source,
        "idempotency_key": new.idempotency_key,
    }
    lags = [*past[:-4:-1], _NOT_PLAYED, _NOT_PLAYED, _NOT_PLAYED][:3]
    values.update(zip(_ROUND_POINTS, new.points, strict=True))
    values.update(zip(_LAGGED_POINTS, chain.from_iterable(lags), strict=True))
    return values


def prediction_values(item: GameRound) -> list[dict[str, Any]]:
    """Return the rows of what the slots predicted in a round."""
    return [
        {
            "game_id": item.game.id,
            "step_no": item.new.round_no,
            "alias": prediction.alias,
            "model_type": prediction.family,
            "model_version": prediction.model.version,
            "run_id": prediction.model.run_id,
            "p_rock": prediction.probabilities[0],
            "p_paper": prediction.probabilities[1],
            "p_scissors": prediction.probabilities[2],
            "correct": int(prediction.correct),
        }
        for prediction in item.new.predictions
    ]


def slot_order(prediction: StoredPrediction) -> int:
    """Return the place of a prediction among those of its round."""
    return ALIASES.index(prediction.alias)


def stored_prediction(row: Row[Any]) -> StoredPrediction:
    """Return a prediction from its row."""
    return StoredPrediction(
        alias=row.alias,
        family=row.model_type,
        model=ModelIdentity(row.model_version, row.run_id),
        probabilities=(row.p_rock, row.p_paper, row.p_scissors),
        correct=bool(row.correct),
    )


def stored_round(row: Row[Any], stored_predictions: tuple[StoredPrediction, ...]) -> StoredRound:
    """Return a round from its row and its predictions."""
    return StoredRound(
        round_no=row.step_no,
        user_move=row.user_move,
        bot_move=row.bot_move,
        points=(row.round_rock_pts, row.round_paper_pts, row.round_scissors_pts),
        user_delta=row.user_delta,
        bot_delta=row.bot_delta,
        user_score=row.user_score,
        bot_score=row.bot_score,
        probability_source=row.probability_source,
        predictions=stored_predictions,
        played_at=row.ts,
        idempotency_key=row.idempotency_key,
    )


def _played_round(row: Any) -> PlayedRound:
    step, user, bot, rock, paper, scissors, user_score, bot_score, _ = row
    return PlayedRound(step, user, bot, (rock, paper, scissors), user_score, bot_score)


def stored_game(row: Any, rounds: Sequence[Any]) -> StoredGame:
    """Return a game from its row and those of its rounds."""
    model = None if row.bot_model_run_id is None else ModelIdentity(row.bot_model_version, row.bot_model_run_id)
    return StoredGame(
        id=row.id,
        session_id=row.session_id,
        player_name=row.player_name or "Player",
        player_kind=row.player_kind,
        policy=row.bot_policy,
        family=row.model_type,
        alias=row.bot_model_alias,
        model=model,
        model_switched=bool(row.model_switched),
        opening_name=row.opening_name,
        opening=cast(tuple[Move, ...], tuple(json.loads(row.opening_seq or "[]"))),
        user_score=row.user_score,
        bot_score=row.bot_score,
        winner=row.winner,
        easy_mode=bool(row.easy_mode),
        created_at=row.created_ts_utc,
        finished_at=row.finished_ts,
        rounds=tuple(_played_round(played) for played in rounds),
        idempotency_keys=tuple(played.idempotency_key for played in rounds),
    )
