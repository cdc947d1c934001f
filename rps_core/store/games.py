"""Games and rounds: written once, in one transaction a round, never overwritten.

The rules of play are not here (`rps_core.scoring`), and neither are statistics over many games (`analytics`).
"""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, NamedTuple, cast

from sqlalchemy import Connection, Engine, Row, bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from rps_core.choice import Probabilities
from rps_core.errors import GameFinished, GameNotFound, RoundConflict
from rps_core.families import ALIASES, Alias, Family, PlayingAlias
from rps_core.moves import MOVES, Move
from rps_core.players import PlayerKind
from rps_core.scoring import PlayedRound, Points, RoundOutcome
from rps_core.store.engine import reading, writing
from rps_core.store.schema import events, games, predictions

# What `bot_model_version` holds while no model could be found; the column is required.
NO_MODEL_VERSION = "unknown"


class ModelIdentity(NamedTuple):
    """The model behind a game: identity follows the version, never the alias label."""

    version: str
    run_id: str


class NewGame(NamedTuple):
    """A game as it is stored at its start; `model` is None while the slot is empty."""

    id: str
    session_id: str
    player_name: str
    player_kind: PlayerKind
    policy: str
    family: Family
    alias: PlayingAlias
    model: ModelIdentity | None
    opening_name: str
    opening: tuple[Move, ...]
    created_at: datetime


class StoredGame(NamedTuple):
    """A game with all its rounds, in order, and the key each round was played with, if any."""

    id: str
    session_id: str
    player_name: str
    player_kind: PlayerKind
    policy: str
    family: Family
    alias: PlayingAlias
    model: ModelIdentity | None
    model_switched: bool
    opening_name: str | None
    opening: tuple[Move, ...]
    user_score: float
    bot_score: float
    winner: str | None
    easy_mode: bool
    created_at: datetime
    finished_at: datetime | None
    rounds: tuple[PlayedRound, ...]
    idempotency_keys: tuple[str | None, ...] = ()

    @property
    def next_round_no(self) -> int:
        """Number of the round that would be played next, from 1."""
        return len(self.rounds) + 1


class StoredPrediction(NamedTuple):
    """What one slot predicted in one round, with the identity it had at that moment."""

    alias: Alias
    family: Family
    model: ModelIdentity
    probabilities: Probabilities
    correct: bool


class StoredRound(NamedTuple):
    """A round with everything that was stored about it; deltas and scores in points, scores after the round."""

    round_no: int
    user_move: Move
    bot_move: Move
    points: Points
    user_delta: float
    bot_delta: float
    user_score: float
    bot_score: float
    probability_source: str
    predictions: tuple[StoredPrediction, ...]
    played_at: datetime
    idempotency_key: str | None


class NewRound(NamedTuple):
    """A played round on its way into the store.

    Attributes:
        idempotency_key: the client's name for the request that played it.
        model: the model the game is pinned to from this round on; None leaves it as it is.
        model_switched: whether that model replaced one that had already chosen a move.
    """

    round_no: int
    user_move: Move
    bot_move: Move
    points: Points
    outcome: RoundOutcome
    probability_source: str
    predictions: Sequence[StoredPrediction]
    played_at: datetime
    idempotency_key: str | None = None
    model: ModelIdentity | None = None
    model_switched: bool = False

    @property
    def stored(self) -> StoredRound:
        """The round as it will be read back."""
        return StoredRound(
            self.round_no,
            self.user_move,
            self.bot_move,
            self.points,
            self.outcome.user_delta,
            self.outcome.bot_delta,
            self.outcome.user_score,
            self.outcome.bot_score,
            self.probability_source,
            tuple(self.predictions),
            self.played_at,
            self.idempotency_key,
        )


# Built once: SQLAlchemy then finds their compiled form without walking them again, in every round of every game.
_GAME = select(
    games.c.id,
    games.c.session_id,
    games.c.player_name,
    games.c.player_kind,
    games.c.bot_policy,
    games.c.model_type,
    games.c.bot_model_alias,
    games.c.bot_model_version,
    games.c.bot_model_run_id,
    games.c.model_switched,
    games.c.opening_name,
    games.c.opening_seq,
    games.c.user_score,
    games.c.bot_score,
    games.c.winner,
    games.c.easy_mode,
    games.c.created_ts_utc,
    games.c.finished_ts,
).where(games.c.id == bindparam("game"), games.c.origin != "recording")
_INSERT_EVENT, _INSERT_PREDICTIONS = insert(events), insert(predictions)
_NEW_SCORES = (
    update(games)
    .where(games.c.id == bindparam("game"), games.c.finished_ts.is_(None))
    .values(user_score=bindparam("new_user_score"), bot_score=bindparam("new_bot_score"))
)
_PLAYED_ROUNDS = (
    select(
        events.c.step_no,
        events.c.user_move,
        events.c.bot_move,
        events.c.round_rock_pts,
        events.c.round_paper_pts,
        events.c.round_scissors_pts,
        events.c.user_score,
        events.c.bot_score,
        events.c.idempotency_key,
    )
    .where(events.c.game_id == bindparam("game"))
    .order_by(events.c.step_no)
)
_ROUNDS_OF_GAME = select(events).where(events.c.game_id == bindparam("game")).order_by(events.c.step_no)
_PREDICTIONS_OF_GAME = select(predictions).where(predictions.c.game_id == bindparam("game"))


