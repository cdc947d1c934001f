"""What the stateless prediction endpoints read and write."""

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
    """A game so far, as a client tells it.

    Attributes:
        policy: opponent whose family predicts.
        player_history, bot_history: moves, oldest first; the longer list is cut to the shorter.
        result_history: ignored; results follow from the moves.
        round_values: values of the round to predict.
        history_values: values of the past rounds, oldest first; those of the round to predict where missing.
        user_score, bot_score: scores now, in points; counted from the history where missing.
        ab_assignment: alias that predicts; Production where missing.
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
    """What surrounds the move of a `ContextRequest`."""

    player_history: Moves = []
    bot_history: Moves | None = None
    difficulty_mode: Text | None = "normal"
    policy: PolicyText = "brian"


class ContextRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The player's latest move, and the rounds before it; the opponent's moves stand in either of two lists."""

    player_move: MoveText
    opponent_history: Moves = []
    # A factory, because the document generator hashes plain defaults and this one holds lists.
    context: ContextDetails = msgspec.field(default_factory=ContextDetails)


class MoveProbabilities(msgspec.Struct, frozen=True):
    """How probable each move of the user is."""

    rock: float
    paper: float
    scissors: float


class PredictorInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Which model predicted."""

    model_type: Family
    alias: str
    version: str
    run_id: str


class PredictReply(msgspec.Struct, frozen=True, kw_only=True):
    """`prediction` is the user's most probable next move, not the bot's answer to it."""

    prediction: Move
    probabilities: MoveProbabilities
    policy: str
    difficulty_mode: str
    model_info: PredictorInfo
    features_used: int


class BatchItem(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One answer of a batch; `error` says why there is none."""

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
    """A prediction with what it was asked about."""

    prediction: Move
    probabilities: MoveProbabilities
    context_policy: str
    context_difficulty: str
    model_info: PredictorInfo
    player_move: Move
    features_extracted: int


class PredictPolicies(msgspec.Struct, frozen=True, kw_only=True):
    """Who predicts."""

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
