"""Games, rounds and predictions as rows of the tables, and back.

A field of `StoredGame` is a column of `games`: inserts and queries are derived from the fields. So a new column is one
in the schema with its migration, and a field of `StoredGame` if play needs the value.
"""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, cast

from sqlalchemy import Row

from rps_core.game.families import ALIASES, Family, ModelIdentity
from rps_core.game.moves import MOVES, Move, round_result
from rps_core.game.scoring import PlayedRound
from rps_core.store.games import NO_MODEL_VERSION, GameRound, NewRound, StoredGame, StoredPrediction, StoredRound
from rps_core.store.schema import SLOT_COLUMNS, events, games

_ROUND_POINTS = tuple(f"round_{move}_pts" for move in MOVES)
_MIXTURE = tuple(f"mix_{move}" for move in MOVES)
_NO_PREDICTIONS: Mapping[str, Any] = {name: None for names in SLOT_COLUMNS.values() for name in names}

# Fields of `StoredGame` whose column has another name.
_RENAMED = {
    "policy": "bot_policy",
    "family": "model_type",
    "alias": "bot_model_alias",
    "opening": "opening_seq",
    "created_at": "created_ts_utc",
    "finished_at": "finished_ts",
}
# Fields that hold more than one column, or come from other tables.
_COMPOSED = {"model", "rounds", "idempotency_keys", "budget", "active_at"}
_COLUMN_OF_FIELD = {field: _RENAMED.get(field, field) for field in StoredGame._fields if field not in _COMPOSED}
_MODEL_COLUMNS = ("bot_model_version", "bot_model_run_id")
# Columns of the original that repeat other values.
_REPEATED_COLUMNS = ("created_ts", "start_ts", "is_test")

# The columns that an INSERT fills; the others keep their defaults.
GAME_COLUMNS = (*_COLUMN_OF_FIELD.values(), *_MODEL_COLUMNS, *_REPEATED_COLUMNS)
EVENT_COLUMNS = tuple(c.name for c in events.c if c is not events.c.id and not c.name.startswith("lag"))
# The columns that `stored_game` reads: of its row, and of the rows of its rounds.
STORED_GAME_COLUMNS = tuple(games.c[name] for name in (*_COLUMN_OF_FIELD.values(), *_MODEL_COLUMNS))
PLAYED_ROUND_COLUMNS = (
    events.c.step_no,
    events.c.user_move,
    events.c.bot_move,
    *(events.c[name] for name in _ROUND_POINTS),
    events.c.user_score,
    events.c.bot_score,
    events.c.idempotency_key,
    events.c.budget,
    events.c.ts,
)


def game_values(game: StoredGame) -> dict[str, Any]:
    """Return the row of a game; its rounds are rows of other tables."""
    values = {column: getattr(game, field) for field, column in _COLUMN_OF_FIELD.items()}
    return values | {
        "opening_seq": json.dumps(game.opening),
        "remembered_games": json.dumps(game.remembered_games) if game.remembered_games else None,
        "model_switched": int(game.model_switched),
        "easy_mode": int(game.easy_mode),
        "bot_model_version": game.model.version if game.model else NO_MODEL_VERSION,
        "bot_model_run_id": game.model.run_id if game.model else None,
        "created_ts": game.created_at,
        "start_ts": game.created_at,
        "is_test": int(game.player_kind == "test"),
    }


def new_scores(item: GameRound) -> dict[str, Any]:
    """Return the parameters of the UPDATE of a game that every round needs."""
    outcome = item.new.outcome
    return {"game": item.game.id, "new_user_score": outcome.user_score, "new_bot_score": outcome.bot_score}


def new_state(item: GameRound) -> dict[str, Any]:
    """Return the further parameters of the UPDATE for a round that ends its game or changes its model."""
    after = item.game.after(item.new)
    return {
        "new_opening_name": after.opening_name,
        "new_opening_seq": json.dumps(after.opening),
        "new_winner": after.winner,
        "new_finished_ts": after.finished_at,
        "new_version": after.model.version if after.model else NO_MODEL_VERSION,
        "new_run_id": after.model.run_id if after.model else None,
        "new_switched": int(after.model_switched),
    }


class Predictor(NamedTuple):
    """A model that predicted, as a row of `predictors`."""

    model_type: Family
    model_version: str
    run_id: str


def predictor_of(prediction: StoredPrediction) -> Predictor:
    """Return the model that made a prediction."""
    return Predictor(prediction.family, *prediction.model)


def event_values(game_id: str, new: NewRound, numbers: Mapping[Predictor, int] | None = None) -> dict[str, Any]:
    """Return the row of a round with its predictions; `numbers` holds the number of each predictor."""
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
        "draw": new.draw,
        "budget": new.budget,
        **_NO_PREDICTIONS,
    }
    values.update(zip(_ROUND_POINTS, new.points, strict=True))
    values.update(zip(_MIXTURE, new.mixture or (None, None, None), strict=True))
    for prediction in new.predictions:
        number = (numbers or {})[predictor_of(prediction)]
        values.update(zip(SLOT_COLUMNS[prediction.alias], (number, *prediction.probabilities), strict=True))
    return values


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
        mixture=None if row.mix_rock is None else (row.mix_rock, row.mix_paper, row.mix_scissors),
        draw=row.draw,
        budget=row.budget,
    )


def stored_game(row: Sequence[Any], rounds: Sequence[Any]) -> StoredGame:
    """Return a game from a row of `STORED_GAME_COLUMNS` and rows of `PLAYED_ROUND_COLUMNS`, in order of the rounds."""
    *values, version, run_id = row
    fields = dict(zip(_COLUMN_OF_FIELD, values, strict=True))
    fields["player_name"] = fields["player_name"] or "Player"
    fields["opening"] = cast(tuple[Move, ...], tuple(json.loads(fields["opening"] or "[]")))
    fields["remembered_games"] = tuple(json.loads(fields["remembered_games"] or "[]"))
    fields["model_switched"] = bool(fields["model_switched"])
    fields["easy_mode"] = bool(fields["easy_mode"])
    return StoredGame(
        **fields,
        model=None if run_id is None else ModelIdentity(version, run_id),
        rounds=tuple(played_round(played) for played in rounds),
        idempotency_keys=tuple(played.idempotency_key for played in rounds),
        budget=rounds[-1].budget if rounds else fields["stake"],
        active_at=rounds[-1].ts if rounds else None,
    )


def played_round(row: Any) -> PlayedRound:
    """Return a round from a row of `PLAYED_ROUND_COLUMNS`."""
    step_no, user_move, bot_move, rock, paper, scissors, user_score, bot_score, *_ = row
    return PlayedRound(step_no, user_move, bot_move, (rock, paper, scissors), user_score, bot_score)