class GameStore:
    """Reads and writes games on one engine; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._reader = reading(engine)
        self._writer = writing(engine)

    def insert_game(self, game: NewGame) -> None:
        """Store a new game."""
        with self._writer.begin() as connection:
            connection.execute(insert(games), game_values(game))

    def load_game(self, game_id: str) -> StoredGame:
        """Return the game with all its rounds.

        Raises:
            GameNotFound: no game has this id; a recording of another game is none that can be looked up or played.
        """
        with self._reader.connect() as connection:
            row = connection.execute(_GAME, {"game": game_id}).one_or_none()
            if row is None:
                raise GameNotFound("Game not found")
            return _stored_game(row, connection.execute(_PLAYED_ROUNDS, {"game": game_id}).all())

    def load_rounds(self, game_id: str) -> list[StoredRound]:
        """Return the rounds of a game with their predictions, in order; none for an unknown game."""
        with self._reader.connect() as connection:
            found: dict[int, list[StoredPrediction]] = {}
            for row in connection.execute(_PREDICTIONS_OF_GAME, {"game": game_id}):
                found.setdefault(row.step_no, []).append(_stored_prediction(row))
            return [
                _stored_round(row, tuple(sorted(found.get(row.step_no, ()), key=_slot_order)))
                for row in connection.execute(_ROUNDS_OF_GAME, {"game": game_id})
            ]

    def record_round(self, game: StoredGame, new: NewRound) -> None:
        """Store one round, its predictions and the new scores, all or nothing.

        Raises:
            GameNotFound: the game has vanished.
            GameFinished: another request finished the game meanwhile.
            RoundConflict: another request stored this round meanwhile.
        """
        try:
            with self._writer.begin() as connection:
                self._advance_game(connection, game, new)
                connection.execute(
                    _INSERT_EVENT, event_values(game.id, [played.points for played in game.rounds[-3:]], new)
                )
                if new.predictions:
                    connection.execute(_INSERT_PREDICTIONS, _prediction_values(game.id, new))
        except IntegrityError as error:
            raise RoundConflict(
                f"round {new.round_no} of game {game.id} was already played by another request; "
                "read the game and play the next round"
            ) from error

    def _advance_game(self, connection: Connection, game: StoredGame, new: NewRound) -> None:
        changes: dict[str, Any] = {"new_user_score": new.outcome.user_score, "new_bot_score": new.outcome.bot_score}
        rare: dict[str, Any] = {}
        if new.outcome.finished:
            rare |= {"winner": new.outcome.winner, "finished_ts": new.played_at}
        if new.model is not None:
            rare |= {"bot_model_version": new.model.version, "bot_model_run_id": new.model.run_id}
        if new.model_switched:
            rare["model_switched"] = 1
        statement = _NEW_SCORES.values(rare) if rare else _NEW_SCORES
        if connection.execute(statement, {"game": game.id, **changes}).rowcount == 0:
            if connection.execute(select(games.c.id).where(games.c.id == game.id)).one_or_none() is None:
                raise GameNotFound("Game not found")
            raise GameFinished(f"game {game.id} is finished; start a new game")


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


def event_values(game_id: str, past: Sequence[Points], new: NewRound) -> dict[str, Any]:
    """Return the row of a round; `past` are the points of the rounds before it, in order."""
    values: dict[str, Any] = {
        "game_id": game_id,
        "ts": new.played_at,
        "created_ts_utc": new.played_at,
        "user_move": new.user_move,
        "bot_move": new.bot_move,
        "result": PlayedRound(new.round_no, new.user_move, new.bot_move, new.points, 0.0, 0.0).result,
        "user_delta": new.outcome.user_delta,
        "bot_delta": new.outcome.bot_delta,
        "user_score": new.outcome.user_score,
        "bot_score": new.outcome.bot_score,
        "step_no": new.round_no,
        "probability_source": new.probability_source,
        "idempotency_key": new.idempotency_key,
    }
    values |= {f"round_{move}_pts": points for move, points in zip(MOVES, new.points, strict=True)}
    for lag, lagged in enumerate(reversed(past[-3:]), start=1):
        values |= {f"lag{lag}_{move}_pts": points for move, points in zip(MOVES, lagged, strict=True)}
    return values


def _prediction_values(game_id: str, new: NewRound) -> list[dict[str, Any]]:
    return [
        {
            "game_id": game_id,
            "step_no": new.round_no,
            "alias": prediction.alias,
            "model_type": prediction.family,
            "model_version": prediction.model.version,
            "run_id": prediction.model.run_id,
            "p_rock": prediction.probabilities[0],
            "p_paper": prediction.probabilities[1],
            "p_scissors": prediction.probabilities[2],
            "correct": int(prediction.correct),
        }
        for prediction in new.predictions
    ]


def _slot_order(prediction: StoredPrediction) -> int:
    return ALIASES.index(prediction.alias)


def _stored_prediction(row: Row[Any]) -> StoredPrediction:
    return StoredPrediction(
        alias=row.alias,
        family=row.model_type,
        model=ModelIdentity(row.model_version, row.run_id),
        probabilities=(row.p_rock, row.p_paper, row.p_scissors),
        correct=bool(row.correct),
    )


def _stored_round(row: Row[Any], stored_predictions: tuple[StoredPrediction, ...]) -> StoredRound:
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


def _stored_game(row: Any, rounds: Sequence[Any]) -> StoredGame:
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
