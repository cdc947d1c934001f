"""Requests and replies of the gameplay endpoints. Field names are the original's, because its clients read them."""

from datetime import datetime
from typing import Annotated

import msgspec

from rps_core.game.families import Alias, Family, PlayingAlias
from rps_core.game.moves import MOVES, Move, Result
from rps_core.game.opponents import POLICIES
from rps_core.game.players import PlayerKind
from rps_core.game.rules import ChoiceRule
from rps_core.game.scoring import Winner
from rps_core.store.counting import kind_by_name

Text = Annotated[str, msgspec.Meta(max_length=200)]
# The game's own errors explain unknown moves and opponents, so their types are text. An empty opponent means the first.
MoveText = Annotated[
    str, msgspec.Meta(max_length=200, description="In any case.", extra_json_schema={"enum": list(MOVES)})
]
PolicyText = Annotated[str, msgspec.Meta(max_length=200, extra_json_schema={"enum": [*POLICIES, ""]})]
GameId = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
SessionId = Annotated[str, msgspec.Meta(max_length=128)]
RoundNo = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class PointsByMove(msgspec.Struct, frozen=True):
    """The value of each move in one round, in points."""

    rock: float
    paper: float
    scissors: float


class StartGameRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Options of a new game. `user_name` and `bot_policy` are synonyms that older clients send.

    Attributes:
        difficulty_mode: any value is accepted and played as normal; the easy mode is retired.
        player_kind: who plays; models train on scripted games. Games of simulated people and test games do not train,
            and no statistic counts them. Without it a person plays, unless RPS_KINDS_BY_NAME lets the name decide.
        mark_test_game, is_test_game, is_test_data, is_test: if any is true, this is a test game.
    """

    player_name: Text | None = None
    user_name: Text | None = None
    policy: PolicyText | None = None
    bot_policy: PolicyText | None = None
    difficulty_mode: Text | None = "normal"
    session_id: SessionId | None = None
    player_kind: PlayerKind | None = None
    mark_test_game: bool | None = False
    is_test_game: bool | None = None
    is_test_data: bool | None = None
    is_test: bool | None = None

    def kind(self, *, by_name: bool) -> PlayerKind:
        """Return the kind of player to store; `by_name` lets the name decide if the request does not."""
        if any((self.mark_test_game, self.is_test_game, self.is_test_data, self.is_test)):
            return "test"
        name = self.player_name or self.user_name or ""
        return self.player_kind or (kind_by_name(name) if by_name else "human")


class StartGameReply(msgspec.Struct, frozen=True, kw_only=True):
    """A started game and the values of its first round; `session_code` is the short name of the session.

    Attributes:
        remembered_games: number of the session's earlier games that the bot remembers in this game.
        choice_rule: how the bot chooses its moves in this game.
        value_key_sha256: SHA-256 of the secret key that the values of all rounds follow from.
    """

    game_id: str
    session_id: str
    session_code: str
    player_name: str
    player_kind: PlayerKind
    bot_policy: str
    policy: str
    difficulty_mode: str
    bot_model_alias: PlayingAlias
    model_type: Family
    model_version: str | None
    status: str
    message: str
    target_score: float
    round_no: int
    round_points: PointsByMove
    points: PointsByMove
    user_score: float
    bot_score: float
    remembered_games: int
    value_key_sha256: str
    choice_rule: ChoiceRule


class PlayRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One move. `round` is the round that the client expects to play; with it, a repeated request plays only once."""

    game_id: GameId
    user_move: MoveText
    round: RoundNo | None = None
    easy_mode: bool | None = None


class RoundPointsReply(msgspec.Struct, frozen=True):
    """The values of the next round."""

    round_no: int
    round_points: PointsByMove


class Scores(msgspec.Struct, frozen=True):
    """Scores after a round, and the number of draws so far."""

    player: float
    bot: float
    ties: int


class ModelInfo(msgspec.Struct, frozen=True, kw_only=True):
    """Which model chose the bot's move; `model_type` is "gambit" in the opening."""

    model_type: str
    model_alias: Alias | None
    model_version: str | None
    model_run_id: str | None
    difficulty_mode: str
    policy: str
    probability_source: str


class AbAssignment(msgspec.Struct, frozen=True, kw_only=True):
    """The alias that plays this game."""

    alias: PlayingAlias
    model_key: str
    is_variant: bool


