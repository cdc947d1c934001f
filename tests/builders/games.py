"""Games and rounds for tests, built by the real rules."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

from rps_core.game.choice import UNIFORM
from rps_core.game.families import ALIASES, Family, ModelIdentity
from rps_core.game.moves import MOVES, Move
from rps_core.game.scoring import play_round, round_points
from rps_core.store import GameStore
from rps_core.store.games import GameRound, NewRound, StoredGame, StoredPrediction

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MODEL = ModelIdentity("7", "a" * 32)


def new_game(game_id: str = "game-1", **changes: Any) -> StoredGame:
    """A game of a person against forrest."""
    game = StoredGame(
        id=game_id,
        session_id="session-1",
        player_name="Mira",
        player_kind="human",
        policy="forrest",
        family="xgboost",
        alias="Production",
        model=MODEL,
        opening_name="crescendo",
        opening=("rock", "paper", "scissors"),
        created_at=START,
    )
    return game._replace(**changes)


def next_round(game: StoredGame, user_move: Move, bot_move: Move, **changes: Any) -> NewRound:
    """The next round of `game` under the real rules, with predictions from the fourth round on."""
    round_no = game.next_round_no
    points = round_points(game.id, round_no)
    outcome = play_round(game.user_score, game.bot_score, user_move, bot_move, points)
    stored = [predicted(alias, game.family, correct=user_move == "rock") for alias in ALIASES] if round_no >= 4 else []
    new = NewRound(
        round_no=round_no,
        user_move=user_move,
        bot_move=bot_move,
        points=points,
        outcome=outcome,
        probability_source="mlflow" if round_no >= 4 else "gambit",
        predictions=stored,
        played_at=game.created_at + timedelta(seconds=round_no),
    )
    return new._replace(**changes)


def predicted(alias: Any, family: Family, *, correct: bool, model: ModelIdentity = MODEL) -> StoredPrediction:
    """A prediction of one slot."""
    return StoredPrediction(alias, family, model, UNIFORM, correct)


def play_next(store: GameStore, game: StoredGame, user_move: Move, bot_move: Move, **changes: Any) -> None:
    """Store the next round of `game`, as `next_round` makes it."""
    store.write([GameRound(game, next_round(game, user_move, bot_move, **changes))])


def play_to_the_end(store: GameStore, game: StoredGame, seed: int = 1) -> StoredGame:
    """Store `game` and play random rounds until it is finished."""
    random = Random(seed)
    store.write([game])
    while (stored := store.load_game(game.id)).finished_at is None:
        play_next(store, stored, random.choice(MOVES), random.choice(MOVES))
    return stored
