"""The bot's move: chosen from the models' predictions by the rule of the game. Pure functions."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import NamedTuple

from rps_api.capture.records import SeenFeatures
from rps_api.games.idempotency import Play
from rps_api.inference.model import FeatureRow, LoadedModel, PredictionFailed, feature_row
from rps_api.inference.snapshot import Snapshot
from rps_core.features.contract import CONTRACT_V2, FeatureContract
from rps_core.features.rows import features_of_round
from rps_core.features.steps import GameSteps
from rps_core.game.choice import UNIFORM, Probabilities, choose_move, most_probable
from rps_core.game.equilibrium import Mixture, settle_budget
from rps_core.game.families import ALIASES, Alias, ModelIdentity, Slot
from rps_core.game.gambits import FIRST_POLICY_ROUND, OPENING_ROUNDS
from rps_core.game.moves import MOVE_INDEX, Move
from rps_core.game.rules import EXPECTED_VALUE, ChoiceRule, draw_move, is_mixed, mixture_of, round_stakes
from rps_core.game.scoring import Points, play_round
from rps_core.store.games import NewRound, StoredGame, StoredPrediction

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
        self.points: Points = game.round_points(self.round_no)
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
        mixture: what the move was drawn from; None under the rule `expected_value`, which draws nothing.
        draw: the uniform draw; None if the mixture has only one move.
    """

    bot_move: Move
    source: str
    predictions: tuple[SlotPrediction, ...] = ()
    pin: ModelIdentity | None = None
    switched: bool = False
    mixture: Mixture | None = None
    draw: float | None = None


def rule_of(game: StoredGame) -> ChoiceRule:
    """Return the rule by which the bot chooses its moves in this game."""
    return game.choice_rule or EXPECTED_VALUE


def decide(
    game: StoredGame,
    upcoming: UpcomingRound,
    snapshot: Snapshot,
    *,
    forced_fallback: bool,
    draw: Callable[[], float],
) -> MoveDecision:
    """Choose the bot's move of the next round; the user's move is not among the arguments.

    Args:
        game: the game with its rounds so far, and the budget that the bot may lose.
        upcoming: the round to play.
        snapshot: the served models.
        forced_fallback: play without a model, whatever is served.
        draw: returns a secret uniform number from 0 to 1.
    """
    source, predictions = _foreseen(game, upcoming, snapshot, forced_fallback=forced_fallback)
    own = None
    if source == SOURCE_MODEL:
        own = next(prediction for prediction in predictions if prediction.alias == game.alias)
    move, mixture, drawn = _chosen(game, upcoming, source, None if own is None else own.probabilities, draw)
    if source == SOURCE_GAMBIT:
        return MoveDecision(move, source, mixture=mixture, draw=drawn)
    if own is None:
        switched = game.model is not None and not game.model_switched
        return MoveDecision(move, source, predictions, None, switched, mixture, drawn)
    pin = None if own.model == game.model else own.model
    # Another model, or no model, chose the policy rounds before this one.
    switched = pin is not None and upcoming.round_no > FIRST_POLICY_ROUND
    return MoveDecision(move, source, predictions, pin, switched, mixture, drawn)


def _foreseen(
    game: StoredGame, upcoming: UpcomingRound, snapshot: Snapshot, *, forced_fallback: bool
) -> tuple[str, tuple[SlotPrediction, ...]]:
    """Return where the forecast comes from, and the predictions of all slots."""
    opening_rounds = len(game.opening) if rule_of(game) == EXPECTED_VALUE else OPENING_ROUNDS
    if upcoming.round_no <= opening_rounds:
        return SOURCE_GAMBIT, ()
    if forced_fallback:
        return SOURCE_FORCED, ()
    predictions = predict_all(game, upcoming, snapshot)
    is_predicted = any(prediction.alias == game.alias for prediction in predictions)
    return SOURCE_MODEL if is_predicted else SOURCE_FALLBACK, predictions


def _chosen(
    game: StoredGame,
    upcoming: UpcomingRound,
    source: str,
    forecast: Probabilities | None,
    draw: Callable[[], float],
) -> tuple[Move, Mixture | None, float | None]:
    """Return the move, the mixture it was drawn from and the draw."""
    rule, points = rule_of(game), upcoming.points
    stakes = None if rule == EXPECTED_VALUE else round_stakes(game.user_score, game.bot_score, points)
    if stakes is None:
        if source == SOURCE_GAMBIT:
            return game.opening[upcoming.round_no - 1], None, None
        return choose_move(forecast or UNIFORM, points, game.bot_score, game.user_score), None, None
    mixture = mixture_of(rule, stakes, forecast, game.budget)
    drawn = draw() if is_mixed(mixture) else None
    return draw_move(mixture, drawn or 0.0), mixture, drawn


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


def plan_round(
    game: StoredGame,
    upcoming: UpcomingRound,
    play: Play,
    snapshot: Snapshot,
    *,
    now: datetime,
    draw: Callable[[], float],
    forced_fallback: bool = False,
) -> NewRound:
    """Return the next round of a game, ready to store.

    Args:
        game: the game with its rounds so far.
        upcoming: the round to play.
        play: the user's move.
        snapshot: the served models.
        now: time of the round.
        draw: returns a secret uniform number from 0 to 1.
        forced_fallback: play without a model, whatever is served.
    """
    returned = game.returned_by(now)
    if returned is not None:
        game = game._replace(budget=None)
    decision = decide(game, upcoming, snapshot, forced_fallback=forced_fallback, draw=draw)
    outcome = play_round(game.user_score, game.bot_score, play.move, decision.bot_move, upcoming.points)
    budget = _budget_after(game, upcoming, decision, play.move)
    return NewRound(
        round_no=upcoming.round_no,
        user_move=play.move,
        bot_move=decision.bot_move,
        points=upcoming.points,
        outcome=outcome,
        probability_source=decision.source,
        predictions=score_predictions(game, decision.predictions, play.move),
        played_at=now,
        idempotency_key=play.idempotency_key,
        model=decision.pin,
        model_switched=decision.switched,
        mixture=decision.mixture,
        draw=decision.draw,
        budget=budget,
        returned=budget if outcome.finished and returned is None else returned,
    )


def _budget_after(game: StoredGame, upcoming: UpcomingRound, decision: MoveDecision, user_move: Move) -> float | None:
    """Return what is left of the game's budget after a round that was played with it."""
    stakes = round_stakes(game.user_score, game.bot_score, upcoming.points)
    if game.budget is None or stakes is None or decision.mixture is None:
        return None
    return settle_budget(stakes, decision.mixture, MOVE_INDEX[user_move], game.budget)


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
