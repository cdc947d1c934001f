"""Stateless predictions from a game that the client describes.

Results and scores are computed from the moves. The original took them from the client or left them at 0, so three of
its features meant something else in a prediction than in training.
"""

from collections.abc import Sequence

from rps_api.errors import InvalidRequest, NotAvailable
from rps_api.inference.model import LoadedModel, PredictionFailed, feature_row
from rps_api.inference.prediction_schemas import (
    MAX_BATCH,
    BatchItem,
    ContextReply,
    ContextRequest,
    FeaturesExample,
    MoveProbabilities,
    PredictorInfo,
    PredictReply,
    PredictRequest,
    Values,
)
from rps_api.inference.snapshot import Snapshot
from rps_core.errors import RpsError
from rps_core.features.contract import CURRENT_CONTRACT, FeatureContract
from rps_core.features.rows import features_of_round
from rps_core.game.choice import Probabilities, most_probable
from rps_core.game.families import Alias, Slot, parse_alias
from rps_core.game.moves import Move, parse_move
from rps_core.game.opponents import opponent
from rps_core.game.scoring import PlayedRound, Points, play_round

NORMAL = "normal"


def predict(request: PredictRequest, snapshot: Snapshot) -> PredictReply:
    """Predict the user's next move.

    Raises:
        UnknownPolicy, UnknownModelSlot, InvalidMove, InvalidRequest: the request has an invalid value.
        NotAvailable: the slot has no model, or its model failed.
    """
    alias = parse_alias(request.ab_assignment or "Production")
    model, probabilities = ask_model(request, alias, snapshot)
    return PredictReply(
        prediction=most_probable(probabilities),
        probabilities=MoveProbabilities(*probabilities),
        policy=opponent(request.policy).policy,
        difficulty_mode=NORMAL,
        model_info=_predictor(model, alias),
        features_used=len(model.contract.columns),
    )


def ask_model(request: PredictRequest, alias: Alias, snapshot: Snapshot) -> tuple[LoadedModel, Probabilities]:
    """Return the model of an alias and its prediction for a request; raises the same errors as `predict`."""
    slot = Slot(opponent(request.policy).family, alias)
    model = snapshot.slots.get(slot)
    # An invalid request is refused whether or not there is a model.
    features = features_of_request(request, CURRENT_CONTRACT if model is None else model.contract)
    if model is None:
        raise NotAvailable(f"{slot} has no model; GET /models shows why")
    try:
        return model, model.predict(feature_row(features))
    except PredictionFailed as error:
        raise NotAvailable(f"{slot} cannot predict: {error}") from error


def predict_each(requests: Sequence[PredictRequest], snapshot: Snapshot) -> list[BatchItem]:
    """Predict for each request; a failed request gets an error and does not affect the others.

    Raises:
        InvalidRequest: the batch holds more than a hundred requests.
    """
    if len(requests) > MAX_BATCH:
        raise InvalidRequest(f"the batch has {len(requests)} requests; send at most {MAX_BATCH}")
    return [_batch_item(request, snapshot) for request in requests]


def predict_in_context(request: ContextRequest, snapshot: Snapshot) -> ContextReply:
    """Predict the move after `player_move` with the Production model; raises the same errors as `predict`."""
    latest, context = parse_move(request.player_move), request.context
    reply = predict(
        PredictRequest(
            policy=context.policy,
            player_history=[*context.player_history, latest],
            bot_history=list(request.opponent_history or context.bot_history or []),
        ),
        snapshot,
    )
    return ContextReply(
        prediction=reply.prediction,
        probabilities=reply.probabilities,
        context_policy=reply.policy,
        context_difficulty=NORMAL,
        model_info=reply.model_info,
        player_move=latest,
        features_extracted=reply.features_used,
    )


def features_of_request(request: PredictRequest, contract: FeatureContract = CURRENT_CONTRACT) -> list[float]:
    """Return the features of a request; raises the same errors as `history_of_request`.

    They describe this game alone: a prediction knows no session, so it remembers no earlier games of the player.
    """
    current = _points(request.round_values or Values())
    return features_of_round(contract, history_of_request(request, current), current)


def history_of_request(request: PredictRequest, current: Points) -> list[PlayedRound]:
    """Return the rounds of a request, with results and scores by the rules of the game.

    Raises:
        InvalidMove: a move is not rock, paper or scissors.
        InvalidRequest: `history_values` covers fewer rounds than the moves.
    """
    pairs = list(zip(_moves(request.player_history), _moves(request.bot_history), strict=False))
    values = [current] * len(pairs)
    if request.history_values is not None:
        if len(request.history_values) < len(pairs):
            raise InvalidRequest(
                f"history_values has {len(request.history_values)} rounds and the moves have {len(pairs)}; "
                "send the values of every round"
            )
        values = [_points(round_values) for round_values in request.history_values[: len(pairs)]]
    history: list[PlayedRound] = []
    user = bot = 0.0
    for round_no, ((user_move, bot_move), points) in enumerate(zip(pairs, values, strict=True), start=1):
        outcome = play_round(user, bot, user_move, bot_move, points)
        user, bot = outcome.user_score, outcome.bot_score
        history.append(PlayedRound(round_no, user_move, bot_move, points, user, bot))
    if history:
        history[-1] = history[-1]._replace(
            user_score=user if request.user_score is None else request.user_score,
            bot_score=bot if request.bot_score is None else request.bot_score,
        )
    return history


def features_example() -> FeaturesExample:
    """Return the features of a short example game; clients can compare their own features with them."""
    player: list[Move] = ["rock", "paper", "scissors"]
    bot: list[Move] = ["scissors", "rock", "paper"]
    values = Values(1.4, 1.9, 1.0)
    request = PredictRequest(policy="brian", player_history=[*player], bot_history=[*bot], round_values=values)
    features = features_of_request(request)
    return FeaturesExample(
        example_player_history=player,
        example_bot_history=bot,
        round_values=values,
        extracted_features=features,
        feature_names=list(CURRENT_CONTRACT.columns),
        feature_count=len(features),
        description="Features of round 4 after three rounds; all four rounds have the same values.",
    )


def _batch_item(request: PredictRequest, snapshot: Snapshot) -> BatchItem:
    try:
        reply = predict(request, snapshot)
    except RpsError as error:
        return BatchItem(success=False, policy=request.policy, error=str(error))
    return BatchItem(
        success=True,
        policy=reply.policy,
        prediction=reply.prediction,
        probabilities=reply.probabilities,
        difficulty_mode=reply.difficulty_mode,
        model_info=reply.model_info,
    )


def _predictor(model: LoadedModel, alias: Alias) -> PredictorInfo:
    return PredictorInfo(
        model_type=model.family, alias=alias, version=model.identity.version, run_id=model.identity.run_id
    )


def _moves(texts: Sequence[str]) -> list[Move]:
    return [parse_move(text) for text in texts]


def _points(values: Values) -> Points:
    return values.rock, values.paper, values.scissors
