"""The stateless prediction endpoints."""

from litestar import Controller, get, post
from litestar.di import NamedDependency
from litestar.params import JSONBody

from rps_api.guards import requires_prediction_access
from rps_api.inference.prediction import features_example, predict, predict_each, predict_in_context
from rps_api.inference.prediction_schemas import (
    BatchReply,
    ContextReply,
    ContextRequest,
    FeaturesExample,
    PredictPolicies,
    PredictReply,
    PredictRequest,
)
from rps_api.inference.served_models import ServedModels
from rps_api.problems import NO_MODEL, NO_SLOT
from rps_core.game.opponents import POLICIES


class PredictionController(Controller):
    """Predictions need the operators' token unless they are public; descriptions are always public."""

    path = "/predict"
    tags = ("prediction",)

    @post(
        "/",
        status_code=200,
        guards=[requires_prediction_access],
        sync_to_thread=False,
        operation_id="predict",
        responses={400: NO_SLOT, 503: NO_MODEL},
    )
    def predict(self, data: JSONBody[PredictRequest], served_models: NamedDependency[ServedModels]) -> PredictReply:
        """Predict the user's next move in the game that the request describes."""
        return predict(data, served_models.snapshot)

    @post(
        "/batch",
        status_code=200,
        guards=[requires_prediction_access],
        sync_to_thread=True,
        operation_id="predictBatch",
    )
    def batch(self, data: JSONBody[list[PredictRequest]], served_models: NamedDependency[ServedModels]) -> BatchReply:
        """Predict for up to a hundred games; each result has its own `success`."""
        return BatchReply(predict_each(data, served_models.snapshot))

    @post(
        "/context",
        status_code=200,
        guards=[requires_prediction_access],
        sync_to_thread=False,
        operation_id="predictInContext",
        responses={400: NO_SLOT, 503: NO_MODEL},
    )
    def context(self, data: JSONBody[ContextRequest], served_models: NamedDependency[ServedModels]) -> ContextReply:
        """Predict the move after the player's latest move."""
        return predict_in_context(data, served_models.snapshot)

    @get("/policies", sync_to_thread=False, operation_id="predictPolicies")
    def policies(self) -> PredictPolicies:
        """List the opponents whose models can predict."""
        return PredictPolicies(
            policies=list(POLICIES),
            difficulty_modes=["normal"],
            description="Each policy predicts the user's next move with the models of its family.",
        )

    @get("/features/example", sync_to_thread=False, operation_id="featuresExample", summary="Example of features")
    def example(self) -> FeaturesExample:
        """Return the features of a short example game."""
        return features_example()


PREDICTION_HANDLERS = [PredictionController]
