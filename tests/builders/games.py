"""Games and rounds for tests, built by the real rules."""

from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any, TypeAlias

from rps_core.game.choice import UNIFORM
from rps_core.game.families import ALIASES, Family, ModelIdentity
from rps_core.game.moves import MOVES, Move
from rps_core.game.scoring import PlayedRound, play_round, round_points
from rps_core.store import GameStore
from rps_core.store.games import GameRound, NewRound, StoredGame, StoredPrediction

START = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
MODEL = ModelIdentity("7", "a" * 32)

Moves: TypeAlias = list[tuple[Move, Move]]

DEMO_MOVES: Moves = [
    ("rock", "paper"),
    ("paper", "paper"),
    ("paper", "rock"),
    ("scissors", "scissors"),
    ("rock", "scissors"),
    ("scissors", "rock"),
]


def new_game(game_id: str = "game-1", **changes: Any) -> StoredGame:
    """Return a game of a human player against forrest."""
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
    """Return the next round of `game` under the real rules, with predictions from the fourth round on."""
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
    """Return a prediction of one slot."""
    return StoredPrediction(alias, family, model, UNIFORM, correct)


def play_next(store: GameStore, game: StoredGame, user_move: Move, bot_move: Move, **changes: Any) -> None:
    """Store the next round of `game`; `changes` are those of `next_round`."""
    store.write([GameRound(game, next_round(game, user_move, bot_move, **changes))])


def play_to_the_end(store: GameStore, game: StoredGame, seed: int = 1) -> StoredGame:
    """Store `game`, play random rounds until it ends, and return it."""
    random = Random(seed)
    store.write([game])
    while (stored := store.load_game(game.id)).finished_at is None:
        play_next(store, stored, random.choice(MOVES), random.choice(MOVES))
    return stored


def history_of(game_id: str, moves: Moves) -> list[PlayedRound]:
    """Return the rounds of these moves under the real rules, also past the end of the game."""
    history: list[PlayedRound] = []
    user = bot = 0.0
    for round_no, (user_move, bot_move) in enumerate(moves, start=1):
        points = round_points(game_id, round_no)
        outcome = play_round(user, bot, user_move, bot_move, points)
        user, bot = outcome.user_score, outcome.bot_score
        history.append(PlayedRound(round_no, user_move, bot_move, points, user, bot))
    return history
