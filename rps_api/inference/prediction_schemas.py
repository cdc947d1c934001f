"""Requests and replies of the stateless prediction endpoints."""

from typing import Annotated

import msgspec

from rps_core.game.families import ALIASES, Family
from rps_core.game.moves import MOVES, Move
from rps_core.game.opponents import POLICIES

MAX_HISTORY = 200
MAX_BATCH = 100

Text = Annotated[str, msgspec.Meta(max_length=64)]
PointValue = Annotated[float, msgspec.Meta(ge=0, le=100)]
MoveText = Annotated[str, msgspec.Meta(max_length=64, extra_json_schema={"enum": list(MOVES)})]
PolicyText = Annotated[str, msgspec.Meta(max_length=64, extra_json_schema={"enum": list(POLICIES)})]
AliasText = Annotated[str, msgspec.Meta(max_length=64, extra_json_schema={"enum": list(ALIASES)})]
Moves = Annotated[list[MoveText], msgspec.Meta(max_length=MAX_HISTORY)]


class Values(msgspec.Struct, frozen=True):
    """The value of each move in a round, in points."""

    rock: PointValue = 1.0
    paper: PointValue = 1.0
    scissors: PointValue = 1.0


class PredictRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The course of a game, as the client describes it.

    Attributes:
        policy: opponent whose family predicts.
        player_history, bot_history: moves, oldest first; extra moves at the end of the longer list are ignored.
        result_history: ignored; results are computed from the moves.
        round_values: values of the round to predict.
        history_values: values of the past rounds, oldest first; defaults to `round_values` for each round.
        user_score, bot_score: current scores in points; computed from the history by default.
        session_id: ignored; a prediction knows no session, so earlier games of the player do not count.
        ab_assignment: alias that predicts; Production by default.
    """

    policy: PolicyText
    difficulty_mode: Text | None = "normal"
    player_history: Moves = []
    bot_history: Moves = []
    result_history: Annotated[list[Text], msgspec.Meta(max_length=MAX_HISTORY)] | None = None
    round_values: Values | None = None
    history_values: Annotated[list[Values], msgspec.Meta(max_length=MAX_HISTORY)] | None = None
    user_score: PointValue | None = None
    bot_score: PointValue | None = None
    session_id: Annotated[str, msgspec.Meta(max_length=128)] | None = None
    ab_assignment: AliasText | None = None


class ContextDetails(msgspec.Struct, frozen=True, kw_only=True):
    """The history before the move of a `ContextRequest`."""

    player_history: Moves = []
    bot_history: Moves | None = None
    difficulty_mode: Text | None = "normal"
    policy: PolicyText = "brian"


class ContextRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The player's latest move and the rounds before it.

    The bot's moves are `opponent_history` or, if that is empty, `context.bot_history`.
    """

    player_move: MoveText
    opponent_history: Moves = []
    # A factory: the OpenAPI generator hashes plain defaults, and lists cannot be hashed.
    context: ContextDetails = msgspec.field(default_factory=ContextDetails)


class MoveProbabilities(msgspec.Struct, frozen=True):
    """The probability of each move of the user."""

    rock: float
    paper: float
    scissors: float


class PredictorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """The model that predicted."""

    model_type: Family
    alias: str
    version: str
    run_id: str


class PredictReply(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction; `prediction` is the user's most probable next move, not the bot's answer to it."""

    prediction: Move
    probabilities: MoveProbabilities
    policy: str
    difficulty_mode: str
    model_info: PredictorInfo
    features_used: int


class BatchItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer of a batch; if `success` is false, `error` gives the reason."""

    success: bool
    policy: str
    prediction: Move | None = None
    probabilities: MoveProbabilities | None = None
    difficulty_mode: str | None = None
    model_info: PredictorInfo | None = None
    error: str | None = None


class BatchReply(msgspec.Struct, frozen=True):
    """The answers of a batch, in the order of its requests."""

    results: list[BatchItem]


class ContextReply(msgspec.Struct, frozen=True, kw_only=True):
    """A prediction for a `ContextRequest`."""

    prediction: Move
    probabilities: MoveProbabilities
    context_policy: str
    context_difficulty: str
    model_info: PredictorInfo
    player_move: Move
    features_extracted: int


class PredictPolicies(msgspec.Struct, frozen=True, kw_only=True):
    """The opponents whose models can predict."""

    policies: list[str]
    difficulty_modes: list[str]
    description: str


class FeaturesExample(msgspec.Struct, frozen=True, kw_only=True):
    """The features of a short example game."""

    example_player_history: list[Move]
    example_bot_history: list[Move]
    round_values: Values
    extracted_features: list[float]
    feature_names: list[str]
    feature_count: int
    description: str
