"""The bot's move: scripted in the opening, then chosen from the models' predictions. Pure functions."""

import logging
from collections.abc import Sequence
from typing import NamedTuple

from rps_api.capture.records import SeenFeatures
from rps_api.inference.model import FeatureRow, LoadedModel, PredictionFailed, feature_row
from rps_api.inference.snapshot import Snapshot
from rps_core.features.contract import CONTRACT_V2, FeatureContract
from rps_core.features.rows import features_of_round
from rps_core.features.steps import GameSteps
from rps_core.game.choice import UNIFORM, Probabilities, choose_move, most_probable
from rps_core.game.families import ALIASES, Alias, ModelIdentity, Slot
from rps_core.game.gambits import FIRST_POLICY_ROUND
from rps_core.game.moves import Move
from rps_core.game.scoring import Points, round_points
from rps_core.store.games import StoredGame, StoredPrediction

_log = logging.getLogger(__name__)

SOURCE_GAMBIT = "gambit"
SOURCE_FORCED = "forced_fallback"
# The original's name for any model, whether it came from the cache or from MLflow.
SOURCE_MODEL = "mlflow"
SOURCE_FALLBACK = "fallback"


class UpcomingRound:
    """A round before both moves: its number from 1, its values in points and the features that models see.

    Features are computed while the round is decided: what is known of the game changes once the round is stored.

    Attributes:
        seen: contract and features that each model saw, by run.
    """

    __slots__ = ("_features", "_game", "_known", "points", "round_no", "seen")

    def __init__(self, game: StoredGame, known: GameSteps) -> None:
        self.round_no = game.next_round_no
        self.points: Points = round_points(game.id, self.round_no)
        self._game = game
        self._known = known
        self._features: dict[int, list[float]] = {}
        self.seen: dict[str, SeenFeatures] = {}

    def features(self, contract: FeatureContract) -> list[float]:
        """Return the features of a contract; computed once, and only for contracts that a model or a reply needs."""
        found = self._features.get(contract.version)
        if found is None:
            game = self._game
            found = self._features[contract.version] = (
                features_of_round(contract, game.rounds, self.points, easy_mode=game.easy_mode)
                if contract is CONTRACT_V2
                else self._known.row(self.points)
            )
        return found


class SlotPrediction(NamedTuple):
    """The prediction of one slot, made without the user's move."""

    alias: Alias
    model: ModelIdentity
    probabilities: Probabilities


class MoveDecision(NamedTuple):
    """The bot's move and the predictions behind it.

    Attributes:
        predictions: one for every slot of the family that could predict, in the order of the aliases.
        pin: model that plays the game from this round on; None changes nothing.
        switched: whether the result can no longer be credited to one model: this round or an earlier one had another.
    """

    bot_move: Move
    source: str
    predictions: tuple[SlotPrediction, ...] = ()
    pin: ModelIdentity | None = None
    switched: bool = False


def decide(game: StoredGame, upcoming: UpcomingRound, snapshot: Snapshot, *, forced_fallback: bool) -> MoveDecision:
    """Choose the bot's move of the next round; the user's move is not among the arguments.

    Args:
        game: the game with its rounds so far.
        upcoming: the round to play.
        snapshot: the served models.
        forced_fallback: play from uniform probabilities, whatever is served.
    """
    round_no, points = upcoming.round_no, upcoming.points
    if round_no <= len(game.opening):
        return MoveDecision(game.opening[round_no - 1], SOURCE_GAMBIT)
    if forced_fallback:
        return _uniform(game, points, SOURCE_FORCED, ())
    predictions = predict_all(game, upcoming, snapshot)
    own = next((prediction for prediction in predictions if prediction.alias == game.alias), None)
    if own is None:
        return _uniform(game, points, SOURCE_FALLBACK, predictions)
    move = choose_move(own.probabilities, points, game.bot_score, game.user_score)
    pin = None if own.model == game.model else own.model
    # Another model, or no model, chose the policy rounds before this one.
    switched = pin is not None and round_no > FIRST_POLICY_ROUND
    return MoveDecision(move, SOURCE_MODEL, predictions, pin, switched)


def playing_model(game: StoredGame, snapshot: Snapshot) -> LoadedModel | None:
    """Return the model that plays this game: the game's own model while it is in memory, otherwise its alias's."""
    pinned = None if game.model is None else snapshot.find(game.family, game.model)
    return pinned or snapshot.slots.get(Slot(game.family, game.alias))


def predict_all(game: StoredGame, upcoming: UpcomingRound, snapshot: Snapshot) -> tuple[SlotPrediction, ...]:
    """Return the predictions of all four aliases of the family, without slots that are empty or fail."""
    own, rows = playing_model(game, snapshot), dict[int, FeatureRow]()
    predictions: list[SlotPrediction] = []
    for alias in ALIASES:
        model = own if alias == game.alias else snapshot.slots.get(Slot(game.family, alias))
        if model is None:
            continue
        row = rows.get(model.contract.version)
        if row is None:
            row = rows[model.contract.version] = feature_row(upcoming.features(model.contract))
        upcoming.seen[model.identity.run_id] = SeenFeatures(model.contract, upcoming.features(model.contract))
        try:
            predictions.append(SlotPrediction(alias, model.identity, model.predict(row)))
        except PredictionFailed as error:
            _log.warning("%s@%s cannot predict in game %s: %s", game.family, alias, game.id, error)
    return tuple(predictions)


def score_predictions(
    game: StoredGame, predictions: Sequence[SlotPrediction], user_move: Move
) -> tuple[StoredPrediction, ...]:
    """Mark each prediction as correct or wrong, given the user's move."""
    return tuple(
        StoredPrediction(
            prediction.alias,
            game.family,
            prediction.model,
            prediction.probabilities,
            most_probable(prediction.probabilities) == user_move,
        )
        for prediction in predictions
    )


def _uniform(game: StoredGame, points: Points, source: str, predictions: tuple[SlotPrediction, ...]) -> MoveDecision:
    move = choose_move(UNIFORM, points, game.bot_score, game.user_score)
    return MoveDecision(move, source, predictions, switched=game.model is not None and not game.model_switched)
