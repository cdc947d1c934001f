"""What a game, a round and a prediction are on their way into the store and out of it. Plain data, no database."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from rps_core.game.choice import Probabilities
from rps_core.game.families import Alias, Family, ModelIdentity, PlayingAlias
from rps_core.game.moves import Move
from rps_core.game.players import PlayerKind
from rps_core.game.scoring import PlayedRound, Points, RoundOutcome

# What `bot_model_version` holds while no model could be found; the column is required.
NO_MODEL_VERSION = "unknown"


class StoredGame(NamedTuple):
    """A game as the store holds it; the defaults are those of a game that begins.

    Each field with one value is a column of `games`; `rps_core.store.game_rows` derives the rows from the fields.

    Attributes:
        model: the model that plays; None while its slot is empty.
        model_switched: whether the model changed after it had chosen a move.
        rounds: all rounds, in order.
        idempotency_keys: for each round, the key the client sent with it, if any.
    """

    id: str
    session_id: str
    player_name: str
    player_kind: PlayerKind
    policy: str
    family: Family
    alias: PlayingAlias
    model: ModelIdentity | None
    opening_name: str | None
    opening: tuple[Move, ...]
    created_at: datetime
    model_switched: bool = False
    user_score: float = 0.0
    bot_score: float = 0.0
    winner: str | None = None
    easy_mode: bool = False
    finished_at: datetime | None = None
    rounds: tuple[PlayedRound, ...] = ()
    idempotency_keys: tuple[str | None, ...] = ()

    @property
    def next_round_no(self) -> int:
        """Number of the next round, from 1."""
        return len(self.rounds) + 1

    def after(self, new: "NewRound") -> "StoredGame":
        """Return the game as it will be read back once `new` is stored."""
        outcome = new.outcome
        played = PlayedRound(
            new.round_no, new.user_move, new.bot_move, new.points, outcome.user_score, outcome.bot_score
        )
        return self._replace(
            model=new.model or self.model,
            model_switched=self.model_switched or new.model_switched,
            user_score=outcome.user_score,
            bot_score=outcome.bot_score,
            winner=outcome.winner if outcome.finished else None,
            finished_at=new.played_at if outcome.finished else None,
            rounds=(*self.rounds, played),
            idempotency_keys=(*self.idempotency_keys, new.idempotency_key),
        )


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


class GameRound(NamedTuple):
    """A round on its way into the store, and the game as it was before it."""

    game: StoredGame
    new: NewRound
