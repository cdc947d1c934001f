"""Reading and writing games and rounds: each round in one transaction, and never overwritten.

The rules of play are in `rps_core.game.scoring`, and statistics over many games in `analytics`.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import BindParameter, Engine, Insert, bindparam, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from rps_core.errors import GameFinished, GameNotFound, RoundConflict, RpsError
from rps_core.game.scoring import PlayedRound
from rps_core.store.banks import Banks
from rps_core.store.counting import is_value_game
from rps_core.store.engine import reading, writing
from rps_core.store.game_rows import (
    EVENT_COLUMNS,
    GAME_COLUMNS,
    PLAYED_ROUND_COLUMNS,
    STORED_GAME_COLUMNS,
    Predictor,
    event_values,
    game_values,
    new_scores,
    new_state,
    played_round,
    predictor_of,
    slot_order,
    stored_game,
    stored_prediction,
    stored_round,
)
from rps_core.store.games import GameRound, NewRound, StoredGame, StoredPrediction, StoredRound
from rps_core.store.prepared import PreparedWrite
from rps_core.store.schema import events, games, predictions, predictors

# Built once, because SQLAlchemy then finds the compiled statements faster; every round of every game uses them.
_GAME = select(*STORED_GAME_COLUMNS).where(games.c.id == bindparam("game"), is_value_game())
_SCORES: dict[str, BindParameter[Any]] = {
    "user_score": bindparam("new_user_score"),
    "bot_score": bindparam("new_bot_score"),
}
# Most rounds leave these columns unchanged. They are indexed, and an UPDATE that names them rewrites the indexes.
_STATE: dict[str, BindParameter[Any]] = {
    "opening_name": bindparam("new_opening_name"),
    "opening_seq": bindparam("new_opening_seq"),
    "winner": bindparam("new_winner"),
    "finished_ts": bindparam("new_finished_ts"),
    "bot_model_version": bindparam("new_version"),
    "bot_model_run_id": bindparam("new_run_id"),
    "model_switched": bindparam("new_switched"),
}
_NUMBER = text(
    "INSERT INTO predictors (model_type, model_version, run_id) VALUES (:model_type, :model_version, :run_id) "
    "ON CONFLICT DO NOTHING"
)
_FINISHED_GAMES = (
    select(games.c.id)
    .where(games.c.session_id == bindparam("session"), games.c.finished_ts.is_not(None), is_value_game())
    .order_by(games.c.finished_ts.desc(), games.c.id.desc())
    .limit(bindparam("most"))
)
_ROUNDS_OF_GAMES = (
    select(events.c.game_id, *PLAYED_ROUND_COLUMNS)
    .where(events.c.game_id.in_(bindparam("games", expanding=True)))
    .order_by(events.c.game_id, events.c.step_no)
)
_PLAYED_ROUNDS = select(*PLAYED_ROUND_COLUMNS).where(events.c.game_id == bindparam("game")).order_by(events.c.step_no)
_ROUNDS_OF_GAME = select(events).where(events.c.game_id == bindparam("game")).order_by(events.c.step_no)
_PREDICTIONS_OF_GAME = select(predictions).where(predictions.c.game_id == bindparam("game"))


class GameStore:
    """Reads and writes games on one engine; safe to share between threads."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._reader = reading(engine)
        self._writer = writing(engine)
        self._insert_game = PreparedWrite(insert(games).inline(), GAME_COLUMNS, engine)
        self._insert_event = PreparedWrite(_insert_into_running_game(), EVENT_COLUMNS, engine)
        self._numbers: dict[Predictor, int] = {}
        self._banks = Banks(engine)
        of_game = update(games).where(games.c.id == bindparam("game"))
        self._set_scores = PreparedWrite(of_game.values(_SCORES), ("game", "new_user_score", "new_bot_score"), engine)
        self._set_state = PreparedWrite(
            of_game.values(_SCORES | _STATE), ("game", *(bound.key for bound in (_SCORES | _STATE).values())), engine
        )

    def write(self, batch: Sequence[StoredGame | GameRound]) -> None:
        """Store new games and rounds of different games in one transaction, all or nothing.

        Raises:
            GameNotFound: the game of a round does not exist.
            GameFinished: another request has finished the game of a round.
            RoundConflict: another request has stored one of the rounds.
        """
        new_games = [game_values(item) for item in batch if isinstance(item, StoredGame)]
        # Sorted, so that two processes that write the same games cannot deadlock.
        rounds = sorted((item for item in batch if isinstance(item, GameRound)), key=lambda item: item.game.id)
        self._number({predictor_of(prediction) for item in rounds for prediction in item.new.predictions})
        new_events = [event_values(item.game.id, item.new, self._numbers) for item in rounds]
        scored = [new_scores(item) for item in rounds if _changes_scores(item.new) and not _changes_state(item.new)]
        stateful = [new_scores(item) | new_state(item) for item in rounds if _changes_state(item.new)]
        try:
            with self._writer.cursor() as cursor:
                stakes = self._banks.settle(cursor, batch)
                for values in new_games:
                    values["stake"] = stakes.get(values["id"], values["stake"])
                self._insert_game.execute(cursor, new_games)
                self._banks.lend(cursor, batch, stakes)
                if self._insert_event.execute(cursor, new_events) != len(rounds):
                    raise GameFinished("a game of these rounds does not run")
                self._set_scores.execute(cursor, scored)
                self._set_state.execute(cursor, stateful)
        except GameFinished:
            raise self._why_not_running(rounds) from None
        except IntegrityError as error:
            raise RoundConflict(_conflicting(rounds)) from error

    def load_game(self, game_id: str) -> StoredGame:
        """Return a game with all its rounds.

        Raises:
            GameNotFound: no game has this id, or the game is a recording.
        """
        with self._reader.connect() as connection:
            row = connection.execute(_GAME, {"game": game_id}).one_or_none()
            if row is None:
                raise GameNotFound("Game not found")
            return stored_game(row, connection.execute(_PLAYED_ROUNDS, {"game": game_id}).all())

    def load_rounds(self, game_id: str) -> list[StoredRound]:
        """Return the rounds of a game with their predictions, in order; empty for an unknown game."""
        with self._reader.connect() as connection:
            found: dict[int, list[StoredPrediction]] = {}
            for row in connection.execute(_PREDICTIONS_OF_GAME, {"game": game_id}):
                found.setdefault(row.step_no, []).append(stored_prediction(row))
            return [
                stored_round(row, tuple(sorted(found.get(row.step_no, ()), key=slot_order)))
                for row in connection.execute(_ROUNDS_OF_GAME, {"game": game_id})
            ]

    def _number(self, predicting: set[Predictor]) -> None:
        """Give new predictors their numbers, which all processes share."""
        new = predicting - self._numbers.keys()
        if not new:
            return
        with self._writer.begin() as connection:
            connection.execute(_NUMBER, [predictor._asdict() for predictor in sorted(new)])
            rows = connection.execute(select(predictors).where(predictors.c.run_id.in_([one.run_id for one in new])))
            self._numbers |= {Predictor(*values): number for number, *values in rows}

    def finished_games(self, session_id: str, limit: int) -> tuple[str, ...]:
        """Return the ids of the last finished games of a session, newest first."""
        with self._reader.connect() as connection:
            return tuple(connection.execute(_FINISHED_GAMES, {"session": session_id, "most": limit}).scalars())

    def load_played_rounds(self, game_ids: Sequence[str]) -> dict[str, tuple[PlayedRound, ...]]:
        """Return the rounds of games by id, in order; unknown games are left out."""
        found: dict[str, list[PlayedRound]] = {}
        with self._reader.connect() as connection:
            for game_id, *values in connection.execute(_ROUNDS_OF_GAMES, {"games": list(game_ids)}):
                found.setdefault(game_id, []).append(played_round(values))
        return {game_id: tuple(rounds) for game_id, rounds in found.items()}

    def _why_not_running(self, rounds: Sequence[GameRound]) -> RpsError:
        running = {item.game.id for item in rounds}
        with self._reader.connect() as connection:
            found = connection.execute(select(games.c.id, games.c.finished_ts).where(games.c.id.in_(running))).all()
        finished = sorted(row.id for row in found if row.finished_ts is not None)
        if len(found) < len(running):
            return GameNotFound("Game not found")
        return GameFinished(f"game {', '.join(finished)} is finished; start a new game")


def _insert_into_running_game() -> Insert:
    """Return the INSERT of a round, which writes no row if the game is unknown or finished."""
    values = [bindparam(name, type_=events.c[name].type).label(name) for name in EVENT_COLUMNS]
    running = select(*values).where(games.c.id == bindparam("game_id"), games.c.finished_ts.is_(None))
    return insert(events).from_select(EVENT_COLUMNS, running).inline()


def _changes_scores(new: NewRound) -> bool:
    return new.outcome.user_delta != 0 or new.outcome.bot_delta != 0


def _changes_state(new: NewRound) -> bool:
    return new.outcome.finished or new.model is not None or new.model_switched


def _conflicting(rounds: Sequence[GameRound]) -> str:
    names = ", ".join(f"round {item.new.round_no} of game {item.game.id}" for item in rounds)
    return f"{names} was already played by another request; read the game and play the next round"
