"""Games, rounds and predictions as plain data, on their way into the store and out of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from rps_core.game.choice import Probabilities
from rps_core.game.families import Alias, Family, ModelIdentity, PlayingAlias
from rps_core.game.gambits import OPENING_ROUNDS, named_gambit
from rps_core.game.moves import Move
from rps_core.game.players import PlayerKind
from rps_core.game.rules import ChoiceRule
from rps_core.game.scoring import PlayedRound, Points, RoundOutcome, round_points

# Value of the required column `bot_model_version` for a game without a model.
NO_MODEL_VERSION = "unknown"
# A game without a move for this long counts as abandoned: its budget goes back to the bank.
REST = timedelta(hours=1)


class StoredGame(NamedTuple):
    """A game as the store holds it; the defaults are those of a game that begins.

    Each field with one value is a column of `games`; `rps_core.store.game_rows` derives the rows from the fields.

    Attributes:
        model: the model that plays; None while its slot is empty.
        model_switched: whether the model changed after it had chosen a move.
        rounds: all rounds, in order.
        idempotency_keys: for each round, the key the client sent with it, if any.
        contract_version: the feature contract of the game's models; None is 2.
        remembered_games: ids of the player's earlier games that the models see, newest first.
        choice_rule: how the bot turns a prediction into a move; None is the largest expected value.
        value_key: key of the values of the rounds, 16 bytes in hex; None if the id of the game is the key.
        stake: win probability that the bot may lose in this game; None if its rule has no bank. A new game whose stake
            is None takes it from its bank.
        budget: what is left of the stake after the last round; None if nothing was lent, or if it was taken back.
        active_at: time of the last round, or None.
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
    contract_version: int | None = None
    remembered_games: tuple[str, ...] = ()
    choice_rule: ChoiceRule | None = None
    value_key: str | None = None
    stake: float | None = None
    budget: float | None = None
    active_at: datetime | None = None

    @property
    def next_round_no(self) -> int:
        """Number of the next round, from 1."""
        return len(self.rounds) + 1

    @property
    def key(self) -> str:
        """What the values of the rounds follow from; secret until the game is finished."""
        return self.value_key or self.id

    def round_points(self, round_no: int) -> Points:
        """Return the values of a round."""
        return round_points(self.key, round_no)

    def after(self, new: "NewRound") -> "StoredGame":
        """Return the game as it will be read back once `new` is stored."""
        outcome = new.outcome
        played = PlayedRound(
            new.round_no, new.user_move, new.bot_move, new.points, outcome.user_score, outcome.bot_score
        )
        rounds = (*self.rounds, played)
        return self._replace(
            model=new.model or self.model,
            model_switched=self.model_switched or new.model_switched,
            user_score=outcome.user_score,
            bot_score=outcome.bot_score,
            winner=outcome.winner if outcome.finished else None,
            finished_at=new.played_at if outcome.finished else None,
            rounds=rounds,
            idempotency_keys=(*self.idempotency_keys, new.idempotency_key),
            budget=new.budget,
            active_at=new.played_at,
            **(_opening_of(rounds) if outcome.finished and not self.opening else {}),
        )

    def returned_by(self, now: datetime) -> float | None:
        """Return what the bank gets back if the game has rested for an hour: its budget; None while it goes on.

        A game that goes on after such a rest is played without a budget.
        """
        return None if now - (self.active_at or self.created_at) < REST else self.budget


def _opening_of(rounds: Sequence[PlayedRound]) -> dict[str, Any]:
    """Return the opening of a finished game whose moves were drawn one by one."""
    first = rounds[:OPENING_ROUNDS]
    gambit = named_gambit(first)
    return {
        "opening": tuple(played.bot_move for played in first),
        "opening_name": gambit.name if gambit else None,
    }


class StoredPrediction(NamedTuple):
    """The prediction of a slot in one round, with the model that the slot held at that moment."""

    alias: Alias
    family: Family
    model: ModelIdentity
    probabilities: Probabilities
    correct: bool


class StoredRound(NamedTuple):
    """A round as it is stored; deltas and scores are in points, and scores are those after the round.

    Attributes:
        mixture: the distribution that the bot drew its move from, if it drew one.
        draw: the secret uniform draw of that move, 0 to 1.
        budget: win probability that the bot may still lose after the round; None without a bank.
    """

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
    mixture: Probabilities | None = None
    draw: float | None = None
    budget: float | None = None


class NewRound(NamedTuple):
    """A played round that is not stored yet.

    Attributes:
        idempotency_key: key of the client's request.
        model: the model that plays from this round on; None keeps the game's model.
        model_switched: whether that model replaces one that has already chosen a move.
        mixture, draw, budget: those of `StoredRound`.
        returned: what the bank gets back with this round, if the game still holds a loan; None if nothing.
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
    mixture: Probabilities | None = None
    draw: float | None = None
    budget: float | None = None
    returned: float | None = None

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
            self.mixture,
            self.draw,
            self.budget,
        )


class GameRound(NamedTuple):
    """A round to store, and the game before it."""

    game: StoredGame
    new: NewRound
