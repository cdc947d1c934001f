"""A replica of the release before migration 0004: the statements that it sends, word for word."""

from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

from sqlalchemy import Engine, text

from rps_core.errors import GameFinished
from rps_core.game.choice import most_probable
from rps_core.game.families import ModelIdentity
from rps_core.game.moves import MOVES
from rps_core.game.scoring import PlayedRound
from rps_core.store.engine import writing
from rps_core.store.game_rows import event_values, game_values, new_scores, new_state, predictor_of
from rps_core.store.games import GameRound, NewRound, StoredGame
from tests.builders.games import next_round, predicted

_GAME_COLUMNS = (
    "id, session_id, bot_policy, bot_model_version, user_score, bot_score, winner, created_ts, start_ts, finished_ts, "
    "opening_name, opening_seq, easy_mode, is_test, created_ts_utc, bot_model_alias, player_name, player_kind, "
    "model_type, bot_model_run_id, model_switched"
)
_EVENT_COLUMNS = (
    "game_id, ts, user_move, bot_move, result, user_delta, bot_delta, user_score, bot_score, step_no, round_rock_pts, "
    "round_paper_pts, round_scissors_pts, lag1_rock_pts, lag1_paper_pts, lag1_scissors_pts, lag2_rock_pts, "
    "lag2_paper_pts, lag2_scissors_pts, lag3_rock_pts, lag3_paper_pts, lag3_scissors_pts, created_ts_utc, "
    "probability_source, idempotency_key"
)
_PREDICTION_COLUMNS = "game_id, step_no, alias, model_type, model_version, run_id, p_rock, p_paper, p_scissors, correct"
_SET_SCORES = "UPDATE games SET user_score=:new_user_score, bot_score=:new_bot_score"
_SET_STATE = (
    "UPDATE games SET bot_model_version=:new_version, user_score=:new_user_score, bot_score=:new_bot_score, "
    "winner=:new_winner, finished_ts=:new_finished_ts, bot_model_run_id=:new_run_id, model_switched=:new_switched"
)
_RUNNING = " WHERE games.id = :game AND games.finished_ts IS NULL"
_GAME = (
    "SELECT user_score, bot_score, winner, finished_ts, bot_model_version, bot_model_run_id FROM games "
    "WHERE games.id = :game AND games.origin != 'recording'"
)
_PLAYED = (
    "SELECT step_no, user_move, bot_move, round_rock_pts, round_paper_pts, round_scissors_pts, user_score, bot_score, "
    "idempotency_key FROM events WHERE events.game_id = :game ORDER BY events.step_no"
)
_PREDICTIONS = f"SELECT {_PREDICTION_COLUMNS} FROM predictions WHERE predictions.game_id = :game"  # noqa: S608


def _insert(table: str, columns: str) -> str:
    return f"INSERT INTO {table} ({columns}) VALUES ({', '.join(f':{name}' for name in columns.split(', '))})"  # noqa: S608


class PreviousRelease:
    """Plays and reads games as the previous release does."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def start(self, game: StoredGame) -> None:
        """Store a new game."""
        with writing(self._engine).begin() as connection:
            connection.execute(text(_insert("games", _GAME_COLUMNS)), _plain(game_values(game)))

    def load(self, game: StoredGame) -> StoredGame:
        """Return a game as it is stored, with its rounds."""
        with self._engine.connect() as connection:
            row = connection.execute(text(_GAME), {"game": game.id}).one()
            rounds = connection.execute(text(_PLAYED), {"game": game.id}).all()
        return game._replace(
            user_score=row.user_score,
            bot_score=row.bot_score,
            winner=row.winner,
            finished_at=None if row.finished_ts is None else datetime.fromisoformat(row.finished_ts),
            model=None if row.bot_model_run_id is None else ModelIdentity(row.bot_model_version, row.bot_model_run_id),
            rounds=tuple(PlayedRound(*one[:3], tuple(one[3:6]), *one[6:8]) for one in rounds),
            idempotency_keys=tuple(one[8] for one in rounds),
        )

    def predictions(self, game_id: str) -> list[tuple[Any, ...]]:
        """Return the rows of the predictions of a game, in order."""
        with self._engine.connect() as connection:
            return sorted(tuple(row) for row in connection.execute(text(_PREDICTIONS), {"game": game_id}))

    def play(self, game: StoredGame, new: NewRound) -> None:
        """Store a round of a game.

        Raises:
            GameFinished: the game is finished or unknown.
        """
        item = GameRound(game, new)
        is_plain = not (new.outcome.finished or new.model or new.model_switched)
        values = new_scores(item) | ({} if is_plain else new_state(item))
        with writing(self._engine).begin() as connection:
            update = (_SET_SCORES if is_plain else _SET_STATE) + _RUNNING
            if connection.execute(text(update), _plain(values)).rowcount != 1:
                raise GameFinished(game.id)
            row = event_values(game.id, new._replace(predictions=())) | _lagged(game)
            connection.execute(text(_insert("events", _EVENT_COLUMNS)), _plain(row, _EVENT_COLUMNS))
            if new.predictions:
                connection.execute(
                    text(_insert("predictions", _PREDICTION_COLUMNS)), list(map(_plain, _prediction_rows(game.id, new)))
                )


def random_round(game: StoredGame, random: Random) -> NewRound:
    """Return the next round of a game, with random moves and probabilities that fill all the bits of a double."""
    user_move, bot_move = random.choice(MOVES), random.choice(MOVES)
    new = next_round(game, user_move, bot_move)
    made = []
    for prediction in new.predictions:
        weights = [random.random() for _ in MOVES]
        rock, paper, scissors = (weight / sum(weights) for weight in weights)
        correct = most_probable((rock, paper, scissors)) == user_move
        model = ModelIdentity(str(random.randrange(3)), random.choice("abc") * 32)
        made.append(
            predicted(prediction.alias, game.family, correct=correct, model=model)._replace(
                probabilities=(rock, paper, scissors)
            )
        )
    return new._replace(predictions=tuple(made))


def _lagged(game: StoredGame) -> dict[str, float]:
    newest_first = [*reversed([played.points for played in game.rounds[-3:]]), *[(1.0, 1.0, 1.0)] * 3]
    return {
        f"lag{lag}_{move}_pts": newest_first[lag - 1][place] for lag in (1, 2, 3) for place, move in enumerate(MOVES)
    }


def _prediction_rows(game_id: str, new: NewRound) -> list[dict[str, Any]]:
    return [
        {
            "game_id": game_id,
            "step_no": new.round_no,
            "alias": prediction.alias,
            **predictor_of(prediction)._asdict(),
            **dict(zip(("p_rock", "p_paper", "p_scissors"), prediction.probabilities, strict=True)),
            "correct": int(prediction.correct),
        }
        for prediction in new.predictions
    ]


def _plain(values: Mapping[str, Any], columns: str | None = None) -> dict[str, Any]:
    names = values if columns is None else columns.split(", ")
    plain = {name: values[name] for name in names}
    return {
        name: value.astimezone(UTC).isoformat(timespec="microseconds") if isinstance(value, datetime) else value
        for name, value in plain.items()
    }