class AliasPrediction(msgspec.Struct, frozen=True, kw_only=True):
    """The prediction of one slot for the user's move."""

    model_version: str
    model_run_id: str
    probabilities: PointsByMove
    predicted_move: Move
    correct: bool


class WinChances(msgspec.Struct, frozen=True, kw_only=True):
    """The player's win probability around one round, if both sides play perfectly from there on.

    `shown` less `before` is the luck of the values, `chosen` less `shown` the player's skill, and `after` less `chosen`
    the luck of the bot's draw. Over all rounds of a game they add up to its result less one half.

    Attributes:
        before: before the values of the round were known.
        shown: with its values known.
        chosen: after the player's move, before the bot's draw.
        best: the largest that `chosen` could have been with another move.
        after: after the round; 1, 0 or one half once the game is over.
        perfect: how often a perfect player chooses each move in this round.
        bits: how well the model knew the move: log2 of its probability over that of perfect play; null without a model.
    """

    before: float
    shown: float
    chosen: float
    best: float
    after: float
    perfect: PointsByMove
    bits: float | None


class PlayDebug(msgspec.Struct, frozen=True, kw_only=True):
    """How the bot chose its move; sent after the round, when it can no longer help the player.

    Attributes:
        move_values: expected value of each bot move, in points; empty in the opening, which computes none.
        expected_values: always empty, kept for older clients.
        choice_rule: how the bot chooses its move in this game.
        win_values: the bot's win probability after each of its moves under `probabilities`; empty in the opening.
        mixture: what the bot drew its move from; null under the rule expected_value, which draws nothing.
        budget: win probability that the bot may still lose in this game; null without a bank.
    """

    probabilities: PointsByMove
    base_probabilities: PointsByMove
    move_values: dict[str, float]
    expected_values: dict[str, float]
    probability_source: str
    model_type: str
    selected_move: Move
    effective_policy: str
    features: list[float]
    feature_count: int
    round_no: int
    model_info: ModelInfo
    alias_predictions: dict[str, AliasPrediction]
    choice_rule: ChoiceRule
    win_values: dict[str, float]
    mixture: PointsByMove | None
    budget: float | None


class PlayReply(msgspec.Struct, frozen=True, kw_only=True):
    """A played round, built from the store, so that a repeated request gets the same bytes.

    Attributes:
        round_points: the values of this round.
        next_round_points: the values of the next round; null if this round ended the game.
        win_probability: what the round did to the player's chance to win; null for values of other games.
        value_key: the key that the values of all rounds follow from; null until the game is finished.
        habit: one habit of the player to work on, as a sentence; null until the game is finished, or without one.
    """

    game_id: str
    round: int
    user_move: Move
    player_move: Move
    bot_move: Move
    result: Result
    user_delta: float
    bot_delta: float
    user_score: float
    bot_score: float
    round_points: PointsByMove
    next_round_points: PointsByMove | None
    finished: bool
    winner: Winner | None
    win_probability: WinChances | None
    value_key: str | None
    habit: str | None
    scores: Scores
    policy: str
    difficulty_mode: str
    model_info: ModelInfo
    ab_assignment: AbAssignment | None
    debug: PlayDebug
    message: str


class RoundView(msgspec.Struct, frozen=True, kw_only=True):
    """One stored round of a game."""

    round: int
    user_move: Move
    bot_move: Move
    result: Result
    user_score: float
    bot_score: float
    round_points: PointsByMove


class GameView(msgspec.Struct, frozen=True, kw_only=True):
    """A game with its rounds; `opening_name`, `value_key` and `habit` are null until it is finished.

    Attributes:
        remembered_games: number of the session's earlier games that the bot remembers in this game.
        choice_rule: how the bot chooses its moves.
        win_probability: the player's chance to win now, if both sides play perfectly from here on.
        habit: one habit of the player to work on, as a sentence; null without one.
    """

    game_id: str
    player_name: str
    player_kind: PlayerKind
    policy: str
    difficulty_mode: str
    model_type: Family
    bot_model_alias: PlayingAlias
    model_version: str | None
    model_run_id: str | None
    model_switched: bool
    status: str
    winner: str | None
    user_score: float
    bot_score: float
    target_score: float
    round_no: int
    round_points: PointsByMove
    opening_name: str | None
    value_key: str | None
    value_key_sha256: str
    habit: str | None
    choice_rule: ChoiceRule
    win_probability: float
    created_at: datetime
    finished_at: datetime | None
    remembered_games: int
    rounds: list[RoundView]
