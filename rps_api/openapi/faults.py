"""Which errors an operation answers, by status: partly from its route, partly from a table."""

from http import HTTPStatus
from typing import Any

from litestar.handlers import HTTPRouteHandler

from rps_api.guards import requires_operator, requires_prediction_access
from rps_api.limits import limits_plays, limits_starts
from rps_api.openapi.structs import unwrapped

OPERATOR_GUARDS = (requires_operator, requires_prediction_access)
LIMITS = (limits_starts, limits_plays)

_UNREADABLE = "The body is no JSON, or says something that the rules do not know."
_INVALID = "A field or a parameter is missing or out of range; `errors` lists each of them."
_TOO_LARGE = "The body is larger than RPS_MAX_BODY_BYTES."
_UNKNOWN_CALLER = "A token is configured, and this request does not carry it."
_NOT_LOCAL = "No token is configured, and the request does not come from this machine."
_TOO_FAST = "The client asks faster than the service allows; `Retry-After` says how many seconds to wait."
_NO_STORE = "The gameplay store does not answer; nothing was recorded."
_NO_GAME = "No game has this id."
_NO_SLOT = "There is no such family, opponent or alias."
_NO_DAGSTER = "No Dagster is configured."
_NOT_MOVED = "Dagster does not answer, or its run failed, as where an alias holds no version; nothing was moved."
_NO_MODEL = "No model can predict at the moment."
_BAD_FILTER = "A filter names what does not exist."

# What only the operation itself knows. Those that answer no error at all are listed too, so that none is forgotten.
FAULTS: dict[str, dict[int, str]] = {
    "startGame": {400: _NO_SLOT, 503: _NO_STORE},
    "playRound": {
        400: "The move is none of rock, paper and scissors.",
        404: _NO_GAME,
        409: "The round cannot be played; the other fields tell where the game stands.",
        503: _NO_STORE,
    },
    "roundPoints": {404: _NO_GAME, 503: _NO_STORE},
    "listPolicies": {},
    "recentRounds": {404: _NO_GAME, 503: _NO_STORE},
    "getGame": {404: _NO_GAME, 503: _NO_STORE},
    "explainRound": {404: "No game has this id, or its round was not played yet.", 503: _NO_STORE},
    "predict": {400: _NO_SLOT, 503: _NO_MODEL},
    "predictBatch": {},
    "predictInContext": {400: _NO_SLOT, 503: _NO_MODEL},
    "predictPolicies": {},
    "featuresExample": {},
    "listModels": {},
    "modelStages": {},
    "productionModels": {},
    "abTestStats": {503: _NO_STORE},
    "reloadModels": {},
    "reloadSlot": {400: _NO_SLOT},
    "loadFamily": {400: _NO_SLOT},
    "promoteModel": {400: _NO_SLOT, 501: _NO_DAGSTER, 503: _NOT_MOVED},
    "demoteModel": {400: _NO_SLOT, 501: _NO_DAGSTER, 503: _NOT_MOVED},
    "unloadModel": {404: "The model is not loaded, or does not exist."},
    "leaderboard": {503: _NO_STORE},
    "listGames": {400: _BAD_FILTER, 401: _UNKNOWN_CALLER, 403: _NOT_LOCAL, 503: _NO_STORE},
    "globalStats": {503: _NO_STORE},
    "activity": {503: _NO_STORE},
    "policyStats": {404: "Nobody played against this opponent.", 503: _NO_STORE},
    "playerStats": {404: "Nobody of this name has played.", 503: _NO_STORE},
    "stats": {400: "Neither a game nor a session is named.", 404: _NO_GAME, 503: _NO_STORE},
    "exportRounds": {
        401: _UNKNOWN_CALLER,
        403: _NOT_LOCAL,
        501: "The library for Parquet is not installed.",
        503: _NO_STORE,
    },
    "botWinRates": {503: _NO_STORE},
    "winStreaks": {400: _BAD_FILTER, 503: _NO_STORE},
    "observatoryState": {503: _NO_STORE},
    "reportPromotion": {400: "The report contradicts itself or names what does not exist.", 503: _NO_STORE},
    "promotionHistory": {400: _BAD_FILTER, 503: _NO_STORE},
    "promotionEventTotals": {503: _NO_STORE},
    "reportTraining": {400: "The family or the status does not exist."},
    "healthz": {},
    "readyz": {},
    "detailedHealth": {},
    "version": {},
    "modelState": {},
    "counters": {},
}
# These answer the same body with 503 as with 200: it says what is wrong.
UNHEALTHY = ("readyz", "detailedHealth")


def faults_of(handler: HTTPRouteHandler, operation: dict[str, Any]) -> dict[int, str]:
    """Return the errors of an operation by status, in order.

    Args:
        handler: the route that answers.
        operation: its part of the document, for the parameters and the body.
    """
    found: dict[int, str] = {}
    if "requestBody" in operation:
        found |= {400: _UNREADABLE, 413: _TOO_LARGE, 422: _INVALID}
    if any(parameter["in"] != "path" for parameter in operation.get("parameters", [])):
        found[422] = _INVALID
    if is_operators(handler):
        found |= {401: _UNKNOWN_CALLER, 403: _NOT_LOCAL}
    if unwrapped(handler.resolve_before_request()) in LIMITS:
        found[429] = _TOO_FAST
    own = FAULTS.get(operation["operationId"], {})
    for status, text in own.items():
        found[status] = f"{found[status]} {text}" if status == HTTPStatus.BAD_REQUEST and status in found else text
    return dict(sorted(found.items()))


def is_operators(handler: HTTPRouteHandler) -> bool:
    """Return whether only operators may call a route."""
    return any(guard in OPERATOR_GUARDS for guard in _guards(handler))


def _guards(handler: HTTPRouteHandler) -> list[Any]:
    return [unwrapped(guard) for guard in handler.resolve_guards()]
