"""Reply of the explanation endpoint."""

from datetime import datetime
from typing import Any

import msgspec

from rps_api.games.schemas import AliasPrediction, PointsByMove, WinChances
from rps_core.game.families import Family, PlayingAlias
from rps_core.game.moves import Move
from rps_core.game.rules import ChoiceRule


class TrainingData(msgspec.Struct, frozen=True, kw_only=True):
    """The examples that trained a model.

    Attributes:
        fingerprint: their SHA-256.
        games: played games, of which `human_games`; games of simulated people are counted apart.
        simulated_weight: weight of an example of simulated people; one that was played has the weight 1.
    """

    fingerprint: str
    examples: int
    games: int
    human_games: int
    first_game_at: datetime
    last_game_at: datetime
    simulated_games: int
    simulated_examples: int
    simulated_weight: float


class ModelLineageView(msgspec.Struct, frozen=True, kw_only=True):
    """Origin of a model. Fields that come from its manifest are null or empty if the manifest is unknown here.

    Attributes:
        reproduced: whether the model predicts exactly the stored probabilities again from the features below; null
            if the model was unloaded.
    """

    model_type: Family
    alias: PlayingAlias
    version: str
    run_id: str
    reproduced: bool | None
    configuration_id: str | None
    trained_for: str | None
    trained_at: datetime | None
    seed: int | None
    hyperparameters: dict[str, Any]
    metrics: dict[str, float]
    training: TrainingData | None


class Links(msgspec.Struct, frozen=True, kw_only=True):
    """Pages of Dagster and MLflow about the model and its training data."""

    mlflow_run: str | None
    mlflow_version: str | None
    model_asset: str
    dataset_asset: str
    rounds_asset: str


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """The explanation of one round.

    Attributes:
        probabilities: the bot's prediction of the user's move.
        expected_values: points the bot expected from each of its moves; empty in the opening.
        choice_rule: how the bot chooses its move in this game.
        choice_reproduced: whether rule, prediction, budget and draw as stored give the stored mixture and move again.
        win_values: the bot's win probability after each of its moves under `probabilities`; empty in the opening.
        mixture: what the bot drew its move from; null under the rule expected_value, which draws nothing.
        draw: the uniform draw from 0 to 1; rock comes first, then paper. Null if nothing had to be drawn.
        budget_before: win probability that the bot could lose in this game before the round; null without a bank.
        budget: the same after the round.
        win_probability: what the round did to the player's chance to win; null for values of other games.
        features: by name, recomputed from the stored rounds before this one.
        habits: what the features say about the player, in sentences; empty for games of feature contract 2.
        remembered_games: number of the player's earlier games that the bot remembers in this game.
        model: null if no model chose the move.
    """

    game_id: str
    round: int
    policy: str
    user_move: Move
    bot_move: Move
    probability_source: str
    summary: str
    round_points: PointsByMove
    probabilities: PointsByMove
    expected_values: dict[str, float]
    choice_rule: ChoiceRule
    choice_reproduced: bool
    win_values: dict[str, float]
    mixture: PointsByMove | None
    draw: float | None
    budget_before: float | None
    budget: float | None
    win_probability: WinChances | None
    feature_contract: str
    features: dict[str, float]
    habits: list[str]
    remembered_games: int
    alias_predictions: dict[str, AliasPrediction]
    model: ModelLineageView | None
    links: Links | None
